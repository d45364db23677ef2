"""R1-Searcher's rules for the form (reward_server_qwen_zero.py:183-250)."""

from __future__ import annotations

import re

from ....curation.transcript import model_text
from ....trace import Trace

BEGIN_QUERY, END_QUERY = "<|begin_of_query|>", "<|end_of_query|>"
BEGIN_DOCUMENTS, END_DOCUMENTS = "<|begin_of_documents|>", "<|end_of_documents|>"
"""Wire strings (evaluation/eval_search_loacl.py)."""

COUNTED = (
    f"{BEGIN_DOCUMENTS}\n",
    f"{END_DOCUMENTS}\n\n",
    BEGIN_QUERY,
    END_QUERY,
    BEGIN_DOCUMENTS,
    END_DOCUMENTS,
    f"{BEGIN_DOCUMENTS}\n(1)",
)
"""Seven patterns that must occur equally often; which seven beyond the tags themselves
and the numbered opening is unverified."""

MAX_ANSWER_WORDS = 10
"""A longer answer is penalised (the same)."""

_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_CHINESE = re.compile("[\u4e00-\u9fff]")


def r1_searcher_format(trace: Trace) -> list[str]:
    """Return what R1-Searcher's reward server would penalise.

    The prompt's opening `<think>` is not part of the output, so the output must hold
    none and exactly one `</think>`.
    """
    text = trace.output_text
    answers = _ANSWER.findall(text)
    checks = (
        (len({text.count(pattern) for pattern in COUNTED}) > 1, "tags in unequal number"),
        ("ssistant" in text, "the word assistant"),
        (
            text.count("<think>") != 0 or text.count("</think>") != 1,
            "not exactly one thought",
        ),
        (not _one_answer(text), "not exactly one answer"),
        (any(_has_tag(answer) for answer in answers), "a control tag in the answer"),
        (
            any(len(answer.split()) > MAX_ANSWER_WORDS for answer in answers),
            f"an answer of more than {MAX_ANSWER_WORDS} words",
        ),
        (_CHINESE.search(model_text(trace)) is not None, "Chinese outside the documents"),
    )
    return [problem for is_wrong, problem in checks if is_wrong]


def _one_answer(text: str) -> bool:
    return text.count("<answer>") == text.count("</answer>") == 1


def _has_tag(answer: str) -> bool:
    tags = (BEGIN_QUERY, END_QUERY, BEGIN_DOCUMENTS, END_DOCUMENTS)
    return any(tag in answer for tag in tags)
