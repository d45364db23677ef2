"""Each step's right rollouts, rewritten and learned by heart in the same step.

R1-Searcher++'s way: what the policy has just retrieved, and used rightly, becomes text
without a search (`curation/rewriter.py`) for the memorization loss (`memorization.py`).
[Unverified]: which right rollouts are rewritten; here one of a question, that with the
fewest searches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..curation.asking import Asker
from ..curation.internalize import right_runs
from ..curation.rewriter import Rewriter
from ..nodes.models.resolve import resolve_reasoner
from ..trace import Trace, read_traces, write_traces
from .memorization import memory_rows
from .rl_config import RlConfig
from .rows import TokenRow

PER_QUESTION = 1
"""Right rollouts of a question that are rewritten; ours."""

PATTERN = "memory-{step}-{rank}.jsonl"
"""Files of rewritten rollouts beside the rollouts; a step's are written once."""


class RolloutMemory:
    """Texts that come from the rollouts themselves.

    Args:
        rewriter: writes and checks them.
        folder: where the rollouts are; the texts are kept there too.
        tokenizer: of the policy.
        updates: optimizer steps made of one step's rollouts.
        max_length: most tokens of a text; longer ones are left out.
        concurrency: texts in work at once.
        rank: number of this process.
    """

    def __init__(
        self,
        rewriter: Rewriter,
        folder: Path,
        tokenizer: Any,
        *,
        updates: int = 1,
        max_length: int | None = None,
        concurrency: int = 16,
        rank: int = 0,
    ) -> None:
        self._rewriter = rewriter
        self._folder = folder
        self._tokenizer = tokenizer
        self._updates = updates
        self._max_length = max_length
        self._concurrency = concurrency
        self._rank = rank

    def remember(self, step: int, groups: Sequence[Sequence[Trace]]) -> None:
        """Rewrite a step's right rollouts, unless that was done before a kill.

        Args:
            step: of rollouts.
            groups: the rollouts, question by question.

        Raises:
            AskError: the rewriter's model failed.
        """
        path = self._path(step)
        if path.is_file():
            return
        chosen = [trace for group in groups for trace in right_runs(group, PER_QUESTION)]
        write_traces(path, asyncio.run(self._rewritten(chosen)))

    async def _rewritten(self, traces: Sequence[Trace]) -> list[Trace]:
        gate = asyncio.Semaphore(self._concurrency)

        async def rewrite(trace: Trace) -> Trace | None:
            async with gate:
                return (await self._rewriter.rewrite(trace)).trace

        found = await asyncio.gather(*map(rewrite, traces))
        return [trace for trace in found if trace is not None]

    def rows(self, step: int) -> list[TokenRow]:
        """Return this process's rows of an optimizer step; none where no text passed."""
        rollouts, update = divmod(step, self._updates)
        traces = list(read_traces(self._path(rollouts)))
        rows, _ = memory_rows(traces, self._tokenizer, self._max_length)
        return rows[update :: self._updates]

    def forget_from(self, step: int) -> None:
        """Remove every process's texts of a step of rollouts and all later ones."""
        for path in self._folder.glob(PATTERN.format(step="*", rank="*")):
            if int(path.stem.split("-")[1]) >= step:
                path.unlink()

    def _path(self, step: int) -> Path:
        return self._folder / PATTERN.format(step=f"{step:05}", rank=self._rank)


def rollout_memory(
    config: RlConfig,
    dialect: str,
    folder: Path,
    tokenizer: Any,
    *,
    max_length: int | None = None,
    rank: int = 0,
) -> RolloutMemory:
    """Return the memory whose rewriter the settings name.

    Args:
        config: the settings, with a `rewriter_model`.
        dialect: the policy's.
        folder: see `RolloutMemory`, for the rest too.
        tokenizer: likewise.
        max_length: likewise.
        rank: likewise.

    Raises:
        ModelError: the rewriter's server is down, or does not serve that name.
    """
    model = resolve_reasoner(config.rewriter_model, base_url=config.rewriter_url)
    return RolloutMemory(
        Rewriter(Asker(model), dialect),
        folder,
        tokenizer,
        updates=config.updates,
        max_length=max_length,
        concurrency=config.concurrency,
        rank=rank,
    )
