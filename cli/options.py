"""Options that several verbs share, so that they read and behave alike.

`RunOptions` is one group: a verb declares one parameter `run: RunOptions`, and
`with_run_options` shows its fields as options of the verb.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from ..errors import DeepSearchError

SETTINGS = "Settings of each run (or DEEPSEARCH_NAME in the environment)"
"""Heading of the shared options in a verb's `--help`."""

CONDENSERS = "none | extractive | reason_in_documents | learnings | explorer"
"""The values of `--condenser`."""


def named_path(text: str | Path) -> Path:
    """Return the path that was named; an empty one would be the current folder.

    Raises:
        DeepSearchError: none was.
    """
    if not str(text).strip():
        msg = "the path to write to is empty: name a file or folder"
        raise DeepSearchError(msg)
    return Path(text)


def _named_file(text: str | Path) -> Path:
    path = named_path(text)
    if path.is_dir():
        msg = f"{path} is a folder: name a file to write"
        raise DeepSearchError(msg)
    return path


def _asked(text: str) -> str:
    if not text.strip():
        msg = "the question is empty: write one behind the command, in quotes"
        raise DeepSearchError(msg)
    return text


def question_argument(text: str) -> Any:
    """Return the argument of a verb that is asked something."""
    return typer.Argument(help=text, metavar="question", parser=_asked)


def out_folder(text: str) -> Any:
    """Return the option `--out` of a verb that writes several files."""
    return typer.Option("--out", help=text, metavar="<path>", parser=named_path)


def out_file(text: str) -> Any:
    """Return the option `--out` of a verb that writes one file."""
    return typer.Option("--out", help=text, metavar="<path>", parser=_named_file)


AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Concurrency = Annotated[int, typer.Option(help="Runs in flight at once.", min=1)]
Limit = Annotated[int, typer.Option(help="Only the first N questions; 0: all.", min=0)]
OutDir = Annotated[Path, out_folder("Run directory.")]
Seed = Annotated[int, typer.Option(help="Seed of all sampling.")]
Traces = Annotated[Path, typer.Argument(help="Trace file or run directory.")]


def setting(name: str, text: str, default: str = "") -> Any:
    """Return an option for a setting of a run.

    Args:
        name: the option.
        text: its help.
        default: what its help says the default is.
    """
    return typer.Option(
        name, help=text, rich_help_panel=SETTINGS, show_default=default or False
    )


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Settings of a run that have an option of their own; `--set` takes all others."""

    model: Annotated[
        str,
        setting(
            "--model", "Served model name, or provider:model.", "first the server lists"
        ),
    ] = ""
    base_url: Annotated[
        str,
        setting("--base-url", "OpenAI-compatible server.", "http://127.0.0.1:8000/v1"),
    ] = ""
    search: Annotated[
        str,
        setting(
            "--search",
            "tavily | serper | searxng:URL | corpus:PATH | dense:PATH | hybrid:PATH | "
            "http:URL | http+CONTRACT:URL | simulated:URL",
            "tavily",
        ),
    ] = ""
    dialect: Annotated[
        str,
        setting(
            "--dialect",
            "Protocol the model was trained to speak: one of `deepsearch dialects`, or a .py "
            "file of your own.",
            "simple_deep_searcher",
        ),
    ] = ""
    condenser: Annotated[
        str,
        setting(
            "--condenser",
            CONDENSERS,
            "the dialect's",
        ),
    ] = ""
    summarizer_model: Annotated[
        str,
        setting("--summarizer-model", "Model that reads documents.", "the reasoning model"),
    ] = ""
    summarizer_url: Annotated[
        str, setting("--summarizer-url", "Its server.", "--base-url")
    ] = ""
    pairs: Annotated[
        list[str],
        setting(
            "--set",
            "Any other setting as NAME=VALUE, e.g. max_searches=4; `deepsearch settings` "
            "lists them.",
        ),
    ] = field(default_factory=list)

    def settings(self) -> dict[str, Any]:
        """Return the settings that were given, by their names in `Context`.

        Raises:
            DeepSearchError: a `--set` without `=`.
        """
        named = {option.name: getattr(self, option.name) for option in fields(self)}
        pairs = named.pop("pairs") or ()
        given = {name: value for name, value in named.items() if value}
        for pair in pairs:
            name, separator, value = pair.partition("=")
            if not separator:
                msg = f"--set takes NAME=VALUE, not {pair!r}"
                raise DeepSearchError(msg)
            given[name.strip()] = value.strip()
        return given


def with_run_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Show the fields of `RunOptions` as options of a verb that takes `run: RunOptions`.

    One that the verb has a parameter of its own for is the verb's: `run` is without it.
    Typer builds a command from a signature; the wrapper's has the fields in place of `run`.
    """
    own = inspect.signature(verb, eval_str=True).parameters
    hints = get_type_hints(RunOptions, include_extras=True)
    chosen_here = [option for option in fields(RunOptions) if option.name not in own]
    shared = [
        inspect.Parameter(
            option.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=getattr(RunOptions, option.name, None),
            annotation=hints[option.name],
        )
        for option in chosen_here
    ]

    @wraps(verb)
    def command(**given: Any) -> None:
        chosen = {option.name: given.pop(option.name) for option in chosen_here}
        verb(**given, run=RunOptions(**chosen))

    kept = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in own.items()
        if name != "run"
    ]
    vars(command)["__signature__"] = inspect.Signature([*kept, *shared])
    return command
