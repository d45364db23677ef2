"""What an import source is: a record into a trace, and the record back out of the trace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from ...trace import Trace
from .records import ImportFileError, read_records

IMPORT_KEY = "import"
"""Where a trace's metadata says where it came from and keeps what it has no place for."""


class TraceSource(ABC):
    """One format. Nothing of a record is lost: `original` gives it back.

    The trace's own fields hold what they can; `to_record` writes the record from those.
    Whatever that does not give back word for word is kept in the trace's metadata.
    """

    name: ClassVar[str]
    describes: ClassVar[str]
    """What files it reads, in a few words."""

    @abstractmethod
    def to_trace(self, record: Mapping[str, Any], identifier: str) -> Trace:
        """Return the trace of one record.

        Raises:
            KeyError, TypeError, ValueError: the record has not the source's form.
        """

    @abstractmethod
    def to_record(self, trace: Trace) -> dict[str, Any]:
        """Return as much of the record as the trace's own fields tell."""

    def read(self, path: Path) -> Iterator[Trace]:
        """Yield the traces of a file, in its order.

        Raises:
            ImportFileError: the file is absent or a record has not the source's form.
        """
        for number, record in read_records(path):
            yield self.trace_of(record, path, number)

    def trace_of(self, record: Any, path: Path, number: int) -> Trace:
        """Return the trace of record `number` of `path`, with what it has no place for.

        Raises:
            ImportFileError: it has not the source's form; the message says where.
        """
        if not isinstance(record, dict):
            msg = f"{path}:{number}: not a {self.name} record: a JSON object is expected"
            raise ImportFileError(msg)
        try:
            trace = self.to_trace(record, f"{path.stem}/{number}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            line = " ".join(reason.split())
            msg = f"{path}:{number}: not a {self.name} record ({line}); check --from"
            raise ImportFileError(msg) from error
        known = self.to_record(trace)
        trace.metadata[IMPORT_KEY] = {
            "source": self.name,
            "keys": list(record),
            "rest": {k: v for k, v in record.items() if k not in known or known[k] != v},
        }
        return trace

    def original(self, trace: Trace) -> dict[str, Any]:
        """Return the record the trace was made from, keys in its order."""
        kept = trace.metadata[IMPORT_KEY]
        values = {**self.to_record(trace), **kept["rest"]}
        return {key: values[key] for key in kept["keys"]}
