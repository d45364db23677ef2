"""What code can check of a text that the rewriter wrote (`rewriter.py`).

Each check returns why the text fails, or None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..nodes.dialects import Dialect
from ..trace import Document
from .filters.support import is_concluded
from .json_reply import read_json_reply
from .synthesis.checks import GROUNDED, mentions, share_in
from .synthesis.method import RejectedError, reject, said

_POINTS_OUT = re.compile(
    r"\[\d+(?:, ?\d+)*\]"
    r"|\b(?:[Dd]ocument|[Dd]oc|[Pp]assage|[Ss]ource) ?#?\d"
    r"|\b(?:[Tt]he|[Tt]his|[Tt]hat|[Tt]hese|[Tt]hose|[Ss]ome|[Aa]ll)"
    r"(?: (?:provided|retrieved|given|above|found|cited|first|second|third))?"
    r" (?:documents?|passages?|sources?|quer(?:y|ies)|search(?:es)?)\b"
    r"|\b[Ss]earch results?\b"
    r"|\b(?:I|we|[Ll]et(?:'s| me| us))(?: \w+){0,2} (?:search|look(?:ed|ing)? up|retrieve)"
)
"""Words that point to a search or a document. Names are no matter: `passages` in small
letters alone, so that the Northwest Passage may be known."""


@dataclass(frozen=True)
class Step:
    """One fact, as the rewriter tells it."""

    thought: str
    knowledge: str
    documents: tuple[int, ...]


def read_steps(reply: str) -> tuple[list[Step], str]:
    r"""Return the steps and the conclusion of a reply.

    Raises:
        RejectedError: it has another form.

    >>> read_steps(
    ...     '{"steps": [{"thought": "T.", "knowledge": "K.", "documents": [1, "2"]}], '
    ...     '"conclusion": "C."}'
    ... )
    ([Step(thought='T.', knowledge='K.', documents=(1, 2))], 'C.')
    """
    data = read_json_reply(reply, ("steps",)).data
    found = data.get("steps")
    if not isinstance(found, list) or not found:
        msg = "no steps"
        raise RejectedError(msg)
    steps = [_step(one) for one in found if isinstance(one, dict)]
    conclusion = said(data, "conclusion")
    whole = all(step.thought and step.knowledge for step in steps)
    if len(steps) != len(found) or not whole or not conclusion:
        reject("a part is missing")
    return steps, conclusion


def _step(data: Mapping[str, Any]) -> Step:
    given = data.get("documents")
    numbers: list[Any] = given if isinstance(given, list) else [given]
    cited = tuple(int(n) for n in numbers if str(n).isdecimal())
    if len(cited) != len(numbers):
        reject("cites no document")
    return Step(said(data, "thought"), said(data, "knowledge"), cited)


def check_words(
    steps: Sequence[Step], conclusion: str, dialects: Sequence[Dialect]
) -> str | None:
    """No tag of a dialect or a chat template is left, and nothing speaks of a search."""
    texts = [text for step in steps for text in (step.thought, step.knowledge)]
    for text in (*texts, conclusion):
        if any(dialect.neutralize(text) != text for dialect in dialects):
            return "holds a tag"
        if _POINTS_OUT.search(text):
            return "speaks of a search"
    return None


def check_sources(steps: Sequence[Step], shown: Mapping[int, Document]) -> str | None:
    """Every fact cites documents that were found, and its words stand in them."""
    for step in steps:
        if not step.documents or any(number not in shown for number in step.documents):
            return "cites what was not found"
        source = " ".join(
            f"{shown[number].title} {document_text(shown[number])}"
            for number in step.documents
        )
        if share_in(step.knowledge, source) < GROUNDED:
            return "not in the documents it cites"
    return None


def check_answer(steps: Sequence[Step], answers: Sequence[str]) -> str | None:
    """The answer stands in a fact, unless it is one that is concluded (yes, a count)."""
    if any(is_concluded(answer) for answer in answers):
        return None
    facts = " ".join(step.knowledge for step in steps)
    return None if any(mentions(facts, one) for one in answers) else "without the answer"


def document_text(document: Document) -> str:
    """Return what a document says, on one line."""
    return " ".join((document.text or document.snippet).split())
