"""`deepsearch pairs`: preference pairs for DPO out of rollouts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .app import FLYWHEEL, app
from .inputs import Measures
from .options import AsJson, OutDir
from .terminal import print_json, print_text


@app.command(rich_help_panel=FLYWHEEL)
def pairs(
    traces: Annotated[list[Path], typer.Argument(help="Trace files or run directories.")],
    directory: OutDir,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            help="Traces the rejected runs come from; may be repeated.",
            show_default="the same traces",
        ),
    ] = None,
    rule: Annotated[
        Literal["paper", "paper_strict", "web_thinker"],
        typer.Option(
            help="What makes a run better. paper_strict rejects only runs that fail the "
            "checks, paper wrong ones too."
        ),
    ] = "web_thinker",
    per_question: Annotated[int, typer.Option(help="Most pairs of a question.", min=1)] = 1,
    preset: Annotated[
        str, typer.Option(help="Whose format and path filters the paper's rules check.")
    ] = "reference",
    ratio: Annotated[
        float, typer.Option(help="How much longer the rejected of two equal runs is.")
    ] = 1.5,
    measure: Measures = None,
    as_json: AsJson = False,
) -> None:
    """Pair better with worse runs of the same question; DPO trains on pairs.jsonl."""
    from ..curation.pairing import make_pairs

    report = make_pairs(
        traces,
        directory,
        rule=rule,
        against=against or None,
        per_question=per_question,
        preset=preset,
        ratio=ratio,
        measures=measure or (),
    )
    print_json(report.to_json()) if as_json else print_text(str(report))
