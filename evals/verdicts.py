"""A judge's verdicts on runs, kept in a file so that no answer is judged twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Self

from ..json_lines import append_lines
from ..nodes.models.resolve import resolve_reasoner
from ..questions import is_open_ended
from ..trace import Trace
from .judge import Judge, JudgeError

VERDICT_FILE = "verdicts.jsonl"
"""Name in a run directory."""

AT_ONCE = 64
"""Runs judged before their verdicts are written; a kill loses no more."""

VERDICT = "judge"
"""Name of a verdict among a trace's outcomes."""


class Verdicts:
    """Judges runs whose answer it has not judged yet.

    Args:
        judge: the judge.
        name: its model; another model's verdicts do not count.
        directory: where the file lies.
    """

    def __init__(self, judge: Judge, name: str, directory: str | Path) -> None:
        self._judge, self._name = judge, name
        self._path = Path(directory) / VERDICT_FILE
        self._known, judges = _read(self._path)
        self._is_named = name in judges

    @classmethod
    def of_model(cls, model: str, base_url: str, directory: str | Path) -> Self:
        """Return the verdicts of a model; its server is asked at once.

        Args:
            model: a served name, empty for the first of its server, or `provider:model`.
            base_url: its server.
            directory: where the file lies.

        Raises:
            ModelError: the server is down, or does not serve that name.
        """
        reasoner = resolve_reasoner(model, base_url=base_url, setting="judge_url")
        return cls(Judge(reasoner), reasoner.name, directory)

    def on(self, traces: Iterable[Trace]) -> Iterator[Trace]:
        """Yield runs in order with `outcome["judge"]` of 1 or 0.

        Open-ended runs and those without gold answers have none, nor has one on which the
        judge gave no readable verdict; it is asked again next time.

        Raises:
            JudgeError: the judge's model failed; what it said before is kept.
        """
        rest = iter(traces)
        while some := list(islice(rest, AT_ONCE)):
            asked = {self._key(trace): trace for trace in some if _can_be_judged(trace)}
            self._name_judge(key for key in asked if key in self._known)
            self._ask({key: t for key, t in asked.items() if key not in self._known})
            for trace in some:
                verdict = self._known.get(self._key(trace))
                own = {n: value for n, value in trace.outcome.items() if n != VERDICT}
                said = {} if verdict is None else {VERDICT: verdict}
                yield trace.model_copy(update={"outcome": {**own, **said}})

    def _ask(self, traces: dict[str, Trace]) -> None:
        judged, _ = asyncio.run(self._judge.judge_traces(traces.values()))
        pairs = zip(traces, judged, strict=True)
        found = {key: t.outcome[VERDICT] for key, t in pairs if VERDICT in t.outcome}
        self._known |= found
        self._write(found)

    def _name_judge(self, known: Iterable[str]) -> None:
        """Write a verdict again where no line says that this model is the judge.

        Files of an earlier version do not; whoever else reads them needs the name.
        """
        key = None if self._is_named else next(iter(known), None)
        if key is not None:
            self._write({key: self._known[key]})

    def _write(self, found: Mapping[str, float]) -> None:
        lines = [
            {"run": key, VERDICT: verdict, "model": self._name}
            for key, verdict in found.items()
        ]
        append_lines(self._path, map(json.dumps, lines))
        self._is_named = self._is_named or bool(found)

    def _key(self, trace: Trace) -> str:
        return verdict_key(self._name, trace)


def verdict_key(model: str, trace: Trace) -> str:
    """Return what a judge's verdict rests on, as a digest: its model, question and answer."""
    parts = [model, trace.question, trace.golds, trace.answer]
    return sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _can_be_judged(trace: Trace) -> bool:
    return bool(trace.golds) and not is_open_ended(trace.metadata)


def _read(path: Path) -> tuple[dict[str, float], set[str]]:
    """Return the verdicts of a file and the judges that it names."""
    if not path.is_file():
        return {}, set()
    # The last is empty, or torn by a kill.
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    try:
        records = [json.loads(line) for line in lines]
        known = {record["run"]: float(record[VERDICT]) for record in records}
        return known, {record.get("model", "") for record in records}
    except (ValueError, TypeError, KeyError) as error:
        msg = f"{path} holds something else than verdicts: remove it to judge again"
        raise JudgeError(msg) from error
