"""From a rollout to a row of reinforcement learning: exact ids, mask and log-probabilities.

Only what the server sampled is trained on. Ids and log-probabilities are the server's;
nothing is tokenised again, since the ratio of two policies means nothing on tokens that
neither of them wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..trace import Trace
from .spans import RowError, TokenSpan, sampled_end, trace_spans


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
    probability the server did not tell."""
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
    spans = [_checked(trace, span) for span in _sampled(written)]
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


def _sampled(spans: Sequence[TokenSpan]) -> list[TokenSpan]:
    """Return spans with the end tokens that the model sampled, and those alone trained.

    Between turns a template puts the end token, whether the model sampled it or was cut at
    its call. Where the graph went on without a sampled one (a notice inside the one text,
    after a turn without an action), the later prompts do not hold it, so no row holds both
    it and what follows in the context each was sampled in. The row ends with it: that it
    came too soon is what is to be learned.
    """
    found: list[TokenSpan] = []
    for place, span in enumerate(spans):
        before = found[-1] if found else None
        if before is not None and before.end_id is not None:
            found.append(sampled_end(before))
            if span.kind != "end" or span.ids != [before.end_id]:
                return found
        elif span.kind != "end":
            found.append(span)
        elif place + 1 < len(spans):
            found.append(replace(span, trainable=False))
    if found and found[-1].end_id is not None:
        found.append(sampled_end(found[-1]))
    return found


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
