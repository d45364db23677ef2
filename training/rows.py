"""From traces to token rows: which tokens a model reads, and which it is trained on.

The segment list alone decides. Token ids that the server gave are used as they are,
since joining texts and tokenising again gives other tokens than the model wrote; any
other segment is tokenised alone. Labels are set exactly on what the model wrote, plus
the end token where the model ended its answer itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import DeepSearchError
from ..nodes.dialects import get_dialect
from ..trace import Segment, Trace

IGNORED = -100
"""Label of a token that carries no loss (torch's cross entropy ignores it)."""

TooLong = Literal["drop", "error", "truncate_results"]
"""What happens to a sample over the length limit: it is left out and reported; the run
stops; or the middles of its longest search results are taken out until it fits."""

RESULT_EDGE = 24
"""Tokens kept at each end of a shortened result, so that its wrapper stays whole."""


class RowError(DeepSearchError):
    """A trace cannot become a training row."""


@dataclass(frozen=True)
class TokenSpan:
    """The tokens of one segment, or an end token."""

    ids: list[int]
    trainable: bool
    kind: str
    logprobs: list[float] | None = None
    stored: bool = False
    """True when the ids are those the server gave."""


@dataclass(frozen=True)
class TokenRow:
    """One training sample; `input_ids` and `labels` have the same length."""

    input_ids: list[int]
    labels: list[int]
    trace_id: str

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

    @property
    def skipped(self) -> list[str]:
        """Ids of all traces that gave no row."""
        return [*self.too_long, *self.untrainable]

    def lines(self) -> list[str]:
        """Return what a person should know, one line a matter."""
        said = [
            f"{self.rows} of {self.traces} traces became rows: {self.tokens} tokens, "
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
                said.append(f"{len(ids)} traces {what}: {shown}")
        return said


def trace_spans(trace: Trace, tokenizer: Any) -> list[TokenSpan]:
    """Return a trace as token spans in order, by the layout of its dialect.

    Every use of a trace as tokens (training rows, preference pairs, masks of
    reinforcement learning) starts here.

    Args:
        trace: the run.
        tokenizer: a transformers tokenizer with a chat template.

    Raises:
        RowError: the trace's layout has no token form yet, or its prompt is empty.
    """
    layout = get_dialect(trace.dialect).layout
    if layout not in LAYOUTS:
        msg = (
            f"trace {trace.id}: dialect {trace.dialect!r} places results as {layout}, "
            "which training does not read yet; leave these traces out"
        )
        raise RowError(msg)
    return LAYOUTS[layout](trace, tokenizer)


def _inline_spans(trace: Trace, tokenizer: Any) -> list[TokenSpan]:
    prompt = [s for s in trace.segments if s.kind == "prompt"]
    written = [s for s in trace.segments if s.kind != "prompt"]
    spans = [_prompt_span(trace, prompt, tokenizer)]
    spans += [_segment_span(segment, tokenizer) for segment in written]
    if ends_by_itself(trace):
        end = (
            []
            if spans[-1].ids[-1:] == [tokenizer.eos_token_id]
            else [tokenizer.eos_token_id]
        )
        spans.append(TokenSpan(end, trainable=True, kind="end"))
    return spans


LAYOUTS: dict[str, Callable[[Trace, Any], list[TokenSpan]]] = {"inline": _inline_spans}
"""Layout of a dialect to the function that gives its spans. A dialect whose results are
turns of their own needs the template's text between turns as untrained spans."""


def ends_by_itself(trace: Trace) -> bool:
    """Tell whether the model ended its answer itself, so that an end token belongs there.

    A forced answer, or one that a limit cut off, has another stop reason: there the
    model did not end, and is not taught to.
    """
    if trace.stop_reason != "answered" or not trace.segments:
        return False
    return trace.segments[-1].trainable


def _prompt_span(trace: Trace, prompt: Sequence[Segment], tokenizer: Any) -> TokenSpan:
    if not prompt:
        msg = f"trace {trace.id} has no prompt segment: it cannot be trained on"
        raise RowError(msg)
    stored = prompt[-1].token_ids
    if stored and _holds(tokenizer.decode(stored), prompt):
        return TokenSpan(list(stored), trainable=False, kind="prompt", stored=True)
    if not get_dialect(trace.dialect).uses_chat_template or not tokenizer.chat_template:
        text = "".join(segment.text for segment in prompt)
        ids = tokenizer(text, add_special_tokens=True)["input_ids"]
        return TokenSpan(ids, trainable=False, kind="prompt")
    # A last prompt segment of the assistant is the opening of its turn (a prefill).
    opening = prompt[-1].text if prompt[-1].speaker == "assistant" else ""
    messages = trace.prompt_messages[:-1] if opening else trace.prompt_messages
    ids = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=False
    )
    return TokenSpan([*ids, *_encode(opening, tokenizer)], trainable=False, kind="prompt")


def _holds(rendered: str, prompt: Sequence[Segment]) -> bool:
    # Templates trim messages; ids of another vocabulary decode to something else.
    return all(segment.text.strip() in rendered for segment in prompt)


def _segment_span(segment: Segment, tokenizer: Any) -> TokenSpan:
    ids = segment.token_ids
    if ids is not None and _decodes_to(ids, segment.text, tokenizer):
        return TokenSpan(
            list(ids), segment.trainable, segment.kind, segment.logprobs, stored=True
        )
    return TokenSpan(_encode(segment.text, tokenizer), segment.trainable, segment.kind)


def _decodes_to(ids: Sequence[int], text: str, tokenizer: Any) -> bool:
    """Tell whether stored ids are ids of this tokenizer.

    Traces of a teacher with another vocabulary carry ids that mean nothing here; then
    the text counts. Ids may end with the end token, which is no text.
    """
    if any(i >= len(tokenizer) for i in ids):
        return False
    decoded = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    return decoded == text or decoded == text + (tokenizer.eos_token or "")


def _encode(text: str, tokenizer: Any) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"] if text else []


def to_row(trace_id: str, spans: Iterable[TokenSpan]) -> TokenRow:
    """Join spans into one row with labels on the trainable ones."""
    input_ids: list[int] = []
    labels: list[int] = []
    for span in spans:
        input_ids += span.ids
        labels += span.ids if span.trainable else [IGNORED] * len(span.ids)
    return TokenRow(input_ids, labels, trace_id)


def trace_row(trace: Trace, tokenizer: Any) -> TokenRow:
    """Return a trace's training row, whatever its length; see `trace_spans`."""
    return to_row(trace.id, trace_spans(trace, tokenizer))


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
        row = to_row(trace.id, spans)
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
    return to_row(
        trace.id,
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
