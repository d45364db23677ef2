"""`deepsearch train dpo`: train on preference pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson, OutDir
from .train import ModelFolder, RegisteredName, report, train


@train.command()
def dpo(
    pairs: Annotated[Path, typer.Argument(help="Pairs file, from `deepsearch pairs`.")],
    directory: OutDir,
    model: ModelFolder = "",
    config: Annotated[
        Path | None, typer.Option("--config", help="JSON or TOML file, or dpo_paper.")
    ] = None,
    name: RegisteredName = "",
    as_json: AsJson = False,
) -> None:
    """Train on preference pairs; results count on neither side; resumes by itself."""
    from ..training.base_model import prepare_base_model
    from ..training.config import load_config
    from ..training.dpo import train_dpo
    from ..training.dpo_config import DpoConfig

    parent = Path(model) if model else prepare_base_model()
    result = train_dpo(pairs, parent, directory, load_config(config, DpoConfig))
    report(directory, name, parent, result, as_json)
