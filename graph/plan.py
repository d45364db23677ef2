"""What a run of rollouts will take, before any of it is spent."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..context import Context
from ..nodes.budget import estimate_tokens
from ..nodes.dialects import get_dialect
from ..nodes.dialects.parts.answering import as_answering_dialect
from ..questions import Question
from ..trace import Trace, read_traces
from .recorder import TRACE_FILE
from .rollout import Rollout, unfinished

PAPER_SEARCHES = 2.33
"""Searches a run (arXiv 2505.16834, Table 5)."""

PAPER_OUTPUT_TOKENS = 582
"""Tokens a run writes (Table 5)."""

EVIDENCE_TOKENS = 150
"""Tokens of evidence a search inserts, where no trace tells."""

CONDENSING_TOKENS = 500
"""Tokens that a model which reads a search's documents writes, thoughts included, where no
trace tells; an assumption."""

CHARACTERS_OF_A_TOKEN = 4
"""Of the documents such a model reads."""

CODE_CONDENSERS = frozenset({"none", "extractive"})
"""Condensers that call no model."""

SAMPLE = 200
"""Finished traces of the same directory that are enough to plan from."""


@dataclass(frozen=True)
class Rates:
    """What the servers give, and what they take for it."""

    tokens_per_second: float = 200.0
    """Tokens the server writes with all rollouts in flight."""
    prompt_price: float = 0.0
    """Price of a million tokens read."""
    completion_price: float = 0.0
    """Price of a million tokens written."""
    search_price: float = 0.0
    """Price of a thousand searches."""


@dataclass(frozen=True)
class RolloutPlan:
    """Estimated cost of what is left."""

    rollouts: int
    model_calls: int
    searches: int
    completion_tokens: int
    prompt_tokens: int
    child_calls: int
    """Calls inside steps: of the model that reads documents, or of roles."""
    child_completion_tokens: int
    child_prompt_tokens: int
    hours: float
    """Time to write all these tokens; reading prompts is not counted."""
    tokens_per_second: float
    cost: float
    """Money at the prices given; 0 without any."""
    source: str
    """Where the averages come from: the paper, or traces of this directory."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)

    def text(self) -> str:
        """Return the plan for people."""
        inside = (
            f", and inside steps {self.child_calls} calls, {self.child_completion_tokens} "
            f"tokens written, {self.child_prompt_tokens} read"
        )
        return (
            f"{self.rollouts} rollouts: about {self.model_calls} model calls, "
            f"{self.searches} searches, {self.completion_tokens} tokens written, "
            f"{self.prompt_tokens} tokens read{inside if self.child_calls else ''}; "
            f"{self.hours:.2f} hours at {self.tokens_per_second:.0f} tokens/s"
            f"{f', cost {self.cost:.2f}' if self.cost else ''} (averages from {self.source})"
        )


@dataclass(frozen=True)
class _Averages:
    """What one rollout takes."""

    calls: float
    searches: float
    written: float
    read: float
    child_calls: float
    child_written: float
    child_read: float
    source: str


def plan_rollouts(
    questions: Sequence[Question],
    rollouts: int,
    concurrency: int,
    out: Path,
    settings: Mapping[str, Any],
    rates: Rates | None = None,
) -> RolloutPlan:
    """Estimate what is left to run.

    Args:
        questions: what will be asked.
        rollouts: runs of each.
        concurrency: runs in flight; no more are sped up than there are.
        out: the run directory; its finished traces give better averages than the paper.
        settings: the run's settings; what they do not name is the environment's.
        rates: speed and prices.

    Raises:
        NoAnswerDialectError: the dialect answers no questions.
        RolloutError: the directory holds runs of other questions under the same ids.
    """
    rates = rates or Rates()
    wanted = [Rollout(q, index) for q in questions for index in range(rollouts)]
    left = len(unfinished(wanted, out / TRACE_FILE))
    one = _known(out) or _assumed(questions, Context(**settings))
    busy = min(1.0, left / concurrency) if concurrency else 1.0
    tokens = left * (one.written + one.child_written)
    seconds = tokens / (rates.tokens_per_second * max(busy, 1e-9)) if left else 0.0
    cost = (
        (one.read + one.child_read) * rates.prompt_price / 1e6
        + (one.written + one.child_written) * rates.completion_price / 1e6
        + one.searches * rates.search_price / 1e3
    )
    return RolloutPlan(
        rollouts=left,
        model_calls=round(left * one.calls),
        searches=round(left * one.searches),
        completion_tokens=round(left * one.written),
        prompt_tokens=round(left * one.read),
        child_calls=round(left * one.child_calls),
        child_completion_tokens=round(left * one.child_written),
        child_prompt_tokens=round(left * one.child_read),
        hours=seconds / 3600,
        tokens_per_second=rates.tokens_per_second,
        cost=round(left * cost, 4),
        source=one.source,
    )


def _known(out: Path) -> _Averages | None:
    """Return the averages of the directory's newest traces, None without any."""
    file = out / TRACE_FILE
    traces = deque(read_traces(file) if file.is_file() else (), maxlen=SAMPLE)
    if not traces:
        return None
    return _Averages(
        calls=_mean(t.usage.turns for t in traces),
        searches=_mean(t.usage.searches for t in traces),
        written=_mean(t.usage.completion_tokens for t in traces),
        read=_mean(_read(t) for t in traces),
        child_calls=_mean(len(t.children) for t in traces),
        child_written=_mean(t.usage.child_completion_tokens for t in traces),
        child_read=_mean(t.usage.child_prompt_tokens for t in traces),
        source=f"{len(traces)} traces in {out}",
    )


def _read(trace: Trace) -> float:
    """Return the tokens a run's calls were given; of a model that counts none, by length."""
    if trace.usage.prompt_tokens:
        return trace.usage.prompt_tokens
    prompt = estimate_tokens("".join(m["content"] for m in trace.prompt_messages))
    whole = prompt + estimate_tokens(trace.output_text)
    return trace.usage.turns * (prompt + whole) / 2


def _assumed(questions: Sequence[Question], context: Context) -> _Averages:
    """Return the paper's averages; one call a search where a model reads documents."""
    dialect = as_answering_dialect(get_dialect(context.dialect))
    sample = questions[0].question if questions else ""
    prompt = estimate_tokens("".join(m["content"] for m in dialect.prompt(sample)))
    whole = prompt + PAPER_OUTPUT_TOKENS + PAPER_SEARCHES * EVIDENCE_TOKENS
    calls = PAPER_SEARCHES + 1
    own = {question.is_open_ended for question in questions}
    kinds = {one or context.open_ended for one in own or {False}}
    ways = {context.condenser or dialect.condenser_for(open_ended=one) for one in kinds}
    condensed = PAPER_SEARCHES if ways - CODE_CONDENSERS else 0.0
    documents = (context.top_k or dialect.budgets.top_k) * context.max_doc_chars
    return _Averages(
        calls=calls,
        searches=PAPER_SEARCHES,
        written=PAPER_OUTPUT_TOKENS,
        read=calls * (prompt + whole) / 2,
        child_calls=condensed,
        child_written=condensed * CONDENSING_TOKENS,
        child_read=condensed * documents / CHARACTERS_OF_A_TOKEN,
        source="the paper's Table 5",
    )


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
