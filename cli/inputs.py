"""Checks of a verb's input that come before anything heavy is imported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import DeepSearchError
from ..trace import read_traces

KNOWN_MEASURES = ("acc", "em", "f1", "judge", "user")
"""Entries of a trace's outcome that `--measure` takes."""


def _known_measure(name: str) -> str:
    if name not in KNOWN_MEASURES:
        msg = f"--measure takes {', '.join(KNOWN_MEASURES)}; not {name!r}"
        raise DeepSearchError(msg)
    return name


Measures = Annotated[
    list[str] | None,
    typer.Option(
        "--measure",
        help="What says whether an answer is right: acc | em | f1 | judge | user; may be "
        "repeated, the first that a run has counts, right from 0.5.",
        metavar="<name>",
        parser=_known_measure,
        show_default="acc, judge, user",
    ),
]


def require_traces(*paths: Path) -> None:
    """Read the first trace of each file until there is one.

    Raises:
        DeepSearchError: there is no such file, its first line is no trace, or none of
            them holds any.
    """
    if all(next(read_traces(path), None) is None for path in paths):
        names = ", ".join(map(str, paths))
        msg = f"no traces in {names}: run `deepsearch rollout` first, or check the path"
        raise DeepSearchError(msg)


def require_training_data(path: Path) -> None:
    """Read the first trace of a file or run directory, unless it holds chats.

    Raises:
        DeepSearchError: it holds neither.
    """
    from ..training.sft_data import holds_chats, training_file

    file = training_file(path)
    if not holds_chats(file):
        require_traces(file)
