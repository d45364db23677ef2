"""`deepsearch train stages`: several trainings in a row, by a schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import DeepSearchError
from .options import AsJson, OutDir, RunOptions, with_run_options
from .terminal import err, print_json, print_text
from .train import ModelFolder, train


@train.command()
@with_run_options
def stages(
    schedule: Annotated[
        Path,
        typer.Argument(
            help="JSON file, or stages_mask_search_sft, stages_mask_search_rl, "
            "stages_mask_search_desk."
        ),
    ],
    directory: OutDir,
    run: RunOptions,
    data: Annotated[
        list[str],
        typer.Option("--data", help="What a stage is trained on: NAME=FILE; several."),
    ],
    model: ModelFolder = "",
    as_json: AsJson = False,
) -> None:
    """Train stage by stage, each from the model before, the first from --model.

    Traces, pairs or questions by the stage's method. Settings of runs are for stages by
    reinforcement. Finished stages are not run again.
    """
    from ..training.base_model import prepare_base_model
    from ..training.environment import is_main
    from ..training.registry import ModelRegistry
    from ..training.schedule import load_schedule, run_schedule

    plan = load_schedule(schedule)
    settings = run.settings()
    folder = model or settings.pop("model", "")
    parent = Path(folder) if folder else prepare_base_model()
    results = run_schedule(
        plan,
        _files(data),
        parent,
        directory,
        settings=settings,
        on_stage=lambda stage: err.print(f"── {stage.name} ({stage.method})", markup=False),
    )
    if not is_main():
        return
    registry = ModelRegistry(directory)
    for result in results:
        name, path = f"{plan.name}-{result.stage.name}", result.model
        registry.add(name, path, parent=parent.name, training=result.training.to_json())
        parent = path
    if as_json:
        print_json({r.stage.name: r.training.to_json() for r in results})
        return
    for result in results:
        print_text(f"{result.stage.name}: {result.training}")
    print_text(f"the last model is in {results[-1].model}")


def _files(pairs: list[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for pair in pairs:
        name, separator, path = pair.partition("=")
        if not separator or not path:
            msg = f"--data takes NAME=FILE, not {pair!r}"
            raise DeepSearchError(msg)
        files[name.strip()] = Path(path.strip())
    return files
