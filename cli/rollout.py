"""`deepsearch rollout`: many runs of many questions, into traces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import DeepSearchError
from .app import FLYWHEEL, app
from .options import (
    AsJson,
    Concurrency,
    Limit,
    OutDir,
    RunOptions,
    Seed,
    with_run_options,
)
from .terminal import print_json, print_text, rollout_progress

if TYPE_CHECKING:
    from ..graph.rollout import RolloutProgress


@app.command(rich_help_panel=FLYWHEEL)
@with_run_options
def rollout(
    questions: Annotated[Path, typer.Argument(help="Question file, JSON Lines.")],
    directory: OutDir,
    run: RunOptions,
    rollouts: Annotated[int, typer.Option(help="Runs of each question.", min=1)] = 10,
    limit: Limit = 0,
    concurrency: Concurrency = 32,
    seed: Seed = 0,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print calls, tokens and hours; run nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run questions through the agent into traces; run again, it goes on where it stopped."""
    from ..evals.metrics import outcome
    from ..graph.deep_search import create_deep_search_agent
    from ..graph.plan import plan_rollouts
    from ..graph.preflight import check_agent
    from ..graph.rollout import RolloutEngine, check_manifest
    from ..questions import read_questions

    settings = run.settings()
    asked = read_questions(questions)[: limit or None]
    if plan:
        estimate = plan_rollouts(asked, rollouts, concurrency, directory, settings)
        print_json(estimate.to_json()) if as_json else print_text(estimate.text())
        return
    agent = create_deep_search_agent(**settings)
    check_agent(agent)
    check_manifest(directory, {"questions": questions.name, "seed": seed, **settings})
    with rollout_progress("rollouts") as show:
        engine = RolloutEngine(
            agent,
            directory,
            concurrency=concurrency,
            seed=seed,
            scorer=outcome,
            on_progress=show,
        )
        result = engine.run(asked, rollouts)
    _report(result, directory, as_json)


def _report(result: RolloutProgress, directory: Path, as_json: bool) -> None:
    summary = {
        "finished": result.already + result.done,
        "total": result.total,
        "failed": result.failed,
        "searches": result.searches,
        "failed_searches": result.failed_searches,
        "tokens": result.tokens,
        "traces": str(directory / "traces.jsonl"),
    }
    if as_json:
        print_json(summary)
    else:
        print_text(
            f"{summary['finished']} of {summary['total']} rollouts in {summary['traces']}"
            f" ({result.searches} searches, {result.failed_searches} failed; "
            f"{result.tokens} tokens)"
        )
    if result.failed:
        msg = (
            f"{result.failed} rollouts failed, see {directory / 'failures.jsonl'}; the last: "
            f"{result.last_failure}; run the same command again to retry them"
        )
        raise DeepSearchError(msg)
