"""The memorization loss of R1-Searcher++: L = -J + mu * L_M.

J is what reinforcement maximises. L_M is the mean negative log-likelihood of text without a
search that a rewriter made of the documents of right rollouts (`curation/rewriter.py`), over
the tokens the model is to have written; the prompt carries no loss.

The form of the whole loss is in the figures of RUCAIBox/R1-Searcher-plus. mu is
[secondary]; that L_M is a mean over tokens, and how many texts a step has, is unverified:
ours.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from ..curation.internalize import internalized_file
from ..trace import Trace, read_traces
from .labelled_logits import label_loss
from .packing import label_logits, pack_rows
from .result import TrainingError
from .rl_config import MEMORIZATION_BATCH
from .rows import RowReport, TokenRow, build_rows


class Memory(Protocol):
    """Where the texts of a training come from."""

    def rows(self, step: int) -> Sequence[TokenRow]:
        """Return this process's rows of an optimizer step; there may be none."""
        ...


def likelihood_loss(model: Any, rows: Sequence[TokenRow]) -> torch.Tensor:
    """Return the summed negative log-likelihood of the rows' labelled tokens.

    Args:
        model: a causal model with the attention of `attention.py`.
        rows: at least one, with labels.
    """
    device = next(model.parameters()).device
    outputs, targets = label_logits(model, pack_rows(rows, device))
    return label_loss(outputs.logits[0], targets)


def memorization_loss(
    model: Any,
    rows: Sequence[TokenRow],
    part: int,
    parts: int,
    tokens: float | None = None,
) -> torch.Tensor | None:
    """Return one part of L_M of a step's rows; the parts of a step add up to it.

    Args:
        model: the policy.
        rows: of the whole optimizer step.
        part: number of the part, from 0.
        parts: batches that the step accumulates.
        tokens: labelled tokens that the mean is over; those of the rows if None. Where
            gradients are averaged over processes: those of all processes, a process.

    Returns:
        A scalar, None where this part has no row.
    """
    own = rows[part::parts]
    if not own:
        return None
    if tokens is None:
        tokens = sum(row.trained_tokens for row in rows)
    return likelihood_loss(model, own) / tokens


class StoredMemory:
    """Texts of a file, drawn without end; the same step always gets the same ones.

    Args:
        rows: all there are.
        batch: rows of an optimizer step, of all processes.
        seed: of their order, which changes each time all were drawn.
        rank: number of this process.
        processes: how many there are.
    """

    def __init__(
        self,
        rows: Sequence[TokenRow],
        *,
        batch: int = MEMORIZATION_BATCH,
        seed: int = 0,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self._all = list(rows)
        self._batch = batch
        self._seed = seed
        self._rank, self._processes = rank, processes

    def rows(self, step: int) -> list[TokenRow]:
        """Return this process's rows of an optimizer step."""
        first = step * self._batch
        drawn = [self._at(place) for place in range(first, first + self._batch)]
        return drawn[self._rank :: self._processes]

    def _at(self, place: int) -> TokenRow:
        count = len(self._all)
        order = random.Random(f"{self._seed}/{place // count}").sample(range(count), count)
        return self._all[order[place % count]]


def stored_memory(
    path: str | Path,
    tokenizer: Any,
    *,
    max_length: int | None = None,
    **drawing: int,
) -> tuple[StoredMemory, RowReport]:
    """Return the texts of a file, and what became of what it holds.

    Args:
        path: traces, or the folder that `deepsearch internalize` wrote.
        tokenizer: of the policy.
        max_length: most tokens of a text; longer ones are left out.
        drawing: see `StoredMemory`.

    Raises:
        TraceFileError: the file cannot be read.
        TrainingError: no text is left.
    """
    traces = list(read_traces(internalized_file(path)))
    rows, report = memory_rows(traces, tokenizer, max_length)
    if not rows:
        msg = (
            f"{path} holds nothing to memorize: make it with `deepsearch internalize`, or "
            "raise max_length"
        )
        raise TrainingError(msg)
    return StoredMemory(rows, **drawing), report


def memory_rows(
    traces: Sequence[Trace], tokenizer: Any, max_length: int | None
) -> tuple[list[TokenRow], RowReport]:
    """Return traces without a search as rows; a trace with results is refused.

    Raises:
        TrainingError: a trace holds what a search found.
    """
    for trace in traces:
        if any(segment.kind == "result" for segment in trace.segments):
            msg = (
                f"trace {trace.id} holds search results, which are not to be memorized: "
                "rewrite such runs with `deepsearch internalize`"
            )
            raise TrainingError(msg)
    return build_rows(traces, tokenizer, max_length=max_length)
