"""`deepsearch questions annotate`: the domain and key points of questions, by a model."""

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


@questions.command()
def annotate(
    file: Annotated[Path, typer.Argument(help="Question file.")],
    directory: OutDir,
    model: Model = "",
    base_url: BaseUrl = "",
    domains: Annotated[
        str,
        typer.Option(
            help="closed: the list in docs/questions.md; open: any domain; or your own list, "
            "comma-separated."
        ),
    ] = "closed",
    constrained: Constrained = True,
    limit: Limit = 0,
    concurrency: Concurrency = 16,
    plan: Plan = False,
    as_json: AsJson = False,
) -> None:
    """Annotate questions for sampling; run again, it goes on where it stopped."""
    from ..curation.inputs import refuse_overwriting
    from ..curation.sampling.annotate import (
        ANNOTATED_FILE,
        annotate_questions,
        plan_annotation,
    )
    from ..curation.sampling.annotation import parse_domains
    from ..nodes.models.resolve import resolve_reasoner
    from ..questions import read_questions

    refuse_overwriting(directory / ANNOTATED_FILE, [file])
    asked = read_questions(file)[: limit or None]
    listed = parse_domains(domains)
    if plan:
        print_plan(plan_annotation(asked, directory, domains=listed), as_json)
        return
    reasoner = resolve_reasoner(model, base_url=base_url)
    with work_progress("questions") as show:
        report = annotate_questions(
            asked,
            reasoner,
            directory,
            domains=listed,
            constrained=constrained,
            concurrency=concurrency,
            on_progress=show,
        )
    finish(
        report,
        as_json,
        failed=f"{report.failed} questions have no usable annotation",
        failures=directory / "annotation_failures.jsonl",
        result=f"annotated questions in {directory}/annotated.jsonl",
    )
