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

PLANNING = "Planning"
"""Heading of the options of a plan in `--help`."""

TokensPerSecond = Annotated[
    float,
    typer.Option(
        help="Tokens the server writes, all runs together.",
        min=0.1,
        rich_help_panel=PLANNING,
    ),
]

PromptPrice = Annotated[
    float,
    typer.Option(help="Price of a million tokens read.", min=0, rich_help_panel=PLANNING),
]

CompletionPrice = Annotated[
    float,
    typer.Option(
        help="Price of a million tokens written.", min=0, rich_help_panel=PLANNING
    ),
]

SearchPrice = Annotated[
    float,
    typer.Option(help="Price of a thousand searches.", min=0, rich_help_panel=PLANNING),
]


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
        bool,
        typer.Option(
            "--plan",
            help="Print calls, tokens, hours and cost; run nothing.",
            rich_help_panel=PLANNING,
        ),
    ] = False,
    tokens_per_second: TokensPerSecond = 200.0,
    prompt_price: PromptPrice = 0.0,
    completion_price: CompletionPrice = 0.0,
    search_price: SearchPrice = 0.0,
    as_json: AsJson = False,
) -> None:
    """Run questions through the agent into traces; run again, it goes on where it stopped."""
    from ..evals.metrics import outcome
    from ..graph.deep_search import create_deep_search_agent
    from ..graph.plan import Rates, plan_rollouts
    from ..graph.preflight import check_agent
    from ..graph.rollout import RolloutEngine
    from ..graph.run_manifest import check_run, run_manifest
    from ..questions import read_questions

    settings = run.settings()
    known = read_questions(questions)
    asked = known[: limit or None]
    if plan:
        rates = Rates(tokens_per_second, prompt_price, completion_price, search_price)
        estimate = plan_rollouts(asked, rollouts, concurrency, directory, settings, rates)
        print_json(estimate.to_json()) if as_json else print_text(estimate.text())
        return
    agent = create_deep_search_agent(**settings)
    fixed = check_agent(agent)
    check_run(directory, run_manifest(fixed, [questions], known, seed))
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
        raise DeepSearchError(msg) from result.last_error
