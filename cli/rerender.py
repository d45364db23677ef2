"""`deepsearch rerender`: traces said again in another dialect."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import DeepSearchError
from .app import TRACES, app
from .inputs import require_traces
from .options import Traces, out_file
from .terminal import err, print_text


@app.command(rich_help_panel=TRACES)
def rerender(
    traces: Traces,
    dialect: Annotated[
        str, typer.Option("--dialect", help="An inline dialect's name or file.")
    ],
    out: Annotated[Path, out_file("Trace file to write.")],
) -> None:
    """Write traces again in another dialect, to train a model of that one on them."""
    require_traces(traces)
    from ..curation.rerender import inline_dialect
    from ..curation.rerendered import refuse_other_rerender
    from ..trace import read_traces, write_traces

    inline_dialect(dialect)
    refuse_other_rerender(out, traces, dialect)
    left_out: list[str] = []
    written = _written(read_traces(traces), dialect, left_out)
    first = next(written, None)
    if first is None:  # an earlier file stays as it is
        _complain(left_out)
        msg = f"no trace of {traces} could be said in {dialect}"
        raise DeepSearchError(msg)
    count = write_traces(out, chain([first], written))
    _complain(left_out)
    print_text(f"{count} traces in {out}; {len(left_out)} left out")


def _complain(left_out: list[str]) -> None:
    for line in left_out:
        err.print(f"left out: {line}", style="yellow", markup=False, soft_wrap=True)


def _written(traces: Any, dialect: str, left_out: list[str]) -> Iterator[Any]:
    from ..curation.rerender import RerenderError, rerender

    for trace in traces:
        try:
            yield rerender(trace, dialect)
        except RerenderError as error:
            left_out.append(str(error))
