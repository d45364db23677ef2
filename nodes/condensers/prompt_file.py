"""A condenser's prompt file: an original's words in place of our own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ...errors import DeepSearchError
from ..prompt_file import read_text
from .explorer import ExplorerCondenser
from .goal_extractor import GoalExtractor
from .learnings import Learnings
from .paging_reader import PagingReader
from .reason_in_documents import ReasonInDocuments

SETTING = "condenser_prompt_file"

NEEDED: Mapping[str, tuple[str, ...]] = {
    made.name: made.needed
    for made in (
        ReasonInDocuments,
        Learnings,
        ExplorerCondenser,
        GoalExtractor,
        PagingReader,
    )
}
"""Name of every condenser that asks a model, to the names its prompt cannot do without."""


def read_condenser_prompt(
    path: Path | None,
    settings: Mapping[str, Any],
    *,
    others: Collection[str] = (),
    own_condenser: bool = False,
) -> dict[str, str]:
    """Return what a condenser's prompt file says, by the setting whose condenser it is for.

    It is for the condenser of a query's documents where that asks a model and the file has
    the names that it fills in, else for that of pages. A text file.

    Args:
        path: of the file, None for none.
        settings: the run's `condenser` and `page_condenser`.
        others: condensers that other questions of the same settings have (open-ended ones
            beside closed): a file for one of them is none for this run.
        own_condenser: whether the first is an object of the caller's, with its own prompt.

    Raises:
        DeepSearchError: the file is absent, not UTF-8 or lacks a name, or neither condenser
            asks a model.
    """
    if path is None:
        return {}
    text = read_text(path, SETTING)
    kinds = ("page_condenser",) if own_condenser else ("condenser", "page_condenser")
    asking = [kind for kind in kinds if settings[kind] in NEEDED]
    if fitting := [kind for kind in asking if not _lacking(text, settings[kind])]:
        return {fitting[0]: text}
    if any(name in NEEDED and not _lacking(text, name) for name in others):
        return {}
    if not asking:
        said = " and ".join(f"{kind}={settings[kind]}" for kind in kinds)
        msg = f"`{SETTING}` has no use: no model is asked by {said}; leave it out"
        raise DeepSearchError(msg)
    name = settings[asking[0]]
    msg = (
        f"prompt file {path} lacks {' and '.join(_lacking(text, name))}: condenser {name!r} "
        "fills in what it reads there"
    )
    raise DeepSearchError(msg)


def _lacking(text: str, name: str) -> list[str]:
    return [f"{{{one}}}" for one in NEEDED[name] if f"{{{one}}}" not in text]
