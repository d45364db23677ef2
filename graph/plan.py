"""What a run of rollouts will take, before any of it is spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..nodes.budget import estimate_tokens
from ..nodes.dialects import DEFAULT_DIALECT, get_dialect
from ..questions import Question
from ..trace import read_traces
from .recorder import TRACE_FILE

PAPER_SEARCHES = 2.33
"""Searches a run (arXiv 2505.16834, Table 5)."""

PAPER_OUTPUT_TOKENS = 582
"""Tokens a run writes (Table 5)."""

EVIDENCE_TOKENS = 150
"""Tokens of evidence a search inserts, where no trace tells."""

SAMPLE = 200
"""Finished traces of the same directory that are enough to plan from."""


@dataclass(frozen=True)
class RolloutPlan:
    """Estimated cost of what is left."""

    rollouts: int
    model_calls: int
    searches: int
    completion_tokens: int
    prompt_tokens: int
    hours: float
    tokens_per_second: float
    source: str
    """Where the averages come from: the paper, or traces of this directory."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)

    def text(self) -> str:
        """Return the plan for people."""
        return (
            f"{self.rollouts} rollouts: about {self.model_calls} model calls, "
            f"{self.searches} searches, {self.completion_tokens} tokens written, "
            f"{self.prompt_tokens} tokens read; {self.hours:.2f} hours at "
            f"{self.tokens_per_second:.0f} tokens/s (averages from {self.source})"
        )


def plan_rollouts(
    questions: Sequence[Question],
    rollouts: int,
    concurrency: int,
    out: Path,
    settings: Mapping[str, Any],
    *,
    tokens_per_second: float = 200.0,
) -> RolloutPlan:
    """Estimate what is left to run.

    Args:
        questions: what will be asked.
        rollouts: runs of each.
        concurrency: runs in flight; no more are sped up than there are.
        out: the run directory; its finished traces give better averages than the paper.
        settings: the run's settings.
        tokens_per_second: what the server writes with all of them in flight.
    """
    done, searches, written, source = _averages(out)
    left = max(0, len(questions) * rollouts - done)
    dialect = get_dialect(settings.get("dialect", DEFAULT_DIALECT))
    sample = questions[0].question if questions else ""
    prompt = estimate_tokens("".join(m["content"] for m in dialect.prompt(sample)))
    transcript = prompt + written + searches * EVIDENCE_TOKENS
    busy = min(1.0, left / concurrency) if concurrency else 1.0
    seconds = left * written / (tokens_per_second * max(busy, 1e-9)) if left else 0.0
    return RolloutPlan(
        rollouts=left,
        model_calls=round(left * (searches + 1)),
        searches=round(left * searches),
        completion_tokens=round(left * written),
        prompt_tokens=round(left * (searches + 1) * (prompt + transcript) / 2),
        hours=seconds / 3600,
        tokens_per_second=tokens_per_second,
        source=source,
    )


def _averages(out: Path) -> tuple[int, float, float, str]:
    path = out / TRACE_FILE
    if path.is_file():
        traces = list(read_traces(path))
        recent = traces[-SAMPLE:]
        if recent:
            searches = sum(t.usage.searches for t in recent) / len(recent)
            tokens = sum(t.usage.completion_tokens for t in recent) / len(recent)
            return len(traces), searches, tokens, f"{len(recent)} traces in {out}"
    return 0, PAPER_SEARCHES, PAPER_OUTPUT_TOKENS, "the paper's Table 5"
