"""From a trace to token spans: the one form in which training reads a run.

The segment list alone decides. Token ids that the server gave are used as they are,
since joining texts and tokenising again gives other tokens than the model wrote; any
other segment is tokenised alone. A span is trainable exactly when the model wrote it. An end
token stands where the model ended its answer itself, that which it sampled where it is
known, and where a template ends the model's turn before the next message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import DeepSearchError
from ..nodes.dialects import dialect_of
from ..trace import Segment, Trace


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
    end_id: int | None = None
    """The end token that the model sampled after these; what follows may be without it."""
    end_logprob: float | None = None


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
    layout = dialect_of(trace).layout
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
    return spans + _end_spans(trace, spans, tokenizer)


def _end_spans(trace: Trace, spans: Sequence[TokenSpan], tokenizer: Any) -> list[TokenSpan]:
    if not ends_by_itself(trace):
        return []
    last = spans[-1]
    if last.end_id is not None:
        return [sampled_end(last)]
    end = tokenizer.eos_token_id
    has_end = last.ids[-1:] == [end]
    return [TokenSpan([] if has_end else [end], trainable=True, kind="end")]


def sampled_end(span: TokenSpan) -> TokenSpan:
    """Return the end token that the model sampled after a span."""
    assert span.end_id is not None
    logprobs = None if span.end_logprob is None else [span.end_logprob]
    return TokenSpan([span.end_id], True, "end", logprobs, stored=True)


def _turn_spans(trace: Trace, tokenizer: Any) -> list[TokenSpan]:
    """Return the spans of a run whose results are messages of their own.

    What the template puts between the turns belongs to the result and is not trained, but
    for the token that ends the model's turn: served elsewhere, a model that was not taught
    it writes on after its call. An opening that the harness put into the model's next turn
    is text inside that turn.
    """
    prompt = [s for s in trace.segments if s.kind == "prompt"]
    spans = [_prompt_span(trace, prompt, tokenizer)]
    previous: Segment | None = None
    for segment in trace.segments:
        if segment.kind == "prompt":
            continue
        if segment.trainable or segment.speaker == "assistant":
            spans.append(_segment_span(segment, tokenizer))
        else:
            message = _message_span(trace, segment, tokenizer)
            is_ended = previous is not None and _ended_its_turn(previous)
            spans += _parted(message, spans[-1], tokenizer, is_own=is_ended)
        previous = segment
    return spans + _end_spans(trace, spans, tokenizer)


def _ended_its_turn(last: Segment) -> bool:
    """Tell whether the model's turn ended here by its own doing, with something in it."""
    return last.trainable and not last.torn and bool(last.text)


def _parted(
    message: TokenSpan, before: TokenSpan, tokenizer: Any, *, is_own: bool
) -> list[TokenSpan]:
    """Return a message with the end token of the turn before it as a span of its own."""
    end = [tokenizer.eos_token_id]
    if message.ids[:1] != end:
        return [message]
    rest = replace(message, ids=message.ids[1:])
    if before.ids[-1:] == end:
        return [rest]  # the model's own ids hold it
    return [TokenSpan(end, trainable=is_own, kind="end", stored=message.stored), rest]


MARKER = "Understood"
"""What the model says in the example chat that shows a template's text between turns."""


def _message_span(trace: Trace, segment: Segment, tokenizer: Any) -> TokenSpan:
    stored = segment.token_ids
    is_own = stored is not None and all(i < len(tokenizer) for i in stored)
    if stored is not None and is_own and segment.text.strip() in tokenizer.decode(stored):
        return TokenSpan(list(stored), trainable=False, kind=segment.kind, stored=True)
    text = _between_turns(segment, tokenizer)
    if text is None:
        msg = (
            f"trace {trace.id}: the chat template rewrites the assistant's messages, so "
            "turns cannot be laid out; use the tokenizer this dialect's model comes with"
        )
        raise RowError(msg)
    return TokenSpan(_encode(text, tokenizer), trainable=False, kind=segment.kind)


def _between_turns(segment: Segment, tokenizer: Any) -> str | None:
    """Return the text from the end of the model's turn to the start of its next one."""
    if not tokenizer.chat_template:
        return segment.text
    messages = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": MARKER},
        {"role": segment.speaker, "content": segment.text},
    ]
    rendered = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=False
    )
    before, _, after = rendered.partition(MARKER)
    return after if before and segment.text.strip() in after else None


LAYOUTS: dict[str, Callable[[Trace, Any], list[TokenSpan]]] = {
    "inline": _inline_spans,
    "turns": _turn_spans,
}
"""Layout of a dialect to the function that gives its spans."""


def ends_by_itself(trace: Trace) -> bool:
    """Tell whether the model ended its answer itself, so that an end token belongs there.

    A forced answer has another stop reason, and a turn that a limit cut off is torn even
    where an answer stands in it: there the model did not end, and is not taught to.
    """
    if trace.stop_reason != "answered" or not trace.segments:
        return False
    last = trace.segments[-1]
    return last.trainable and not last.torn


def _prompt_span(trace: Trace, prompt: Sequence[Segment], tokenizer: Any) -> TokenSpan:
    if not prompt:
        msg = f"trace {trace.id} has no prompt segment: it cannot be trained on"
        raise RowError(msg)
    stored = prompt[-1].token_ids
    if stored and _holds(tokenizer.decode(stored), prompt):
        return TokenSpan(list(stored), trainable=False, kind="prompt", stored=True)
    if not dialect_of(trace).uses_chat_template or not tokenizer.chat_template:
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
        # An empty turn decodes by any tokenizer; its end may be another vocabulary's.
        is_own = segment.end_id is not None and segment.end_id < len(tokenizer)
        return TokenSpan(
            list(ids),
            segment.trainable,
            segment.kind,
            segment.logprobs,
            stored=True,
            end_id=segment.end_id if is_own else None,
            end_logprob=segment.end_logprob if is_own else None,
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
