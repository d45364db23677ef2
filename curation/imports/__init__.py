"""Traces of other systems, read into the one record that everything here reads."""

from .importing import SOURCES, UnknownSourceError, import_traces, original_record
from .records import ImportFileError
from .source import TraceSource

__all__ = [
    "SOURCES",
    "ImportFileError",
    "TraceSource",
    "UnknownSourceError",
    "import_traces",
    "original_record",
]
