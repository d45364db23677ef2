"""Domains and key points as plain labels, whatever type a model gave them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...surrogates import load_json

LONGEST_LABEL = 60
"""Characters of a label; what is longer is a sentence."""

_SEPARATORS = re.compile(r"[,;\n|]+")
_EDGES = " \t\r\n.,;:!?\"'`*_-–—()[]{}#"


def plain_label(value: Any) -> str:
    """Return a label in lower case with single spaces, empty when there is none.

    A list gives its first label, as a domain given as `["film"]` is meant.

    >>> plain_label(" **Film  History** "), plain_label(["Film"]), plain_label(7)
    ('film history', 'film', '')
    """
    if isinstance(value, str):
        label = " ".join(value.lower().split()).strip(_EDGES)
        return label if len(label) <= LONGEST_LABEL else ""
    if isinstance(value, list | tuple):
        return next(filter(None, map(plain_label, value)), "")
    return ""


def as_key_points(value: Any) -> list[str]:
    """Return distinct key points in order, from a list or from what stands in for one.

    A string is a list in disguise: SimpleDeepSearcher iterates it by character.

    >>> as_key_points(["Director", "age", "director", None])
    ['director', 'age']
    >>> as_key_points("director, age"), as_key_points({"1": "director"}), as_key_points(3)
    (['director', 'age'], ['director'], [])
    """
    return list(dict.fromkeys(filter(None, _labels(value))))


def _labels(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _listed(value)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _labels(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            if isinstance(inner, str):
                yield plain_label(inner)
            elif isinstance(inner, int | float) and not isinstance(inner, bool):
                yield str(inner)
            else:
                yield from _labels(inner)


def _listed(text: str) -> Iterator[str]:
    """Read a string that is a JSON list, or labels with signs between them."""
    if text.lstrip().startswith("["):
        try:
            yield from _labels(load_json(text))
        except ValueError:
            pass
        else:
            return
    yield from map(plain_label, _SEPARATORS.split(text))
