"""Verdicts from outside as outcomes: a person's or a program's on runs, or a judge's.

Only the verdicts are held, never the traces.
"""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import DeepSearchError
from ..evals.verdicts import VERDICT_FILE, verdict_key
from ..trace import Trace

USER, JUDGE = "user", "judge"
"""Names of the two kinds of verdict among a trace's outcomes."""

FORM = '{"id": trace id, "correct": true or false}'


class VerdictError(DeepSearchError):
    """A file of verdicts is absent, holds something else, or is of other traces."""


class _Line(NamedTuple):
    """One verdict as it stands in the file."""

    kind: str
    key: str
    """Id of the trace; of a judge a digest of what the verdict rests on."""
    value: float
    model: str = ""
    """The judge's."""


class GivenVerdicts:
    """The verdicts of one file; of two on the same run the later one counts.

    Args:
        path: lines of `FORM` (a number from 0 to 1 will do), or what
            `evaluate --judge-model` writes; or a directory that holds `verdicts.jsonl`.

    Attributes:
        kind: `user` or `judge`, the outcome that they become.
        traces: how many traces got one.

    Raises:
        VerdictError: see there; the message names the file and the line.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        source = Path(path)
        self.path = source / VERDICT_FILE if source.is_dir() else source
        self.kind, self.traces = "", 0
        self._values: dict[str, float] = {}
        self._models: dict[str, None] = {}
        self._used: set[str] = set()
        self._checksum, self._bytes = sha256(), 0
        self._read()

    def on(self, trace: Trace) -> Trace:
        """Return the trace with its verdict among its outcomes, as it is without one."""
        known = [key for key in self._keys(trace) if key in self._values]
        if not known:
            return trace
        outcome = {**trace.outcome, self.kind: self._values[known[0]]}
        return trace.model_copy(update={"outcome": outcome})

    def count(self, trace: Trace) -> None:
        """Count a trace of the input, once.

        Raises:
            VerdictError: another trace has the same id, so that none knows which is meant.
        """
        known = [key for key in self._keys(trace) if key in self._values]
        if self.kind == USER and self._used.intersection(known):
            msg = (
                f"two traces have the id {trace.id!r} that {self.path} gives a verdict on: "
                "curate one run directory at a time"
            )
            raise VerdictError(msg)
        self.traces += bool(known)
        self._used.update(known)

    def check_used(self) -> None:
        """Refuse verdicts that are all of other traces.

        Raises:
            VerdictError: they are.
        """
        if self._used:
            return
        meant = (
            "an id is that of a trace, as in traces.jsonl"
            if self.kind == USER
            else "a judge's verdict is of one question, gold answers and answer"
        )
        msg = (
            f"none of the {len(self._values)} verdicts in {self.path} is of a trace here; "
            f"{meant}"
        )
        raise VerdictError(msg)

    def to_json(self) -> dict[str, Any]:
        """Return what `curation.json` says of them."""
        return {
            "path": str(self.path),
            "sha256": self._checksum.hexdigest(),
            "bytes": self._bytes,
            "kind": self.kind,
            "given": len(self._values),
            "used": len(self._used),
            "traces": self.traces,
        }

    def _keys(self, trace: Trace) -> list[str]:
        if self.kind == USER:
            return [trace.id]
        # The judge that spoke last comes first.
        return [verdict_key(model, trace) for model in reversed(self._models)]

    def _read(self) -> None:
        if not self.path.is_file():
            msg = (
                f"no verdicts at {self.path}: write lines {FORM}, or name the "
                f"{VERDICT_FILE} of `deepsearch evaluate --judge-model`"
            )
            raise VerdictError(msg)
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                self._checksum.update(line)
                self._bytes += len(line)
                # A judge's last line without its newline is a torn write.
                if line.strip() and (line.endswith(b"\n") or self.kind != JUDGE):
                    self._take(_parse(line, f"{self.path}:{number}"), number)
        if not self._values:
            msg = f"{self.path} holds no verdicts: write lines {FORM}"
            raise VerdictError(msg)
        if self.kind == JUDGE and not self._models:
            msg = (
                f"{self.path} does not say which model judged, an earlier version wrote it: "
                "run the same `deepsearch evaluate` again, which judges no answer again"
            )
            raise VerdictError(msg)

    def _take(self, line: _Line, number: int) -> None:
        if line.kind != (self.kind or line.kind):
            msg = (
                f"{self.path}:{number} mixes a judge's verdicts with others: use two files"
            )
            raise VerdictError(msg)
        self.kind = line.kind
        self._values[line.key] = line.value
        if line.model:
            self._models.pop(line.model, None)
            self._models[line.model] = None


def _parse(line: bytes, where: str) -> _Line:
    try:
        record = json.loads(line)
        if isinstance(record, dict) and {"run", JUDGE} <= record.keys():
            model = str(record.get("model") or "")
            return _Line(JUDGE, _key(record["run"]), _value(record[JUDGE]), model)
        return _Line(USER, _key(record["id"]), _value(record["correct"]))
    except (ValueError, TypeError, KeyError) as error:
        msg = f"{where} is no verdict: write {FORM}, or a number from 0 to 1"
        raise VerdictError(msg) from error


def _key(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _value(value: Any) -> float:
    if not isinstance(value, bool | int | float):
        raise TypeError
    if not 0 <= value <= 1:
        raise ValueError
    return float(value)
