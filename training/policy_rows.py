"""From a rollout to a row of reinforcement learning: exact ids, mask and log-probabilities.

Only what the server sampled is trained on. Ids and log-probabilities are the server's;
nothing is tokenised again, since the ratio of two policies means nothing on tokens that
neither of them wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..nodes.dialects import get_dialect
from ..trace import Trace
from .spans import RowError, TokenSpan, trace_spans


@dataclass(frozen=True)
class PolicyRow:
    """One rollout; the three lists after the prompt have the same length."""

    prompt_ids: list[int]
    completion_ids: list[int]
    """Everything after the prompt, results included; at least one token."""
    env_mask: list[int]
    """1 where the model wrote the token, 0 where the graph put it."""
    logprobs: list[float | None]
    """What the server sampled with; 0 for the graph's tokens, None for an end token whose
    probability no server tells."""
    trace_id: str

    @property
    def trained_tokens(self) -> int:
        """How many tokens the policy is trained on."""
        return sum(self.env_mask)


def policy_row(trace: Trace, tokenizer: Any, *, max_length: int | None = None) -> PolicyRow:
    """Return a rollout as tokens.

    Args:
        trace: a run on a server that gives token ids and log-probabilities.
        tokenizer: of the policy.
        max_length: most tokens, prompt included. A longer run keeps its tokens up to
            there and is trained on none of them: its reward is for what was cut off.

    Raises:
        RowError: what the model wrote has no ids or log-probabilities, its thoughts were
            kept from it, or the prompt alone is too long.
    """
    if not trace.settings.get("keep_thoughts", True):
        msg = (
            f"trace {trace.id}: the model did not see its earlier thoughts, so its "
            "probabilities are not those of this transcript; roll out with keep_thoughts=true"
        )
        raise RowError(msg)
    prompt, *written = trace_spans(trace, tokenizer)
    spans = [_checked(trace, span) for span in written]
    if spans and spans[-1].kind == "end" and not sampled_its_end(trace):
        spans.pop()
    ids = [i for span in spans for i in span.ids]
    mask = [int(span.trainable) for span in spans for _ in span.ids]
    logprobs: list[float | None] = [v for span in spans for v in _logprobs(span)]
    if max_length is not None and len(prompt.ids) + len(ids) > max_length:
        room = max_length - len(prompt.ids)
        if room < 1:
            msg = (
                f"trace {trace.id}: the prompt alone has {len(prompt.ids)} tokens, more "
                f"than max_length {max_length}"
            )
            raise RowError(msg)
        ids, mask = ids[:room], [0] * room
        logprobs = logprobs[:room]
    if not ids:
        return PolicyRow(prompt.ids, [tokenizer.eos_token_id], [0], [0.0], trace.id)
    return PolicyRow(prompt.ids, ids, mask, logprobs, trace.id)


def sampled_its_end(trace: Trace) -> bool:
    """Tell whether the model ended its last turn by an end token of its own.

    A turn that the client cut at a stop string, or that ran into the token limit, has
    none.
    """
    last = [s for s in trace.turns()[-1] if s.trainable]
    text = "".join(segment.text for segment in last)
    if get_dialect(trace.dialect).first_action_end(text) is not None:
        return False
    limit = (trace.settings.get("limits") or {}).get("turn_tokens")
    return limit is None or sum(len(s.token_ids or ()) for s in last) < limit


def _checked(trace: Trace, span: TokenSpan) -> TokenSpan:
    if not span.trainable or span.kind == "end" or not span.ids:
        return span
    if not span.stored or span.logprobs is None or len(span.logprobs) != len(span.ids):
        msg = (
            f"trace {trace.id}: a {span.kind} segment has no token ids of this model with "
            "log-probabilities; roll out on vLLM with the model that is trained"
        )
        raise RowError(msg)
    return span


def _logprobs(span: TokenSpan) -> Sequence[float | None]:
    if not span.trainable:
        return [0.0] * len(span.ids)
    return [None] * len(span.ids) if span.logprobs is None else span.logprobs
