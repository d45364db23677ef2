"""WebThinker: Search-o1's tags, and every search answered by an explorer of its own.

The explorer (condenser `explorer`) is an agent inside the step: it reads what a search
found, searches on and follows links, and only what it found out enters the transcript. Its
own tags are here too: `<|begin_click_link|>` and `<|begin_click_result|>` (scripts/
run_web_thinker.py:48-58). Report mode has further ones (run_web_thinker_report.py:59-74).

The original takes `</think>` and the line break after it out of what the model wrote, so
that it keeps thinking (:455-458, :622); a transcript that is only appended to cannot, so
here it stays. A repeated query ends the original's loop without an answer (:462-480); here
its message is shown and the run goes on. An auxiliary model of the original writes what a
search and a click are meant to find (prompts.py:70-106); here the explorer is told the
reasoning itself, and a page is condensed for the thought before the click. Unverified: the
number of turns. The originals' instructions: scripts/prompts.py of RUC-NLPIR/WebThinker.

The explorer's messages for what was asked before, for a page that cannot be read and for its
limit, and the form of its list of pages, were read in public copies of
scripts/run_web_thinker.py, not in the repository itself. Copies of earlier versions say
something else after a repeat.
"""

from __future__ import annotations

from typing import Any

from .base import Action, Budgets, TurnPart
from .parts.prompt import build_prompt
from .parts.special_tokens import (
    BEGIN_QUERY,
    BEGIN_RESULT,
    END_QUERY,
    END_RESULT,
    QUERY,
    SpecialTokenDialect,
)
from .parts.tag import Tag, mend_last
from .parts.turn import last_part

BEGIN_CLICK, END_CLICK = "<|begin_click_link|>", "<|end_click_link|>"
CLICK = Tag(BEGIN_CLICK, END_CLICK)
BEGIN_CLICKED, END_CLICKED = "<|begin_click_result|>", "<|end_click_result|>"
"""Wire strings of the explorer (scripts/run_web_thinker.py:48-58)."""

FINDINGS = "**Final Information"
"""What the explorer's findings stand after; `:` and `**` may follow (evaluate.py:32-47)."""

FINDINGS_CHARS = 2500
"""Characters of the findings that are kept (evaluate.py:32-47)."""

FINDINGS_LINES = 5
"""Last lines that are taken for the findings where nothing marks them (evaluate.py:32-47)."""

INSTRUCTION = (
    "You reason about questions and may have the web explored while you do so.\n\n"
    f"- Write {BEGIN_QUERY}your query{END_QUERY}, and the web is searched and its pages are "
    "read and followed for you.\n"
    f"- What came of it stands between {BEGIN_RESULT} and {END_RESULT}; never write such a "
    "result yourself.\n"
    "- You may do so {max_searches} times.\n\n"
    "Reason step by step and give the final answer as \\boxed{YOUR_ANSWER}.\n\n"
    "Question:\n{question}\n\n"
)
"""Our own words."""

EXPLORER_INSTRUCTION = (
    "You explore the web for a reasoner that wants to know something.\n\n"
    "**Its search query**\n{query}\n\n"
    "**What it wants to know**\n{intent}\n\n"
    "**Pages found**\n{pages}\n\n"
    f"- To search again, write {BEGIN_QUERY}your query{END_QUERY}.\n"
    f"- To open a page or follow a link, write {BEGIN_CLICK}its address{END_CLICK}.\n\n"
    "Look until you know what is wanted or see that it cannot be found. Then write what you "
    f"found out, with names, dates and numbers, after this line:\n\n{FINDINGS}**\n"
)
"""Our own words; the tags and the last line are the original's."""


class WebThinkerDialect(SpecialTokenDialect):
    """The main loop.

    Limits (the script's arguments): 20 searches (15 in the README), 10 documents, 40,000
    tokens in all, prompt and results included; the number of turns is our own choice.
    """

    name = "web_thinker"
    prompt_source = "RUC-NLPIR/WebThinker: scripts/prompts.py"
    condenser = "explorer"
    thinking_close = "</think>"
    tags = (
        *(BEGIN_QUERY, END_QUERY, BEGIN_RESULT, END_RESULT),
        *(BEGIN_CLICK, END_CLICK, BEGIN_CLICKED, END_CLICKED),
    )
    budgets = Budgets(
        max_searches=20,
        max_turns=30,
        max_turn_tokens=40_000,
        top_k=10,
        max_context_tokens=40_000,
    )

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        own = [{"role": "user", "content": INSTRUCTION}]
        limit = self.budgets.max_searches
        return build_prompt(own, question, settings, max_searches=limit)

    def limit_message(self, max_searches: int) -> str:
        return self.wrap_result(
            "You have reached the search limit. You are not allowed to search."
        )

    def repeat_message(self, query: str) -> str:
        return f"{self.wrap_result('You have already searched for this query.')}Okay,"


class ExplorerDialect(WebThinkerDialect):
    """The explorer's own language: it also clicks, and ends with its findings.

    Spoken inside a step, so it is no dialect to choose. Limits: 30,000 tokens in all, 10
    interactions.
    """

    name = "web_thinker_explorer"
    condenser = "none"
    stop = (END_QUERY, END_CLICK)
    budgets = Budgets(max_searches=10, max_turns=11, max_turn_tokens=30_000, top_k=10)

    def parse(self, text: str) -> Action:
        """Return a search, a click, or the findings: any text that ends with neither.

        A closing tag torn off at the end counts, as in the main loop; where one is missing,
        nothing but marked findings is a finding.
        """
        text = mend_last(text, QUERY, CLICK)
        if text.rstrip().endswith(END_CLICK):
            start = text.rfind(BEGIN_CLICK)
            url = text[start + len(BEGIN_CLICK) : text.rfind(END_CLICK)].strip()
            if start < 0 or not url:
                return Action("invalid", text="the link's address is missing")
            return Action("click", url=url, urls=(url,))
        if text.rstrip().endswith(END_QUERY):
            return super().parse(text)
        found = self.extract_answer(text)
        for tag in (QUERY, CLICK):
            if found is None and tag.opened(text) is not None:
                return Action("invalid", text=f"{tag.open} is not closed by {tag.close}")
        said = self.last_lines(text) if found is None else found
        if not said:
            return Action("invalid", text="neither a search, a link nor findings")
        return Action("answer", text=said)

    def split_turn(self, text: str) -> list[TurnPart]:
        """Cut into reason and query, reason and call, or the findings."""
        kind = self.parse(text).kind
        if kind == "click":
            return last_part("call", text.rfind(BEGIN_CLICK), len(text))
        if kind == "answer":
            start = text.rfind(FINDINGS)
            return last_part("answer", max(start, 0), len(text))
        return super().split_turn(text)

    def extract_answer(self, text: str) -> str | None:
        """Return what stands after the last findings mark, None without one."""
        _, mark, found = text.rpartition(FINDINGS)
        return tidy_findings(found) if mark else None

    def last_lines(self, text: str) -> str:
        """Return the end of a text that marks no findings, as the original takes it."""
        lines = text.strip().replace("\n\n", "\n").split("\n")
        return tidy_findings("\n".join(lines[-FINDINGS_LINES:]))

    def answer_spans(self, text: str) -> list[tuple[int, int]]:
        start = text.rfind(FINDINGS)
        return [(start, len(text))] if start >= 0 else []

    def format_click(self, url: str) -> str:
        """Return a click on a link."""
        return f"{BEGIN_CLICK}{url}{END_CLICK}"

    def format_answer(self, answer: str) -> str:
        return f"{FINDINGS}**\n{answer}"

    def force_answer(self) -> str:
        """Return the original's message for its limit, up to the opened findings."""
        said = self.wrap_clicked("You have reached the limit for clicking links.")
        return (
            f"{said}\nOK, I will now provide the final information based on my collected "
            f"information.\n\n{FINDINGS}:**"
        )

    def forced_answer_end(self, text: str) -> int | None:
        return None

    def wrap_result(self, text: str) -> str:
        """Return search results; with other white space than the main loop's."""
        return self._notice(text)

    def repeat_message(self, query: str) -> str:
        said = "You have already searched for this query. Please use the previously found"
        return f"{self._notice(f'{said} information.')}\nOkay,"

    def wrap_clicked(self, text: str) -> str:
        """Return what a page says the way a click is answered."""
        return f"\n{BEGIN_CLICKED}\n{text}\n{END_CLICKED}\n"

    def clicked_message(self) -> str:
        """Return what the explorer reads when it clicks a link again."""
        return f"{self.wrap_clicked('You have already clicked this URL.')}\nOkay,"

    def unread_message(self) -> str:
        """Return what stands for a page that could not be read, wrapped."""
        return self.wrap_clicked(
            "Unable to fetch the page content. You can try other links."
        )


def tidy_findings(text: str) -> str:
    r"""Return findings without the marks around them, at most so long, line breaks kept.

    >>> tidy_findings(":**\nLima.\n\nSince 1535.\n")
    'Lima.\n\nSince 1535.'
    """
    said = text.partition(BEGIN_CLICK)[0].strip().strip(":*").strip().strip("`").strip()
    return said[:FINDINGS_CHARS]


DIALECT = WebThinkerDialect
