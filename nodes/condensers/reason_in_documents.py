"""Reason-in-documents: a model reads the pages and writes what helps the reasoning.

Search-o1's step (arXiv 2501.05366, section 3.3), which SimpleDeepSearcher gives to a
model of its own. Unlike the reference implementation it is told the original question,
turns line breaks into spaces instead of gluing words, keeps the model's thinking out of
the evidence, and never inserts an error text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...trace import Document
from ..models.base import Reasoner, Sampling
from .asking import Asking, AskingCondenser, without_thought
from .base import Condenser, CondenseRequest

FINAL_MARKER = "**Final Information**"
STEPS_MARKER = "**Modified Reasoning Steps**"
"""What the evidence stands after (SimpleDeepSearcher evaluate.py:25-37)."""

NOTHING_FOUND = "No helpful information found."
"""Search-o1's words for pages that do not help (evaluate.py:20-29)."""

RECENT_STEPS = 4
"""Last reasoning steps that are always kept (SimpleDeepSearcher inference.py:580-598)."""

PROMPT = (
    "You help a reasoner that is answering a question with web searches. Read the pages "
    "found for its latest query and write down what they say that moves it forward.\n\n"
    "**Original question**\n{question}\n\n"
    "**Reasoning so far**\n{reasoning}\n\n"
    "**Current search query**\n{query}\n\n"
    "**Searched web pages**\n{pages}\n\n"
    "State only facts from these pages that bear on the query and the question, with the "
    "names, dates and numbers they depend on. When pages disagree, say which is more recent. "
    "Write your result after this line:\n\n"
    f"{FINAL_MARKER}\n\n"
    "If nothing in the pages helps, write after that line: "
    f"{NOTHING_FOUND}\n"
)
"""Our own words for the instruction; the output markers are the wire format."""


class ReasonInDocuments(AskingCondenser):
    """A condenser that asks a model, and falls back to another when that call fails."""

    name = "reason_in_documents"
    step = "condense"
    own_prompt = PROMPT
    needed = ("query", "pages")

    def __init__(
        self,
        reasoner: Reasoner,
        *,
        fallback: Condenser,
        sampling: Sampling | None = None,
        prompt: str = "",
        max_doc_chars: int = 6000,
        needs_marker: bool = False,
    ) -> None:
        super().__init__(reasoner, fallback=fallback, sampling=sampling, prompt=prompt)
        self._max_doc_chars = max_doc_chars
        self._needs_marker = needs_marker

    def ask(self, request: CondenseRequest) -> Asking:
        """Ask once about all documents together."""
        output = yield self.fill(
            question=request.question,
            reasoning=shorten_reasoning(request.reasoning, request.begin_markers),
            query=request.query,
            pages=format_pages(request.documents, self._max_doc_chars),
        )
        return extract_information(output, needs_marker=self._needs_marker)

    def has_result(self, said: str) -> bool:
        return FINAL_MARKER in said or STEPS_MARKER in said


def format_pages(documents: Sequence[Document], max_chars: int) -> str:
    """Write documents as the numbered JSON blocks of Search-o1 (run_search_o1.py:647)."""
    blocks = []
    for number, document in enumerate(documents, 1):
        page = {
            "title": document.title,
            "url": document.url,
            "date": document.date,
            "context": document.text[:max_chars],
        }
        kept = {key: value for key, value in page.items() if value}
        blocks.append(
            f"**Web Page {number}:**\n{json.dumps(kept, ensure_ascii=False, indent=2)}\n"
        )
    return "\n".join(blocks)


def shorten_reasoning(reasoning: str, markers: Sequence[str]) -> str:
    """Keep the first step, the last few, and every step that searched or was answered.

    Runs of dropped steps become one "..." line (SimpleDeepSearcher inference.py:580-598).
    """
    lines = [line for line in reasoning.split("\n") if line.strip()]
    steps: list[str] = []
    for index, line in enumerate(lines):
        kept = (
            index == 0
            or index >= len(lines) - RECENT_STEPS
            or any(marker in line for marker in markers)
        )
        if kept:
            steps.append(f"Step {index + 1}: {line.strip()}")
        elif steps[-1] != "...":
            steps.append("...")
    return "\n\n".join(steps) or "(nothing yet)"


def extract_information(output: str, *, needs_marker: bool = False) -> str:
    r"""Return the findings in a summarizer's output as one paragraph.

    After the last final marker; else after the reasoning-steps marker; else the output
    without its thinking. Empty when the model says that nothing helps.

    Args:
        output: what the model wrote.
        needs_marker: whether an output without either marker holds nothing, as Search-o1
            has it (evaluate.py:20-29); SimpleDeepSearcher takes the whole of it (:25-37).

    >>> extract_information("<think>hm</think>x **Final Information** The capital\nof Peru.")
    'The capital of Peru.'
    """
    text = without_thought(output)
    for marker in (FINAL_MARKER, STEPS_MARKER):
        if marker in text:
            text = text.rpartition(marker)[2]
            break
    else:
        text = "" if needs_marker else text
    text = " ".join(text.replace("```", " ").split()).strip(" `")
    return "" if text.rstrip(".").lower() == NOTHING_FOUND.rstrip(".").lower() else text
