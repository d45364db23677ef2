"""What the model cites must be among what was retrieved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...nodes.sources import cite
from ...tools.safety import page_key
from ...trace import Trace
from ..transcript import read_text, written_turns
from .base import Dimension

_ADDRESS = re.compile(r"https?://[^\s<>\"'`\\{}|]+")
_AFTER = ".,;:!?)]*_\u3002\uff0c\uff09"
"""What may follow an address in a sentence and is no part of it."""


@dataclass(frozen=True)
class CitedSources:
    """Every `[n]` of the final turn names a retrieved source; every address was seen.

    An address counts as seen when a search returned it or a page was read there, or when it
    stands in the question or in a result the model read (a link on a page).
    """

    name: ClassVar[str] = "cited_sources"
    dimension: ClassVar[Dimension] = "effectiveness"
    source: ClassVar[str] = "citation precision as in ALCE, arXiv 2305.14627; rule ours"

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        turns = written_turns(trace)
        final = "".join(s.text for s in turns[-1]) if turns else ""
        if "[" in final:
            known = [{"id": i, "cited": False} for i in _source_ids(trace)]
            _, wrong = cite(known, final)
            if wrong:
                return f"{wrong} citations name no retrieved source"
        written = [s.text for turn in turns for s in turn if "://" in s.text]
        return _unseen_address("\n".join(written), trace) if written else None


def _source_ids(trace: Trace) -> set[str]:
    documents = (d.id for record in trace.searches for d in record.documents)
    return {source.id for source in trace.sources}.union(documents)


def _unseen_address(text: str, trace: Trace) -> str | None:
    seen = {page_key(s.url) for s in trace.sources if s.url}
    seen |= {page_key(d.url) for r in trace.searches for d in r.documents if d.url}
    seen |= {page_key(r.document.url) for r in trace.reads if r.document}
    for found in _ADDRESS.findall(f"{trace.question}\n{read_text(trace)}"):
        seen.add(page_key(found.rstrip(_AFTER)))
    for found in _ADDRESS.findall(text):
        address = found.rstrip(_AFTER)
        if page_key(address) not in seen:
            return f"the address {address} was in no search result"
    return None
