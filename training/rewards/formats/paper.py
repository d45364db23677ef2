"""The rules of SimpleDeepSearcher's appendix D, any of which costs 2."""

from __future__ import annotations

from dataclasses import dataclass

from ....curation.filters.reflection import count_word
from ....curation.filters.repetition import RepeatedTrigrams
from ....curation.filters.self_written import NoSelfWrittenResults
from ....curation.transcript import model_text, written_turns
from ....nodes.dialects import dialect_of
from ....trace import Trace

REFLECTION_WORDS = ("alternatively", "wait", "hmm")
"""Appendix D."""

MAX_REFLECTIONS = 5
"""More of them than this in a run are penalised (appendix D)."""

MAX_SEARCHES = 8
"""More searches than this are penalised (appendix D)."""

MAX_TOKENS_BETWEEN = 8096
"""More tokens than this between two searches are penalised (appendix D)."""

CHARS_PER_TOKEN = 4
"""For the length of a turn whose tokens are not stored; an estimate."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""Stands where bytes were no text: a mark of gibberish."""


@dataclass(frozen=True)
class PaperFormat:
    """No self-written result, no gibberish, few reflections, a boxed answer, few searches.

    What gibberish is the paper does not say. Here: a character that is none, or one
    trigram that makes up much of a turn (curation's rule).
    """

    max_reflections: int = MAX_REFLECTIONS
    max_searches: int = MAX_SEARCHES
    max_tokens_between: int = MAX_TOKENS_BETWEEN

    def __call__(self, trace: Trace) -> list[str]:
        """Return what is wrong with the run."""
        dialect = dialect_of(trace)
        text = model_text(trace)
        found = [
            NoSelfWrittenResults().reason(trace, dialect),
            self._gibberish(trace, text),
            self._reflections(text),
            None if dialect.extract_answer(text) else "no final answer in its form",
            self._searches(trace),
            self._length(trace),
        ]
        return [problem for problem in found if problem]

    def _gibberish(self, trace: Trace, text: str) -> str | None:
        if REPLACEMENT in text:
            return "characters that are none"
        return RepeatedTrigrams().reason(trace, dialect_of(trace))

    def _reflections(self, text: str) -> str | None:
        count = sum(count_word(word, text) for word in REFLECTION_WORDS)
        if count <= self.max_reflections:
            return None
        return f"{count} reflections, more than {self.max_reflections}"

    def _searches(self, trace: Trace) -> str | None:
        count = trace.usage.searches
        return (
            f"{count} searches, more than {self.max_searches}"
            if count > self.max_searches
            else None
        )

    def _length(self, trace: Trace) -> str | None:
        longest = max((_tokens(turn) for turn in written_turns(trace)), default=0)
        if longest <= self.max_tokens_between:
            return None
        return f"{longest} tokens in a turn, more than {self.max_tokens_between}"


def _tokens(turn: list) -> int:
    return sum(
        len(s.text) // CHARS_PER_TOKEN if s.token_ids is None else len(s.token_ids)
        for s in turn
    )
