"""How much of a run is idle: reflection words, repeated queries, length (Table 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache

from ..trace import Trace
from .metrics import normalize

REFLECTION_WORDS = ("alternatively", "wait", "hmm")
"""Words of reconsideration that the paper counts (section 3.3 and Table 5)."""


@dataclass(frozen=True)
class Redundancy:
    """Means over runs."""

    alternatively: float = 0.0
    wait: float = 0.0
    hmm: float = 0.0
    """Occurrences as whole words in any case, in what the model wrote."""
    searches: float = 0.0
    """Executed searches."""
    repeated_queries: float = 0.0
    """Queries that the run had already asked, case and punctuation ignored."""
    output_tokens: float = 0.0
    """Tokens the model wrote."""
    output_words: float = 0.0
    """White-space words the model wrote, comparable between tokenizers."""
    n: int = 0

    def to_json(self) -> dict[str, float]:
        """Return the means by name."""
        return asdict(self)


def redundancy(traces: Iterable[Trace]) -> Redundancy:
    """Return the means over runs; all 0 without runs."""
    return mean_redundancy([redundancy_of(trace) for trace in traces])


def mean_redundancy(rows: Sequence[Mapping[str, float]]) -> Redundancy:
    """Return the means of what `redundancy_of` says of each run."""
    if not rows:
        return Redundancy()
    means = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
    return Redundancy(**means, n=len(rows))


def redundancy_of(trace: Trace) -> dict[str, float]:
    """Return the counts of one run, keyed as in `Redundancy`."""
    written = " ".join(s.text for s in trace.segments if s.trainable)
    return {
        **{word: count_word(word, written) for word in REFLECTION_WORDS},
        "searches": trace.usage.searches,
        "repeated_queries": repeated_queries(trace),
        "output_tokens": trace.usage.completion_tokens,
        "output_words": len(written.split()),
    }


def count_word(word: str, text: str) -> int:
    """Count a word, whole and in any case.

    >>> count_word("wait", "Wait, wait: Kuwait awaits")
    2
    """
    return len(_whole_word(word).findall(text))


@cache
def _whole_word(word: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)


def repeated_queries(trace: Trace) -> int:
    """Count the queries of a run that it had asked before.

    Read from the query segments, since a repeated query is not executed. The dialect's
    tags are in all of them alike and do not matter.
    """
    asked = [
        normalize(s.text, "punctuation_to_space")
        for s in trace.segments
        if s.kind == "query"
    ]
    return len(asked) - len(set(asked))
