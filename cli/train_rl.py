"""`deepsearch train rl`: reinforcement learning with the graph as environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson, OutDir, RunOptions, with_run_options
from .train import ModelFolder, RegisteredName, report, train


@train.command()
@with_run_options
def rl(
    questions: Annotated[Path, typer.Argument(help="Question file with answers.")],
    directory: OutDir,
    run: RunOptions,
    model: ModelFolder = "",
    config: Annotated[
        Path | None,
        typer.Option("--config", help="JSON or TOML file, or rl_desk, rl_paper."),
    ] = None,
    name: RegisteredName = "",
    as_json: AsJson = False,
) -> None:
    """Train a policy by its own runs; --base-url is a vLLM server.

    Without --base-url a server is started. Resumes from its checkpoints.
    """
    from ..training.base_model import prepare_base_model
    from ..training.config import load_config
    from ..training.rl import train_rl
    from ..training.rl_config import RlConfig

    settings = run.settings()
    folder = model or settings.pop("model", "")
    parent = Path(folder) if folder else prepare_base_model()
    chosen = load_config(config, RlConfig)
    result = train_rl(questions, parent, directory, chosen, settings=settings)
    report(directory, name, parent, result, as_json)
