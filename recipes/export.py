"""A recipe's full size as files: settings of each stage, and the commands as a script."""

from __future__ import annotations

import json
from pathlib import Path

from .recipe import Recipe, TrainingStage
from .registry import RecipeError
from .script import run_script

SCRIPT = "run.sh"
"""Name of the script."""


def export_recipe(recipe: Recipe, directory: Path) -> list[Path]:
    """Write `<stage>.json` for each stage, the recipe's own files and `run.sh`.

    Returns:
        The files that were written.

    Raises:
        RecipeError: the folder holds such a file with other content.
    """
    settings = {settings_file(s): s.config.to_json() for s in recipe.stages}
    texts = {
        name: json.dumps(content, indent=2) + "\n"
        for name, content in {**settings, **recipe.files}.items()
    }
    texts[SCRIPT] = run_script(recipe)
    paths = {directory / name: text for name, text in texts.items()}
    for path, text in paths.items():
        if path.exists() and path.read_text(encoding="utf-8") != text:
            msg = f"{path} is there and has been changed: export to another folder"
            raise RecipeError(msg)
    directory.mkdir(parents=True, exist_ok=True)
    for path, text in paths.items():
        path.write_text(text, encoding="utf-8")
    (directory / SCRIPT).chmod(0o755)
    return list(paths)


def settings_file(stage: TrainingStage) -> str:
    """Return the name of a stage's settings file."""
    return f"{stage.name}.json"
