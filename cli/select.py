"""`deepsearch select`: the questions worth more rollouts, by how their rollouts went."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import DeepSearchError
from .app import FLYWHEEL, app
from .inputs import Measures
from .options import AsJson, out_file
from .terminal import print_json, print_text


@app.command(rich_help_panel=FLYWHEEL)
def select(
    traces: Annotated[list[Path], typer.Argument(help="Trace files or run directories.")],
    questions: Annotated[Path, out_file("Question file to write.")],
    right: Annotated[
        str, typer.Option(help="Right rollouts, LEAST-MOST, or any.", show_default="1-6")
    ] = "",
    of: Annotated[int, typer.Option(help="Rollouts of a question that count.", min=1)] = 8,
    level: Annotated[
        list[str] | None,
        typer.Option(help="easy | medium | hard, by rollouts to the first right one."),
    ] = None,
    measure: Measures = None,
    as_json: AsJson = False,
) -> None:
    """Write the questions that some rollouts answer and some do not, hardest first."""
    from ..curation.by_rollouts import RolloutRule, select_questions
    from ..curation.filters.outcome import MEASURES

    least, most = _bounds(right or ("any" if level else "1-6"), of)
    levels: Any = tuple(level or ())
    rule = RolloutRule(least=least, most=most, of=of, levels=levels)
    measures = tuple(measure or MEASURES)
    found = select_questions(traces, questions, rule, measures=measures)
    print_json(found.to_json()) if as_json else print_text(str(found))


def _bounds(right: str, of: int) -> tuple[int | None, int]:
    if right == "any":
        return None, of
    least, separator, most = right.partition("-")
    if not (separator and least.isdecimal() and most.isdecimal()):
        msg = f"--right takes LEAST-MOST such as 1-6, or any; not {right!r}"
        raise DeepSearchError(msg)
    return int(least), int(most)
