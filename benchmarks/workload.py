"""What a simulated run asks of its services: how long each piece of work takes.

Every length is drawn from the seed and the work's own name, so a scheduler that does
things in another order is given the same work.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property
from math import exp
from typing import Literal

SEARCHES = {1: 12, 2: 14, 3: 12, 4: 10, 5: 6, 6: 4, 7: 3, 8: 3}
"""Questions by the number of searches they need: 64 questions, 3.4 searches on average."""

PAGES = 10
"""Documents of a search, each read (SimpleDeepSearcher's `top_k`, inference.py:81-85)."""

GENERATE, SEARCH, PAGE, SUMMARY = 4.0, 0.5, 0.5, 2.0
"""Mean seconds of a model turn, a search, a page and a summary."""

TURN_TOKENS, SUMMARY_TOKENS = 80, 60
"""Mean tokens of a turn and of a summary."""

SPREAD = {"turn": 0.5, "summary": 0.5, "search": 0.9, "page": 0.9}
"""Sigma of the log-normal lengths: at 0.9 one in a hundred takes 5.4 times the mean."""

Kind = Literal["turn", "summary", "search", "page"]


@dataclass(frozen=True)
class Workload:
    """Questions, and the length of everything that is done for them.

    Args:
        seed: of all lengths.
        scale: what every second is multiplied by.
        has_tails: lengths spread log-normally around their means; else all are the mean.
        capacity: sequences a model serves at full speed; more share its throughput.
    """

    seed: int = 0
    scale: float = 1.0
    has_tails: bool = True
    capacity: int = 64

    @cached_property
    def searches(self) -> list[int]:
        """How many searches each question needs."""
        needed = [n for n, count in SEARCHES.items() for _ in range(count)]
        random.Random(self.seed).shuffle(needed)
        return needed

    @property
    def turn_rate(self) -> float:
        """Tokens a second of one sequence of the reasoning model."""
        return TURN_TOKENS / (GENERATE * self.scale)

    @property
    def summary_rate(self) -> float:
        """Tokens a second of one sequence of the summarizer."""
        return SUMMARY_TOKENS / (SUMMARY * self.scale)

    def turn_tokens(self, question: int, step: int) -> int:
        """Return the tokens of a model turn; `step` 0 is the first."""
        return max(12, round(TURN_TOKENS * self._factor("turn", question, step)))

    def summary_tokens(self, question: int, step: int) -> int:
        """Return the tokens of a summary."""
        return max(8, round(SUMMARY_TOKENS * self._factor("summary", question, step)))

    def search_seconds(self, question: int, step: int) -> float:
        """Return how long a search takes."""
        return SEARCH * self.scale * self._factor("search", question, step)

    def page_seconds(self, question: int, step: int, rank: int) -> float:
        """Return how long a page takes."""
        return PAGE * self.scale * self._factor("page", question, step, rank)

    def _factor(self, kind: Kind, *place: int) -> float:
        if not self.has_tails:
            return 1.0
        sigma = SPREAD[kind]
        drawn = random.Random(f"{self.seed}/{kind}/{place}").gauss(0, sigma)
        return exp(drawn - sigma**2 / 2)

    def chain_seconds(self, question: int) -> float:
        """Return how long a question takes alone: each step waits for the one before."""
        needed = self.searches[question]
        turns = sum(self.turn_tokens(question, step) for step in range(needed + 1))
        total = turns / self.turn_rate
        for step in range(needed):
            total += self.search_seconds(question, step)
            total += max(self.page_seconds(question, step, rank) for rank in range(PAGES))
            total += self.summary_tokens(question, step) / self.summary_rate
        return total

    def longest_chain(self) -> float:
        """Return the seconds of the question that takes longest alone."""
        return max(self.chain_seconds(question) for question in range(len(self.searches)))

    def service_seconds(self) -> float:
        """Return how long the busier model needs for all tokens at full throughput."""
        turns = summaries = 0
        for question, needed in enumerate(self.searches):
            turns += sum(self.turn_tokens(question, step) for step in range(needed + 1))
            summaries += sum(self.summary_tokens(question, step) for step in range(needed))
        rates = (self.turn_rate * self.capacity, self.summary_rate * self.capacity)
        return max(turns / rates[0], summaries / rates[1])

    def bound(self) -> float:
        """Return the seconds no scheduler can beat: longest chain or service capacity."""
        return max(self.longest_chain(), self.service_seconds())
