"""What all verbs share: the command itself, and how an error ends it.

Errors that are the user's to mend are printed as one line and end with exit code 1; `-v`
gives the trace back. Warnings are one line too.
"""

from __future__ import annotations

import os
import sys
import warnings
from importlib.metadata import version
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from ..errors import DeepSearchError
from .setting_names import unknown_setting, warn_of_misspelt_variables
from .terminal import err

AGENT = "Ask and serve"
FLYWHEEL = "The flywheel, stage by stage"
TRACES = "Look at traces and take them elsewhere"
"""Headings of `deepsearch --help`."""

BAR_SECONDS = 30
"""Between two pictures of a library's progress bar where no terminal shows it."""

app = typer.Typer(
    name="deepsearch",
    help="A deep-search agent for LangGraph, and the flywheel that makes its model better.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_state = {"verbose": False}


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"deepsearch {version('langgraph-deepsearch')}\n")
        raise typer.Exit


@app.callback()
def options(
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Show the trace back of an error.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit.",
            is_eager=True,
            callback=_print_version,
        ),
    ] = False,
) -> None:
    """Deep search: ask, collect traces, curate, train, reload, measure."""
    _state["verbose"] = verbose
    warn_of_misspelt_variables()


def main() -> None:
    """Run the command; errors become one line on stderr."""
    warnings.showwarning = _show_warning
    # LangGraph marks its delta channels as beta on import; that is ours to follow.
    warnings.filterwarnings("ignore", message=".*DeltaChannel.*")
    if not sys.stderr.isatty():
        # The libraries' progress bars would fill a log with ten copies a second.
        os.environ.setdefault("TQDM_MININTERVAL", str(BAR_SECONDS))
    try:
        app()
    except DeepSearchError as error:
        _fail(str(error))
    except ValidationError as error:
        _fail("; ".join(_complaint(one, error.title) for one in error.errors()))
    except KeyboardInterrupt:
        _fail("interrupted; run the same command again to go on", code=130)
    except Exception as error:
        _fail(_unforeseen(error))


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    *_: Any,
    **__: Any,
) -> None:
    """Print a warning as one line on stderr; `-v` gives its class and place."""
    text = " ".join(str(message).split())
    if _state["verbose"]:
        text = f"{filename}:{lineno}: {category.__name__}: {text}"
    err.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)


def _unforeseen(error: Exception) -> str:
    """Return one line for an error that nobody foresaw, or about a file the user named."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}; check the path and its permissions"
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    reason = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {reason}; `deepsearch -v` and the same shows where"


def _complaint(error: Any, schema: str) -> str:
    name = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return unknown_setting(name, schema)
    return f"setting {name}: {error['msg']}"


def _fail(message: str, code: int = 1) -> None:
    if _state["verbose"]:
        err.print_exception()
    err.print(f"error: {message}", style="red", markup=False, soft_wrap=True)
    sys.exit(code)
