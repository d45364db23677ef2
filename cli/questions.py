"""`deepsearch questions`: the group; each verb is a file of its own (`questions_*.py`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from ..errors import DeepSearchError
from .app import FLYWHEEL, app
from .terminal import err, out, print_json, print_text

if TYPE_CHECKING:
    from rich.table import Table

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
Constrained = Annotated[
    bool,
    typer.Option(
        "--constrained/--unconstrained",
        help="Let a server that can (vLLM) hold replies to their form; a model that is to "
        "think before it answers needs the other.",
    ),
]
Plan = Annotated[bool, typer.Option("--plan", help="Print calls and tokens; ask no model.")]


def print_plan(plan: WorkPlan, as_json: bool) -> None:
    """Print what is left to do, and what it will take."""
    print_json(plan.to_json()) if as_json else print_text(plan.text())


class Report(Protocol):
    """What work over questions or items tells of itself."""

    failed: int
    """What another run of the same command tries again."""

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        ...

    def table(self) -> Table:
        """Return the same for people."""
        ...


def finish(
    report: Report, as_json: bool, *, failed: str, failures: Path, result: str
) -> None:
    """Print the report, then where the result lies.

    Args:
        report: of the work.
        as_json: whether programs read it.
        failed: what failed, in words.
        failures: the file that lists it.
        result: what there is, and where.

    Raises:
        DeepSearchError: something failed.
    """
    print_json(report.to_json()) if as_json else out.print(report.table())
    if report.failed:
        msg = f"{failed}, see {failures}; run again to retry them"
        raise DeepSearchError(msg)
    err.print(result, markup=False)
