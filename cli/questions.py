"""`deepsearch questions`: the group; each verb is a file of its own (`questions_*.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .app import FLYWHEEL, app
from .terminal import print_json, print_text

if TYPE_CHECKING:
    from ..curation.resumable import WorkPlan

questions = typer.Typer(
    help="Which questions to train on: annotate, sample, synthesize, filter.",
    no_args_is_help=True,
)
app.add_typer(questions, name="questions", rich_help_panel=FLYWHEEL)

Model = Annotated[
    str,
    typer.Option(
        "--model",
        help="Served model name, or provider:model.",
        show_default="first the server lists",
    ),
]
BaseUrl = Annotated[
    str,
    typer.Option(
        "--base-url",
        help="OpenAI-compatible server.",
        show_default="http://127.0.0.1:8000/v1",
    ),
]
Plan = Annotated[bool, typer.Option("--plan", help="Print calls and tokens; ask no model.")]


def print_plan(plan: WorkPlan, as_json: bool) -> None:
    """Print what is left to do, and what it will take."""
    print_json(plan.to_json()) if as_json else print_text(plan.text())
