"""`deepsearch loop`: the whole flywheel in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .app import FLYWHEEL, app
from .options import AsJson, OutDir, Seed
from .terminal import err, out, print_json


@app.command(rich_help_panel=FLYWHEEL)
def loop(
    directory: OutDir = Path("runs/desk"),
    preset: Annotated[str, typer.Option(help="Sizes and settings of the loop.")] = "desk",
    engine: Annotated[
        Literal["auto", "vllm", "transformers"],
        typer.Option(help="What serves the models."),
    ] = "auto",
    seed: Seed = 0,
    self_distill: Annotated[
        bool,
        typer.Option(
            "--self-distill", help="Add a second round on the trained model's runs."
        ),
    ] = False,
    evolving_rounds: Annotated[
        int | None,
        typer.Option(
            help="Rounds after the first, each on the runs of the model trained before.",
            min=0,
            show_default="the preset's",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the whole flywheel: agent, traces, curation, training, reload, gain."""
    from ..loop import Loop, loop_preset

    rounds = {} if evolving_rounds is None else {"evolving_rounds": evolving_rounds}
    config = loop_preset(
        preset, engine=engine, seed=seed, self_distill=self_distill, **rounds
    )
    result = Loop(config, directory, err).run()
    print_json(result.to_json()) if as_json else out.print(result.table())
