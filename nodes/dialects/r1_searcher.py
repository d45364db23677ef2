"""R1-Searcher: special tokens of its own, numbered passages, a tagged answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .base import Budgets
from .parts.documents import text_of
from .parts.prompt import build_prompt
from .parts.tag import Tag
from .parts.tagged import TaggedDialect

BEGIN_QUERY, END_QUERY = "<|begin_of_query|>", "<|end_of_query|>"
BEGIN_DOCUMENTS, END_DOCUMENTS = "<|begin_of_documents|>", "<|end_of_documents|>"
"""Wire strings (evaluation/eval_search_loacl.py:58-103 and :278-285)."""

RULES = (
    "The Assistant thinks first and answers then: its reasoning stands between <think> and "
    "</think>, its final answer, short, between <answer> and </answer>. While it thinks it "
    "may look things up: it writes what to look for between "
    f"{BEGIN_QUERY} and {END_QUERY}, and passages about that follow between "
    f"{BEGIN_DOCUMENTS} and {END_DOCUMENTS}. It splits a hard question into simple ones and "
    "looks up one at a time."
)
"""Our own words. The originals: evaluation/eval_search_loacl.py:10-103 and, for training,
OpenRLHF-RAG/openrlhf/datasets/prompts_dataset.py:24-31 of RUCAIBox/R1-Searcher."""

_RETRIEVER_ID = re.compile(r'\A\d++\s++(?="?Title: )')
"""Number that the original's retriever puts before a passage; the loop takes it off."""


def passage(document: Mapping[str, Any]) -> str:
    r"""Return a document as a line of the original's passage file.

    The file is tab separated with quotes: a line that holds a quotation mark stands in
    quotes itself, inner ones doubled, and the model was trained on that.

    >>> passage({"title": "Peru", "text": "A \"country\"."})
    '"Title: Peru Text:  A ""country""."'
    """
    title, text = document.get("title"), text_of(document)
    if not title:
        return _RETRIEVER_ID.sub("", text)
    line = f"Title: {title} Text:  {text}"
    quoted = line.replace('"', '""')
    return f'"{quoted}"' if '"' in line else line


class R1SearcherDialect(TaggedDialect):
    """The Qwen model, trained from a base model (arXiv 2503.05592).

    A plain-text prompt without chat template, opened with `<think>`. Budgets of training
    (experience_maker.py:1087-1189): 3 documents, 8 turns of 512 tokens. The stop string
    is not kept by the original's server and is written again; here it stays.

    Unlike the original, which answers "I don't know." for the model after too many
    searches (9 on the local index, 8 online), a limit message is shown and an answer
    asked for. Limit, repeat and invalid messages are therefore our own words.
    """

    name = "r1_searcher"
    prompt_source = (
        "RUCAIBox/R1-Searcher: training "
        "OpenRLHF-RAG/openrlhf/datasets/prompts_dataset.py:24-31; "
        "evaluation/eval_search_loacl.py:10-103; online "
        "evaluation/eval_search_online.py:322-367"
    )
    stop = (END_QUERY, "</answer>", "<|im_end|>", "<|endoftext|>")
    tags = (
        BEGIN_QUERY,
        END_QUERY,
        BEGIN_DOCUMENTS,
        END_DOCUMENTS,
        "<answer>",
        "</answer>",
    )
    query_tag = Tag(BEGIN_QUERY, END_QUERY)
    result_tag = Tag(BEGIN_DOCUMENTS, END_DOCUMENTS)
    answer_tag = Tag("<answer>", "</answer>")
    thinking_close = "</think>"
    prefill = "<think>"
    uses_chat_template = False
    repeats_searches = True
    budgets = Budgets(max_searches=8, max_turns=8, max_turn_tokens=512, top_k=3)
    forced_stop = ("</answer>",)

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        text = (
            "The User asks a question, and the Assistant answers it. "
            f"{RULES}\n\nUser:{{question}}\nAssistant: "
        )
        return build_prompt([{"role": "user", "content": text}], question, settings)

    def wrap_result(self, text: str) -> str:
        return f"\n\n{BEGIN_DOCUMENTS}\n{text}{END_DOCUMENTS}\n\n"

    def format_documents(self, documents: Sequence[Mapping[str, Any]]) -> str:
        return "".join(f"({n}){passage(doc)}\n" for n, doc in enumerate(documents, 1))

    def empty_message(self) -> str:
        """Return the original's word for no documents."""
        return "None"

    def format_query(self, query: str) -> str:
        # Every query of the released models starts with a space.
        return f"{BEGIN_QUERY} {query}{END_QUERY}"

    def format_answer(self, answer: str) -> str:
        return f"<answer> {answer} </answer>"


class EvaluationDialect(R1SearcherDialect):
    """As evaluated on the local index: 5 documents (evaluation/eval_search_loacl.py:230)."""

    name = "r1_searcher:evaluation"
    budgets = Budgets(max_searches=8, max_turns=9, max_turn_tokens=512, top_k=5)


class LlamaDialect(R1SearcherDialect):
    """The Llama model, trained from an instruct model: a system and a user message.

    evaluation/eval_search_loacl.py:10-20; it writes no spaces inside the answer's tags.
    """

    name = "r1_searcher:llama"
    uses_chat_template = True

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        own = [
            {"role": "system", "content": f"You are the Assistant. {RULES}"},
            {"role": "user", "content": "{question}"},
        ]
        return build_prompt(own, question, settings)

    def format_answer(self, answer: str) -> str:
        return f"<answer>{answer}</answer>"


class OnlineDialect(R1SearcherDialect):
    """As evaluated on the web: a chat prompt, 3 pages, condensed by a model.

    evaluation/eval_search_online.py:322-441: the findings are inserted without numbers.
    Two things deviate. The original has a model condense every page in a call of its own
    (its first 35,000 characters), here one call reads all three. It also adds
    ` site:en.wikipedia.org` to every query, which no provider here does: results come from
    the whole web, so its figures on Wikipedia questions are not to be compared.
    """

    name = "r1_searcher:online"
    uses_chat_template = True
    condenser = "reason_in_documents"

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        own = [{"role": "user", "content": f"{RULES}\n\nQuestion: {{question}}"}]
        return build_prompt(own, question, settings)

    def format_documents(self, documents: Sequence[Mapping[str, Any]]) -> str:
        return "".join(f"{passage(doc)}\n" for doc in documents)


DIALECT = R1SearcherDialect
VARIANTS = {
    "evaluation": EvaluationDialect,
    "llama": LlamaDialect,
    "online": OnlineDialect,
}
