"""WebThinker's report mode: the model researches and has a report written meanwhile.

Tags scripts/run_web_thinker_report.py:59-74. The model names a section and what it is to
say, or an edit, and another model writes (`nodes/report/`). Nothing is inserted after
either: the model goes on behind its own closing tag. A check stops at the *opening* tag;
the headings of the report, one a line, the closing tag and two line breaks follow. A turn
that ends without any of these ends the run.

Limits of the script: 80 interactions, 50,000 tokens (the original counts words), searches
without limit. As in the main loop `</think>` stays in the text. Three faults of the original
are not copied: a query that was repeated is searched all the same, a query or an edit that
is too short is asked for again without a word until the interactions are spent, and earlier
outlines are meant to be folded but never are (here they stay too, since a transcript is only
appended to). The originals' instructions: scripts/prompts/prompts_report.py of
RUC-NLPIR/WebThinker.
"""

from __future__ import annotations

from typing import Any

from .base import Action, Budgets, TurnPart
from .parts.prompt import build_prompt
from .parts.report import ReportDialect
from .parts.special_tokens import (
    BEGIN_QUERY,
    BEGIN_RESULT,
    END_QUERY,
    END_RESULT,
    QUERY,
)
from .parts.tag import Tag, mend_last
from .parts.turn import last_part
from .web_thinker import WebThinkerDialect

WRITE = Tag("<|begin_write_section|>", "<|end_write_section|>")
EDIT = Tag("<|begin_edit_article|>", "<|end_edit_article|>")
CHECK = Tag("<|begin_check_article|>", "<|end_check_article|>")
"""Wire strings of report mode (scripts/run_web_thinker_report.py:59-74)."""

FINISHED = "I have finished my work."
"""What the model is asked to say at the end; a wire string of the original's prompt."""

LONGEST_TITLE = 150
"""Characters of a section's name; a longer first line is no name. Our own choice."""

INSTRUCTION = (
    "You research a subject on the web and have a report written about it, section by "
    "section, while you learn. Think aloud, and use these tools by writing their tags:\n\n"
    f"- {BEGIN_QUERY}your query{END_QUERY} searches the web. What was found stands between "
    f"{BEGIN_RESULT} and {END_RESULT}; never write such a result yourself.\n"
    f"- {WRITE.open}name of the section\nwhat it is to say{WRITE.close} has a writer write "
    "that section from everything found so far.\n"
    f"- {CHECK.open} shows the outline of what is written, closed by {CHECK.close}.\n"
    f"- {EDIT.open}what to change, and how{EDIT.close} has an editor change the report.\n\n"
    "Have a section written as soon as you know enough for it, then search for the next. "
    "Before the end check the outline and mend what is missing or out of place. When the "
    f"report is complete, write: {FINISHED}\n\n"
    "The subject:\n{question}\n\n"
    "A plan of the research:\n{plan}\n\n"
)
"""Our own words; the tags and the last sentence are the original's."""


class WebThinkerReportDialect(WebThinkerDialect, ReportDialect):
    """The main loop of report mode."""

    name = "web_thinker_report"
    prompt_source = "RUC-NLPIR/WebThinker: scripts/prompts/prompts_report.py"
    # Without the opening tag of a check, which the turn ends with as well: a server that
    # swallows stop strings would make it the end of the run. The stream is cut there.
    stop = (END_QUERY, WRITE.close, EDIT.close)
    tags = (
        *WebThinkerDialect.tags,
        *(WRITE.open, WRITE.close, EDIT.open, EDIT.close, CHECK.open, CHECK.close),
    )
    budgets = Budgets(
        max_searches=None,
        max_turns=80,
        max_turn_tokens=50_000,
        top_k=10,
        max_context_tokens=50_000,
    )

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        """Return the prompt; a setting of its own is `plan`, the research plan's text."""
        own = [{"role": "user", "content": INSTRUCTION}]
        plan = str(settings.get("plan") or "")
        return build_prompt(own, question, settings, plan=plan)

    def first_action_end(self, text: str) -> int | None:
        """Return where the first query, section or edit closes, or a check opens."""
        ends = [
            position + len(stop)
            for stop in (*self.stop, CHECK.open)
            if (position := text.find(stop)) >= 0
        ]
        return min(ends, default=None)

    def parse(self, text: str) -> Action:
        """Return the action that the text ends with; without one, the end of the run.

        A closing tag torn off at the end counts; one that is missing does not.
        """
        body = mend_last(text, QUERY, WRITE, EDIT).rstrip()
        if body.endswith(CHECK.open):
            return Action("check")
        if body.endswith(WRITE.close):
            return _writing(_inside(WRITE, body))
        if body.endswith(EDIT.close):
            goal = _inside(EDIT, body)
            if not goal:
                return Action("invalid", text="the edit does not say what to change")
            return Action("edit", goal=goal)
        if body.endswith(END_QUERY):
            return super().parse(body)
        for tag in (QUERY, WRITE, EDIT):
            if tag.opened(body) is not None:
                return Action("invalid", text=f"{tag.open} is not closed by {tag.close}")
        return Action("answer", text=self.extract_answer(text) or "")

    def split_turn(self, text: str) -> list[TurnPart]:
        """Cut into reason and query, reason and call, or reason and closing words."""
        if not text:
            return []
        kind, end = self.parse(text).kind, len(text)
        if kind == "answer":
            return last_part("answer", max(text.rfind(FINISHED), 0), end)
        if kind == "search":
            return last_part("query", text.rfind(BEGIN_QUERY), end)
        opening = {"check": CHECK.open, "write": WRITE.open, "edit": EDIT.open}.get(kind)
        if opening is None:
            return [TurnPart("reason", 0, end)]
        return last_part("call", text.rfind(opening), end)

    def extract_answer(self, text: str) -> str | None:
        """Return the closing words, None without them; the report is not in the text."""
        return FINISHED if FINISHED in text else None

    def answer_spans(self, text: str) -> list[tuple[int, int]]:
        start = text.rfind(FINISHED)
        return [(start, start + len(FINISHED))] if start >= 0 else []

    def repeat_message(self, query: str) -> str:
        said = self.wrap_result("You have already searched for this query.")
        return f"{said}OK, let me use the previously found information."

    def force_answer(self) -> str:
        """Our own words; the report graph writes up what there is instead."""
        return "\n\nI must end here.\n\n"

    def forced_answer_end(self, text: str) -> int | None:
        end = text.find(FINISHED)
        return None if end < 0 else end + len(FINISHED)

    def format_answer(self, answer: str) -> str:
        """Return the closing words, whatever the report says."""
        return FINISHED

    def format_write(self, title: str, goal: str) -> str:
        """Return the call for a section."""
        return WRITE.wrap(f"{title}\n{goal}")

    def format_edit(self, goal: str) -> str:
        """Return the call for an edit."""
        return EDIT.wrap(goal)

    def wrap_outline(self, outline: str) -> str:
        return f"{outline}{CHECK.close}\n\n"

    def done_message(self, what: str) -> str:
        """Our own words; the original says nothing."""
        return f"\n\n({what}.)\n\n"

    def failed_message(self, reason: str) -> str:
        """Our own words; the original says nothing."""
        return f"\n\n(Nothing was written: {reason}.)\n\n"


def _inside(tag: Tag, text: str) -> str:
    """Return what stands in the last pair of tags, empty where none was opened."""
    spans = tag.spans(text)
    return (
        tag.inside(text, spans[-1]).strip() if spans and text[spans[-1][1] :] == "" else ""
    )


def _writing(content: str) -> Action:
    """Return the section that a write asks for: a line with its name, then what it says."""
    title, _, goal = content.partition("\n")
    title = title.strip(" #*\t").strip()
    if not title:
        return Action("invalid", text="the section has no name")
    if len(title) > LONGEST_TITLE:
        return Action("invalid", text="the section's name must stand on a line of its own")
    return Action("write", title=title, goal=goal.strip())


DIALECT = WebThinkerReportDialect
