"""`deepsearch questions filter`: leaves out what is no use for training a searcher."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import DeepSearchError
from .options import AsJson, Concurrency, Limit, OutDir
from .questions import BaseUrl, Model, Plan, print_plan, questions
from .terminal import err, out, print_json, work_progress


@questions.command("filter")
def filter_verb(
    file: Annotated[Path, typer.Argument(help="Question file.")],
    directory: OutDir,
    tries: Annotated[
        int,
        typer.Option(
            help="Answers without search a question; one right one leaves it out. 0: none.",
            min=0,
        ),
    ] = 10,
    model: Model = "",
    base_url: BaseUrl = "",
    limit: Limit = 0,
    concurrency: Concurrency = 16,
    plan: Plan = False,
    as_json: AsJson = False,
) -> None:
    """Leave out time-sensitive, subjective, harmful and already known questions."""
    from ..curation.synthesis.question_filter import filter_questions, plan_filter
    from ..nodes.models.resolve import resolve_reasoner
    from ..questions import read_questions

    asked = read_questions(file)[: limit or None]
    if plan:
        print_plan(plan_filter(asked, directory, tries=tries), as_json)
        return
    reasoner = resolve_reasoner(model, base_url=base_url)
    with work_progress("questions") as show:
        report = filter_questions(
            asked,
            reasoner,
            directory,
            tries=tries,
            concurrency=concurrency,
            on_progress=show,
        )
    print_json(report.to_json()) if as_json else out.print(report.table())
    if report.failed:
        msg = (
            f"{report.failed} questions could not be judged, see {directory}/"
            "filter_failures.jsonl; run again to retry them"
        )
        raise DeepSearchError(msg)
    err.print(f"{report.kept} questions in {directory}/filtered.jsonl", markup=False)
