"""Dialects: how each family of search models speaks. One file each, pure text."""

from .base import Action, Budgets, Dialect, TurnPart
from .registry import (
    DEFAULT_DIALECT,
    UnknownDialectError,
    dialect_of,
    get_dialect,
    list_dialects,
    list_variants,
    recorded_name,
)

__all__ = [
    "DEFAULT_DIALECT",
    "Action",
    "Budgets",
    "Dialect",
    "TurnPart",
    "UnknownDialectError",
    "dialect_of",
    "get_dialect",
    "list_dialects",
    "list_variants",
    "recorded_name",
]
