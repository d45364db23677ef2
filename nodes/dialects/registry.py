"""Dialects by name, discovered: every file of this folder is one.

A dialect module is named as its dialect and exposes the class as `DIALECT`. Where an
original speaks in more than one way, `VARIANTS` maps each other way's name to its class,
reached as `name:variant`. A dialect of your own is named by the path of its file, also with
`:variant`. Shared parts live in `parts/`; listing imports nothing.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING

from ...errors import DeepSearchError
from ...python_file import load_python_file
from .base import Dialect

if TYPE_CHECKING:
    from ...trace import Trace

DEFAULT_DIALECT = "simple_deep_searcher"

NOT_DIALECTS = frozenset({"base", "registry"})
"""Modules of this folder that hold no dialect."""

RECORDED = frozenset({"know_agent"})
"""Dialects of imported traces alone: found by name, but no run speaks them."""


REPORTS = frozenset({"web_thinker_report"})
"""Dialects of the report graph (`parts/report.py`): found by name, but they answer no
questions, so they are not listed among those that do."""


class UnknownDialectError(DeepSearchError):
    """No dialect has that name."""


@cache
def _names() -> tuple[str, ...]:
    found = iter_modules([str(Path(__file__).parent)])
    names = {m.name for m in found if not m.ispkg} - NOT_DIALECTS - RECORDED - REPORTS
    return (DEFAULT_DIALECT, *sorted(names - {DEFAULT_DIALECT}))


def list_dialects() -> list[str]:
    """Return the names of all dialects, the default first, then in order."""
    return list(_names())


def list_variants(name: str) -> list[str]:
    """Return the full names (`name:variant`) of a dialect's other ways of speaking.

    Args:
        name: a name of `list_dialects()`, or the path of a dialect file; a variant has no
            others.

    Raises:
        UnknownDialectError: no dialect has that name.
    """
    main, variant = _split(name)
    return [] if variant else [_join(main, one) for one in sorted(_variants(_module(main)))]


@cache
def get_dialect(name: str = DEFAULT_DIALECT) -> Dialect:
    """Return the dialect of that name.

    Args:
        name: a name of `list_dialects()`, `name:variant`, or the path of a Python file
            that exposes `DIALECT`, also with `:variant`.

    Raises:
        UnknownDialectError: there is none; the message lists the names.
    """
    main, variant = _split(name)
    return _instance(_module(main), variant, name)


@cache
def recorded_name(name: str) -> str:
    """Return the name under which a trace finds its dialect from any folder.

    Args:
        name: as for `get_dialect`; only a file's path changes.
    """
    main, variant = _split(name)
    return _join(str(Path(main).resolve()), variant) if _is_file(main) else name


def dialect_of(trace: Trace) -> Dialect:
    """Return the dialect that a trace is in.

    A dialect file that is gone from its place is looked for in the current folder.

    Raises:
        UnknownDialectError: there is none; the message names the trace.
    """
    try:
        return get_dialect(trace.dialect)
    except UnknownDialectError as error:
        main, variant = _split(trace.dialect)
        if not _is_file(main) or Path(main).is_file():
            msg = f"trace {trace.id}: {error}"
            raise UnknownDialectError(msg) from error
    here = Path(main).name
    if Path(here).is_file():
        return get_dialect(_join(here, variant))
    msg = (
        f"trace {trace.id} is in the dialect of the file {main}, which is not there: run this "
        f"in the folder where {here} lies, or put it into this one"
    )
    raise UnknownDialectError(msg)


def _split(name: str) -> tuple[str, str]:
    """Return a name or path, and the variant behind it.

    >>> _split("search_r1:inference"), _split("mine.py:loud"), _split("C:/mine.py")
    (('search_r1', 'inference'), ('mine.py', 'loud'), ('C:/mine.py', ''))
    """
    main, separator, variant = name.rpartition(":")
    return (main, variant) if separator and not _is_file(name) else (name, "")


def _join(main: str, variant: str) -> str:
    return f"{main}:{variant}" if variant else main


def _is_file(name: str) -> bool:
    return name.endswith(".py")


@cache
def _module(name: str) -> ModuleType:
    if _is_file(name):
        return load_python_file(Path(name), "dialect", UnknownDialectError)
    if name not in _names() and name not in RECORDED | REPORTS:
        msg = f"unknown dialect {name!r}; known: {', '.join(list_dialects())}"
        raise UnknownDialectError(msg)
    return import_module(f".{name}", __package__)


def _variants(module: ModuleType) -> dict[str, type[Dialect]]:
    return dict(getattr(module, "VARIANTS", {}))


def _instance(module: ModuleType, variant: str, asked: str) -> Dialect:
    variants = _variants(module)
    if variant and variant not in variants:
        known = ", ".join(sorted(variants)) or "none"
        msg = f"dialect {asked!r} has no such variant; known variants: {known}"
        raise UnknownDialectError(msg)
    chosen = variants[variant] if variant else getattr(module, "DIALECT", None)
    if not (isinstance(chosen, type) and issubclass(chosen, Dialect)):
        msg = f"{asked} exposes no dialect: set DIALECT = YourDialect (a Dialect subclass)"
        raise UnknownDialectError(msg)
    missing = sorted(getattr(chosen, "__abstractmethods__", ()))
    if missing:
        msg = f"{asked}: {chosen.__name__} lacks {', '.join(missing)}"
        raise UnknownDialectError(msg)
    return chosen()
