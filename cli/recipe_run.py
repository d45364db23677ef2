"""`deepsearch recipe run`: a recipe at desk size."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..errors import DeepSearchError
from .options import AsJson, OutDir, Seed
from .recipe import RecipeName, recipe
from .terminal import err, out, print_json


@recipe.command()
def run(
    name: RecipeName,
    directory: OutDir,
    desk: Annotated[
        bool, typer.Option("--desk", help="Run it here, cut to the size of a desk.")
    ] = False,
    size: Annotated[
        str, typer.Option(help="How much of everything: desk | tiny.")
    ] = "desk",
    without: Annotated[
        list[str] | None,
        typer.Option(help="Leave a stage of training out; may be repeated."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the model to start from.", show_default="the packaged one"
        ),
    ] = None,
    engine: Annotated[
        Literal["auto", "vllm", "transformers"],
        typer.Option(help="What serves the models; RL needs vLLM."),
    ] = "auto",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Run every stage over the desk world; run again, it goes on where it stopped."""
    from ..recipes.bench import ServerProcess
    from ..recipes.desk import DeskConfig, DeskRun
    from ..recipes.registry import get_recipe

    chosen = get_recipe(name)
    if not desk:
        msg = (
            f"say --desk to run {name} here at desk size; for the full size write its "
            f"settings and commands: deepsearch recipe export {name} --out DIR"
        )
        raise DeepSearchError(msg)
    config = DeskConfig(size, seed, tuple(without or ()), model)
    result = DeskRun(chosen, config, directory, err, ServerProcess(engine)).run()
    print_json(result.to_json()) if as_json else out.print(result.table())
