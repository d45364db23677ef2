"""Gold answers in the forms that files give them."""

from __future__ import annotations

from typing import Any


def gold_answers(value: Any) -> list[str]:
    """Return gold answers as texts: one value is one, lists may be nested.

    >>> gold_answers("a"), gold_answers([["a"], 2]), gold_answers(None)
    (['a'], ['a', '2'], [])
    """
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [gold for one in value for gold in gold_answers(one)]
    return [str(value)]
