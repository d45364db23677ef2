"""`deepsearch curate`: from all traces to those worth training on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import FLYWHEEL, app
from .inputs import require_traces
from .options import AsJson, OutDir
from .terminal import err, out, print_json, print_text


@app.command(rich_help_panel=FLYWHEEL)
def curate(
    traces: Annotated[list[Path], typer.Argument(help="Trace files or run directories.")],
    directory: OutDir,
    preset: Annotated[
        str,
        typer.Option(
            help="Filters and constants: reference | desk | direct | reflective | "
            "r1_searcher_plus | web_dancer_funnel; for imported traces r1_searcher | "
            "web_dancer | o2_searcher | know_agent."
        ),
    ] = "reference",
    without: Annotated[
        list[str] | None,
        typer.Option(
            help="Leave out a filter, or one of the paper's dimensions: format | path | "
            "difficulty | effectiveness; may be repeated."
        ),
    ] = None,
    verdicts: Annotated[
        Path | None,
        typer.Option(
            help='What is right, before gold answers: lines {"id": trace id, "correct": '
            "true or false}, by a person or a program, or the verdicts.jsonl of "
            "`evaluate --judge-model`.",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(help="Runs of a question that stay.", min=1, show_default="1"),
    ] = None,
    most: Annotated[
        int | None,
        typer.Option(
            help="Most traces, hardest questions first.", min=1, show_default="all"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Keep the traces worth training on; curation.html shows what each filter removed."""
    require_traces(*traces)
    from ..curation.page import PAGE_FILE
    from ..curation.pipeline import curate as run

    report = run(
        traces,
        directory,
        preset=preset,
        without=tuple(without or ()),
        verdicts=verdicts,
        keep_per_question=keep,
        max_records=most,
    )
    given = report.verdicts
    if given and given["used"] < given["given"]:
        unused = given["given"] - given["used"]
        err.print(
            f"{unused} of {given['given']} verdicts in {given['path']} are of no trace here",
            markup=False,
            soft_wrap=True,
        )
    if as_json:
        print_json(report.to_json())
        return
    out.print(report.table())
    print_text(f"what went in and what was removed, to look at: {directory / PAGE_FILE}")
