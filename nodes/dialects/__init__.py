"""Dialects by name."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from ...errors import DeepSearchError
from .base import Action, Budgets, Dialect, TurnPart

DIALECTS: dict[str, tuple[str, str]] = {
    "simple_deep_searcher": ("simple_deep_searcher", "SimpleDeepSearcherDialect"),
}
"""Name to (module in this package, class)."""

DEFAULT_DIALECT = "simple_deep_searcher"

__all__ = [
    "DEFAULT_DIALECT",
    "DIALECTS",
    "Action",
    "Budgets",
    "Dialect",
    "TurnPart",
    "UnknownDialectError",
    "get_dialect",
    "list_dialects",
]


class UnknownDialectError(DeepSearchError):
    """No dialect has that name."""


def list_dialects() -> list[str]:
    """Return the names of all dialects, the default first."""
    return [DEFAULT_DIALECT, *sorted(set(DIALECTS) - {DEFAULT_DIALECT})]


@cache
def get_dialect(name: str = DEFAULT_DIALECT) -> Dialect:
    """Return the dialect of that name.

    Raises:
        UnknownDialectError: there is none; the message lists the names.
    """
    if name not in DIALECTS:
        msg = f"unknown dialect {name!r}; known: {', '.join(list_dialects())}"
        raise UnknownDialectError(msg)
    module, class_name = DIALECTS[name]
    dialect = getattr(import_module(f".{module}", __package__), class_name)()
    assert isinstance(dialect, Dialect)
    return dialect
