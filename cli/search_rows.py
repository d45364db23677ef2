"""`deepsearch search rows`: what to fine-tune a simulated search engine on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .inputs import require_traces
from .options import AsJson, Seed, out_file
from .search_serve import search
from .terminal import print_json, print_text


@search.command()
def rows(
    traces: Annotated[list[Path], typer.Argument(help="Rollouts on a real search engine.")],
    out: Annotated[Path, out_file("JSON Lines file to write.")],
    prompt: Annotated[
        Path | None,
        typer.Option(help="File with an original's prompt; see docs/methods.md."),
    ] = None,
    documents: Annotated[int, typer.Option(help="Most documents of a row.", min=1)] = 5,
    balanced: Annotated[
        bool, typer.Option(help="As many useful as noisy rows; the rarer kind whole.")
    ] = True,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Make ZeroSearch's simulator rows: useful documents of right runs, noisy of wrong."""
    require_traces(*traces)
    from ..curation.simulator_tuning import SimulatorRows, write_simulator_rows
    from ..tools.simulated import PROMPT, read_prompt

    making = SimulatorRows(
        prompt=read_prompt(prompt) if prompt else PROMPT,
        documents=documents,
        balanced=balanced,
        seed=seed,
    )
    report = write_simulator_rows(traces, out, making=making)
    if as_json:
        print_json({**report.to_json(), "out": str(out)})
        return
    print_text(report)
    print_text(f"rows in {out}; fine-tune on them with `deepsearch train sft {out}`")
