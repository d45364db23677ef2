"""Runs on a served desk world, the same way in every benchmark that trains models on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.evals.metrics import outcome
from langgraph_deepsearch.graph.progress import RolloutDisplay
from langgraph_deepsearch.graph.rollout import RolloutEngine
from langgraph_deepsearch.questions import Question

TOKENS_PER_TRACE = 490
TRAINED_PER_SECOND = 350.0
EVALUATION_SECONDS = 150.0
"""Of a plan: two CPU cores, SmolLM2-135M, 120 test questions through vLLM, its start
included (the desk loop of seed 0 on such a machine, idle)."""


class RunConfig(Protocol):
    """What runs need to know."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of every run."""
        ...

    @property
    def concurrency(self) -> int: ...

    @property
    def world_seed(self) -> int: ...


def run_settings(config: RunConfig, url: str, out: Path) -> dict[str, Any]:
    """Return the settings of every run on the served world."""
    return {
        **config.settings,
        "search": f"searxng:{url}",
        "allow_private": "127.0.0.1",
        "cache_dir": out / "cache",
    }


def roll_out(
    agent: Any,
    questions: Sequence[Question],
    out: Path,
    config: RunConfig,
    rollouts: int = 1,
) -> None:
    """Run questions into `out`/traces.jsonl; what is there already is not run again."""
    with RolloutDisplay(out.parent.name, Console(stderr=True)) as display:
        engine = RolloutEngine(
            agent,
            out,
            concurrency=config.concurrency,
            seed=config.world_seed,
            scorer=outcome,
            on_progress=display.update,
        )
        progress = engine.run(questions, rollouts)
    if progress.failed:
        msg = f"{progress.failed} runs failed, see {out}: run the same command again"
        raise DeepSearchError(msg)


def write_whole(path: Path, text: str) -> None:
    """Write a file in one step, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)


@contextmanager
def complaints() -> Iterator[None]:
    """End with one line where the mistake is the user's to mend."""
    try:
        yield
    except DeepSearchError as error:
        msg = f"error: {error}"
        raise SystemExit(msg) from None
