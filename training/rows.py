"""From traces to training rows: which tokens a model is trained on, and what fits.

Labels are set exactly on what the model wrote, plus the end token where the model ended
its answer itself; see `spans.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..trace import Trace
from .spans import RowError, TokenSpan, trace_spans

if TYPE_CHECKING:
    from .other_data import OtherReport

__all__ = [
    "IGNORED",
    "RowError",
    "RowReport",
    "TokenRow",
    "TokenSpan",
    "TooLong",
    "build_rows",
    "shorten_results",
    "to_row",
    "trace_row",
    "trace_spans",
]

IGNORED = -100
"""Label of a token that carries no loss (torch's cross entropy ignores it)."""

TooLong = Literal["drop", "error", "truncate_results"]
"""What happens to a sample over the length limit: it is left out and reported; the run
stops; or the middles of its longest search results are taken out until it fits."""

RESULT_EDGE = 24
"""Tokens kept at each end of a shortened result, so that its wrapper stays whole."""


@dataclass(frozen=True)
class TokenRow:
    """One training sample; `input_ids` and `labels` have the same length."""

    input_ids: list[int]
    labels: list[int]
    trace_id: str
    question: str = ""
    """Names the question; rows of one question are held out together or not at all."""

    @property
    def group(self) -> str:
        """What is held out together."""
        return self.question or self.trace_id

    @property
    def tokens(self) -> int:
        """How many tokens there are."""
        return len(self.input_ids)

    @property
    def trained_tokens(self) -> int:
        """How many tokens carry loss."""
        return sum(label != IGNORED for label in self.labels)


@dataclass
class RowReport:
    """What became of the traces; nothing is left out in silence."""

    traces: int = 0
    rows: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    stored_ids: int = 0
    """Rows whose every segment had usable ids from the server."""
    shortened: list[str] = field(default_factory=list)
    """Ids of traces whose results were shortened to fit."""
    too_long: list[str] = field(default_factory=list)
    """Ids of traces left out because they do not fit."""
    untrainable: list[str] = field(default_factory=list)
    """Ids of traces left out because the model wrote nothing in them."""
    unit: str = "traces"
    """What the data holds: traces, or chats of another origin."""
    last_only: int = 0
    """Chats of which the last answer alone is trained, since the template rewrites earlier
    ones."""
    other: OtherReport | None = None
    """What became of other data, where some is mixed in."""

    @property
    def skipped(self) -> list[str]:
        """Ids of all traces that gave no row."""
        return [*self.too_long, *self.untrainable]

    def lines(self) -> list[str]:
        """Return what a person should know, one line a matter."""
        said = [
            f"{self.rows} of {self.traces} {self.unit} became rows: {self.tokens} tokens, "
            f"{self.trained_tokens} of them trained"
        ]
        matters = (
            ("do not fit and are left out", self.too_long),
            ("had results shortened to fit", self.shortened),
            ("hold nothing the model wrote and are left out", self.untrainable),
        )
        for what, ids in matters:
            if ids:
                shown = ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
                said.append(f"{len(ids)} {self.unit} {what}: {shown}")
        if self.last_only:
            said.append(
                f"{self.last_only} chats train their last answer alone: the template "
                "rewrites earlier ones"
            )
        return said + (self.other.lines() if self.other else [])


def to_row(trace_id: str, spans: Iterable[TokenSpan], question: str = "") -> TokenRow:
    """Join spans into one row with labels on the trainable ones."""
    input_ids: list[int] = []
    labels: list[int] = []
    for span in spans:
        input_ids += span.ids
        labels += span.ids if span.trainable else [IGNORED] * len(span.ids)
    return TokenRow(input_ids, labels, trace_id, question)


def trace_row(trace: Trace, tokenizer: Any) -> TokenRow:
    """Return a trace's training row, whatever its length; see `trace_spans`."""
    return _row(trace, trace_spans(trace, tokenizer))


def _row(trace: Trace, spans: Iterable[TokenSpan]) -> TokenRow:
    return to_row(trace.id, spans, trace.question_id or trace.question)


def build_rows(
    traces: Iterable[Trace],
    tokenizer: Any,
    *,
    max_length: int | None = None,
    too_long: TooLong = "drop",
) -> tuple[list[TokenRow], RowReport]:
    """Turn traces into rows and say what became of each.

    Args:
        traces: the runs to train on.
        tokenizer: of the model to train.
        max_length: most tokens of a row; None: no limit.
        too_long: what happens to a longer one.

    Raises:
        RowError: a trace cannot become a row, or is too long and the policy is `error`.
    """
    report = RowReport()
    rows = list(_rows(traces, tokenizer, max_length, too_long, report))
    report.rows = len(rows)
    report.tokens = sum(len(row.input_ids) for row in rows)
    report.trained_tokens = sum(row.trained_tokens for row in rows)
    return rows, report


def _rows(
    traces: Iterable[Trace],
    tokenizer: Any,
    limit: int | None,
    too_long: TooLong,
    report: RowReport,
) -> Iterator[TokenRow]:
    for trace in traces:
        report.traces += 1
        spans = trace_spans(trace, tokenizer)
        row = _row(trace, spans)
        if not row.trained_tokens:
            report.untrainable.append(trace.id)
            continue
        if limit is not None and len(row.input_ids) > limit:
            shorter = _fit(trace, spans, limit, too_long)
            if shorter is None:
                report.too_long.append(trace.id)
                continue
            report.shortened.append(trace.id)
            row = shorter
        report.stored_ids += all(span.stored for span in spans if span.kind != "end")
        yield row


def _fit(
    trace: Trace, spans: Sequence[TokenSpan], limit: int, too_long: TooLong
) -> TokenRow | None:
    length = sum(len(span.ids) for span in spans)
    if too_long == "error":
        msg = (
            f"trace {trace.id} has {length} tokens, more than max_length {limit}; raise "
            "max_length, or set too_long to drop or truncate_results"
        )
        raise RowError(msg)
    if too_long == "drop":
        return None
    ids = shorten_results([span.ids for span in spans], [s.kind for s in spans], limit)
    if ids is None:
        return None
    return _row(
        trace,
        (
            TokenSpan(short, span.trainable, span.kind)
            for short, span in zip(ids, spans, strict=True)
        ),
    )


def shorten_results(
    ids: Sequence[list[int]], kinds: Sequence[str], limit: int
) -> list[list[int]] | None:
    """Take out the middles of the longest results until all fit.

    Returns:
        The ids of every span, or None when even the shortest results do not fit.

    >>> shorten_results([[1] * 5, [2] * 60], ["reason", "result"], 55)[1] == [2] * 50
    True
    """
    excess = sum(map(len, ids)) - limit
    shorter = list(ids)
    by_length = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    for position in by_length:
        if excess <= 0:
            break
        own = shorter[position]
        spare = len(own) - 2 * RESULT_EDGE
        if kinds[position] != "result" or spare <= 0:
            continue
        cut = min(spare, excess)
        middle = (len(own) - cut) // 2
        shorter[position] = own[:middle] + own[middle + cut :]
        excess -= cut
    return shorter if excess <= 0 else None
