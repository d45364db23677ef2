"""`deepsearch evaluate`: questions with known answers, scored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
from .terminal import out, print_json, rollout_progress


@app.command(rich_help_panel=FLYWHEEL)
@with_run_options
def evaluate(
    questions: Annotated[Path, typer.Argument(help="Question file with answers.")],
    directory: OutDir,
    run: RunOptions,
    limit: Limit = 0,
    concurrency: Concurrency = 32,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Answer questions with known answers once each and score them."""
    from ..context import Context
    from ..evals.run import evaluate_questions
    from ..graph.deep_search import create_deep_search_agent
    from ..graph.preflight import check_agent
    from ..nodes.models.engine import find_engine
    from ..questions import read_questions

    settings = run.settings()
    asked = read_questions(questions)[: limit or None]
    agent = create_deep_search_agent(**settings)
    check_agent(agent)
    context = Context(**settings)
    with rollout_progress("questions") as show:
        summary = evaluate_questions(
            agent,
            asked,
            directory,
            concurrency=concurrency,
            seed=seed,
            engine=find_engine(context.model, context.base_url),
            on_progress=show,
            manifest={"questions": questions.name, **settings},
        )
    print_json(summary.to_json()) if as_json else out.print(summary.table())
