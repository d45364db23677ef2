"""`deepsearch train sft`: fine-tune on curated traces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .inputs import require_training_data
from .options import AsJson, OutDir
from .terminal import err, print_json, print_text
from .train import ModelFolder, RegisteredName, report, train


@train.command()
def sft(
    traces: Annotated[
        Path,
        typer.Argument(
            help="Curated traces, a run directory, or chats with `messages`. Of a directory "
            "its curated.jsonl; where nothing was curated all traces, wrong answers included."
        ),
    ],
    directory: OutDir,
    model: ModelFolder = "",
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="JSON or TOML file, or sft_desk, sft_paper, sft_paper_7b, sft_paper_32b.",
        ),
    ] = None,
    name: RegisteredName = "",
    plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Print memory and time, as set and by ZeRO-3; train nothing. "
            "--model may be a size, 7b or 32b.",
        ),
    ] = False,
    devices: Annotated[int, typer.Option(help="Devices of the plan.", min=1)] = 8,
    device: Annotated[
        str, typer.Option(help="Their kind: h100, h200, a100, cpu.")
    ] = "h100",
    as_json: AsJson = False,
) -> None:
    """Fine-tune on what the model wrote in the traces; resumes from its checkpoints."""
    require_training_data(traces)
    from ..training.base_model import prepare_base_model
    from ..training.config import load_config
    from ..training.sft import train_sft

    settings = load_config(config)
    _say_uncurated(traces)
    if plan:
        from ..training.plan import plan_sft

        found = plan_sft(
            traces, model or prepare_base_model(), settings, devices=devices, kind=device
        )
        print_json(found.to_json()) if as_json else print_text(found.text())
        return
    parent = Path(model) if model else prepare_base_model()
    result = train_sft(traces, parent, directory, settings)
    report(directory, name, parent, result, as_json)


def _say_uncurated(traces: Path) -> None:
    """Say that wrong answers are trained on, where nothing was curated."""
    from ..training.environment import is_main
    from ..training.sft_data import count_uncurated

    if is_main() and (count := count_uncurated(traces)):
        err.print(
            f"nothing was curated in {traces}: training on all {count} traces, wrong answers "
            f"included; `deepsearch curate {traces} --out {traces}` first to leave them out",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
