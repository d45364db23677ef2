"""Dialects: how each family of search models speaks. One file each, pure text."""

from .base import Action, Budgets, Dialect, TurnPart
from .registry import (
    DEFAULT_DIALECT,
    UnknownDialectError,
    get_dialect,
    list_dialects,
    list_variants,
)

__all__ = [
    "DEFAULT_DIALECT",
    "Action",
    "Budgets",
    "Dialect",
    "TurnPart",
    "UnknownDialectError",
    "get_dialect",
    "list_dialects",
    "list_variants",
]
