"""What all verbs share: the command itself, and how an error ends it.

Errors that are the user's to mend are printed as one line and end with exit code 1; `-v`
gives the trace back.
"""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from ..errors import DeepSearchError
from .terminal import err

AGENT = "Ask and serve"
FLYWHEEL = "The flywheel, stage by stage"
TRACES = "Look at traces and take them elsewhere"
"""Headings of `deepsearch --help`."""

app = typer.Typer(
    name="deepsearch",
    help="A deep-search agent for LangGraph, and the flywheel that makes its model better.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_state = {"verbose": False}


@app.callback()
def options(
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Show the trace back of an error.")
    ] = False,
) -> None:
    """Deep search: ask, collect traces, curate, train, reload, measure."""
    _state["verbose"] = verbose


def main() -> None:
    """Run the command; errors become one line on stderr."""
    # LangGraph marks its delta channels as beta on import; that is ours to follow.
    warnings.filterwarnings("ignore", message=".*DeltaChannel.*")
    try:
        app()
    except DeepSearchError as error:
        _fail(str(error))
    except ValidationError as error:
        _fail("; ".join(map(_complaint, error.errors())))
    except KeyboardInterrupt:
        _fail("interrupted; run the same command again to go on", code=130)
    except Exception as error:
        _fail(_unforeseen(error))


def _unforeseen(error: Exception) -> str:
    """Return one line for an error that nobody foresaw, or about a file the user named."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}; check the path and its permissions"
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    reason = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {reason}; `deepsearch -v` and the same shows where"


def _complaint(error: Any) -> str:
    name = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return f"there is no setting {name!r}; see docs/agent.md or Context"
    return f"setting {name}: {error['msg']}"


def _fail(message: str, code: int = 1) -> None:
    if _state["verbose"]:
        err.print_exception()
    err.print(f"error: {message}", style="red", markup=False, soft_wrap=True)
    sys.exit(code)
