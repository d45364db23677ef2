"""`deepsearch questions filter`: leaves out what is no use for training a searcher."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson, Concurrency, Limit, OutDir
from .questions import (
    BaseUrl,
    Constrained,
    Model,
    Plan,
    finish,
    print_plan,
    questions,
)
from .terminal import work_progress


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
    flags: Annotated[
        bool,
        typer.Option(
            help="Judge quality too: whether a question is time-sensitive, subjective or "
            "harmful. Not where another model did."
        ),
    ] = True,
    model: Model = "",
    base_url: BaseUrl = "",
    constrained: Constrained = True,
    limit: Limit = 0,
    concurrency: Concurrency = 16,
    plan: Plan = False,
    as_json: AsJson = False,
) -> None:
    """Leave out time-sensitive, subjective, harmful and already known questions."""
    if not (flags or tries):
        msg = "--no-flags and --tries 0 leave nothing to filter by: drop one of them"
        raise typer.BadParameter(msg)
    from ..curation.inputs import refuse_overwriting
    from ..curation.synthesis.question_filter import (
        FILTERED_FILE,
        REMOVED_FILE,
        filter_questions,
        plan_filter,
    )
    from ..nodes.models.resolve import resolve_reasoner
    from ..questions import read_questions

    for name in (FILTERED_FILE, REMOVED_FILE):
        refuse_overwriting(directory / name, [file])
    asked = read_questions(file)[: limit or None]
    if plan:
        print_plan(plan_filter(asked, directory, tries=tries, flags=flags), as_json)
        return
    reasoner = resolve_reasoner(model, base_url=base_url)
    with work_progress("questions") as show:
        report = filter_questions(
            asked,
            reasoner,
            directory,
            tries=tries,
            constrained=constrained,
            flags=flags,
            concurrency=concurrency,
            on_progress=show,
        )
    finish(
        report,
        as_json,
        failed=f"{report.failed} questions could not be judged",
        failures=directory / "filter_failures.jsonl",
        result=f"{report.kept} questions in {directory}/filtered.jsonl",
    )
