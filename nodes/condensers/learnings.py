"""Learnings: what the documents of a query teach, as a few short statements.

O2-Searcher's summarize step (o2searcher's search service, :10102/search): a model notes at
most three learnings for each query. Its instruction is in our own words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ...trace import Document
from .asking import Asking, AskingCondenser, without_thought
from .base import CondenseRequest

MAX_LEARNINGS = 3
"""Learnings for each query, as in the original."""

DOCUMENT_CHARS = 8_000
"""Characters of all documents that the model reads: about 2,000 tokens, the original's
limit."""

PROMPT = (
    "Read what was found for a search query, and note what it teaches.\n\n"
    "**Query**\n{query}\n\n"
    "**Found**\n{found}\n\n"
    "Write at most {limit} learnings, each on a line of its own that begins with `- `. A "
    "learning is one dense statement with the names, numbers and dates it rests on; no two "
    "say the same. If the texts teach nothing about the query, write only: none\n"
)
"""Our own words for the instruction."""

_MARK = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")


class Learnings(AskingCondenser):
    """Notes at most three learnings of a query's documents."""

    name = "learnings"
    own_prompt = PROMPT
    needed = ("query", "found")

    def ask(self, request: CondenseRequest) -> Asking:
        """Ask once; the learnings come out separated by blank lines."""
        messages = self.fill(
            query=request.query or request.goal or request.question,
            found=_shorten(request.documents),
            limit=str(MAX_LEARNINGS),
        )
        learned = read_learnings((yield messages))
        return "\n\n".join(learned[:MAX_LEARNINGS])

    def has_result(self, said: str) -> bool:
        return said.startswith("[") or any(map(_MARK.match, said.splitlines()))


def _shorten(documents: Sequence[Document]) -> str:
    room = DOCUMENT_CHARS // len(documents)
    texts = [f"{d.title}\n{(d.text or d.snippet)[:room]}".strip() for d in documents]
    return "\n\n".join(texts)


def read_learnings(reply: str) -> list[str]:
    r"""Return the learnings of a reply: its marked lines, a JSON list, or its paragraphs.

    >>> read_learnings("<think>x</think>- One.\n  more\n- Two.")
    ['One. more', 'Two.']
    >>> read_learnings('["One.", "Two."]')
    ['One.', 'Two.']
    >>> read_learnings("None.")
    []
    """
    text = without_thought(reply).strip("`\n ")
    if text.rstrip(".").lower() in ("", "none"):
        return []
    if text.startswith("["):
        try:
            return [str(one) for one in json.loads(text)]
        except ValueError:
            pass  # not JSON after all: read as lines
    lines = text.splitlines()
    if not any(_MARK.match(line) for line in lines):
        return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]
    learned: list[str] = []
    for line in lines:
        if _MARK.match(line):
            learned.append(_MARK.sub("", line).strip())
        elif learned and line.strip():
            learned[-1] = f"{learned[-1]} {line.strip()}"
    return learned
