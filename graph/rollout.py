"""The rollout engine: many runs at once, none lost and none twice.

Every rollout is a task of its own from its first turn to its last: a slow search or a
long chain holds up nobody else. The unit of resume is the rollout: a finished one is a
line on disk; what a killed run had not finished is run again from its start.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from ..errors import DeepSearchError
from ..json_lines import append_lines
from ..questions import Question
from ..run_lock import run_lock
from ..state import DeepSearchState
from ..trace import Trace, append_trace, read_traces
from .recorder import TRACE_FILE, to_trace
from .work_progress import WorkProgress

MANIFEST_FILE = "rollout.json"
"""Settings a run directory was started with; a resumed run must match them."""

FAILURES_FILE = "failures.jsonl"
"""Rollouts that broke on infrastructure; they are run again next time."""

MAX_FAILURES_IN_A_ROW = 8
"""Failures with no success between them after which the engine gives up: the server or
the search is down, and going on would only burn the questions."""

ADDRESSES = frozenset({"base_url", "summarizer_url"})
"""Settings that say where a server listens, not what it does."""

STATE_KEYS = sorted(DeepSearchState.__annotations__)

Scorer = Callable[[str | None, Sequence[str]], Mapping[str, float]]
"""Answer and gold answers to an outcome."""


class RolloutError(DeepSearchError):
    """Rollouts cannot go on; what was finished is kept."""


@dataclass(frozen=True)
class Rollout:
    """One sampled run of one question."""

    question: Question
    index: int

    @property
    def id(self) -> str:
        """The trace's id."""
        return f"{self.question.id}/{self.index}"

    def seed(self, base: int) -> int:
        """Return the rollout's own seed, the same whenever it is run."""
        digest = sha256(f"{base}/{self.id}".encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1


@dataclass
class RolloutProgress(WorkProgress):
    """Where a run of rollouts stands."""

    last_failure: str = ""
    last_error: Exception | None = None
    searches: int = 0
    failed_searches: int = 0
    tokens: int = 0

    def add(self, trace: Trace) -> None:
        """Count one finished rollout."""
        self.done += 1
        self.searches += trace.usage.searches
        self.failed_searches += sum(s.error is not None for s in trace.searches)
        self.tokens += trace.usage.completion_tokens


class RolloutEngine:
    """Runs questions times rollouts through a graph into a run directory."""

    def __init__(
        self,
        graph: CompiledStateGraph[Any, Any, Any, Any],
        out: str | Path,
        *,
        context: Mapping[str, Any] | None = None,
        concurrency: int = 32,
        seed: int = 0,
        scorer: Scorer | None = None,
        on_progress: Callable[[RolloutProgress], None] | None = None,
        trace_file: str = TRACE_FILE,
        episode: Mapping[str, Any] | None = None,
    ) -> None:
        """Make an engine.

        Args:
            graph: from `create_deep_search_agent`, without a checkpointer.
            out: the run directory; finished rollouts found there are not run again.
            context: settings of every run.
            concurrency: rollouts in flight at once.
            seed: base of the rollouts' seeds.
            scorer: gives a finished trace its outcome.
            on_progress: called after each rollout.
            trace_file: name of the trace file in `out`.
            episode: what a simulated search engine is told of every run besides the
                gold answers (`training_step`, `training_steps`); None: nothing.
        """
        if concurrency < 1:
            msg = f"concurrency must be at least 1, not {concurrency}"
            raise RolloutError(msg)
        self._graph = graph
        self._path = Path(out) / trace_file
        self._failures = Path(out) / FAILURES_FILE
        self._context = {**(context or {}), "trace_dir": None}
        self._concurrency = concurrency
        self._seed = seed
        self._scorer = scorer
        self._on_progress = on_progress
        self._episode = episode
        self._failures_in_a_row = 0

    def run(self, questions: Sequence[Question], rollouts: int = 1) -> RolloutProgress:
        """Run what is not finished yet; see `arun`."""
        return asyncio.run(self.arun(questions, rollouts))

    async def arun(
        self, questions: Sequence[Question], rollouts: int = 1
    ) -> RolloutProgress:
        """Run what is not finished yet.

        Raises:
            BusyError: another process runs rollouts into the same file.
            RolloutError: failures in a row show that a server is down, or the file holds
                runs of other questions under the same ids.
        """
        wanted = [Rollout(q, index) for q in questions for index in range(rollouts)]
        with run_lock(self._path):
            left = unfinished(wanted, self._path)
            progress = RolloutProgress(len(wanted), already=len(wanted) - len(left))
            pending = iter(left)
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self._concurrency, len(left))):
                        group.create_task(self._work(pending, progress))
            except* (RolloutError, OSError) as errors:
                first = errors.exceptions[0]
                raise first from first.__cause__
        return progress

    async def _work(self, pending: Iterator[Rollout], progress: RolloutProgress) -> None:
        for rollout in pending:
            try:
                trace = await self._one(rollout)
            except Exception as error:
                await self._fail(rollout, error, progress)
            else:
                self._failures_in_a_row = 0
                await asyncio.to_thread(append_trace, self._path, trace)
                progress.add(trace)
            if self._on_progress:
                self._on_progress(progress)

    async def _one(self, rollout: Rollout) -> Trace:
        question = rollout.question
        state = await self._graph.ainvoke(
            self._input(question),
            context=self._settings(rollout),
            output_keys=STATE_KEYS,
        )
        _require_end(state)
        _require_search(state["searches"])
        return to_trace(
            state,
            id=rollout.id,
            question_id=question.id,
            rollout=rollout.index,
            golds=list(question.golds),
            metadata=dict(question.metadata),
            outcome=self._outcome(question, state["answer"]),
        )

    def _outcome(self, question: Question, answer: str | None) -> dict[str, float]:
        """Return the answer's scores; none without one answer to be right about."""
        if self._scorer is None or not question.golds or question.is_open_ended:
            return {}
        return dict(self._scorer(answer, question.golds))

    def _input(self, question: Question) -> dict[str, Any]:
        # Only a simulated search engine is told the answers; the model never sees them.
        episode = {"golds": list(question.golds), **(self._episode or {})}
        return {"question": question.question, "episode": episode}

    def _settings(self, rollout: Rollout) -> dict[str, Any]:
        settings = {**self._context, "seed": rollout.seed(self._seed)}
        return (
            {**settings, "open_ended": True} if rollout.question.is_open_ended else settings
        )

    async def _fail(
        self, rollout: Rollout, error: Exception, progress: RolloutProgress
    ) -> None:
        progress.failed += 1
        self._failures_in_a_row += 1
        line = _complaint(error)
        progress.last_failure, progress.last_error = line, error
        kind = type(error).__name__
        record = json.dumps({"id": rollout.id, "type": kind, "error": line})
        await asyncio.to_thread(append_lines, self._failures, [record])
        if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            msg = (
                f"stopped after {self._failures_in_a_row} failures in a row, the last: {line}; "
                f"{progress.already + progress.done} of {progress.total} rollouts are kept: "
                "mend that and run the same command again"
            )
            raise RolloutError(msg) from error


def _complaint(error: Exception) -> str:
    """Return an error in one line; one that is not ours says little without its type."""
    line, kind = " ".join(str(error).split()), type(error).__name__
    if not line:
        return kind
    return line if isinstance(error, DeepSearchError | OSError) else f"{kind}: {line}"


def _require_end(state: Mapping[str, Any]) -> None:
    """Refuse a run that a failure ended early, though it gave a report of what there was."""
    if state["stop_reason"] == "error":
        raise RolloutError(state["error"])


def _require_search(searches: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a run none of whose searches reached the service: it shows nothing."""
    if searches and all(record.get("outage") for record in searches):
        msg = f"no search could be made: {searches[-1]['error']}"
        raise RolloutError(msg)


def unfinished(wanted: Sequence[Rollout], path: Path) -> list[Rollout]:
    """Return the rollouts that a trace file does not hold.

    Raises:
        RolloutError: it holds one's id, but of another question or with other gold
            answers.
    """
    finished = _finished(path)
    left = []
    for rollout in wanted:
        asked = rollout.question
        known = finished.get(rollout.id)
        if known is None:
            left.append(rollout)
        elif known != (asked.question.strip(), asked.golds):
            msg = (
                f"{path} holds runs of another question {asked.id!r}: {known[0]!r} with the "
                f"answers {list(known[1])}; take another --out"
            )
            raise RolloutError(msg)
    return left


def _finished(path: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return the rollouts of a trace file: their ids to question and gold answers."""
    if not path.is_file():
        return {}
    return {t.id: (t.question.strip(), tuple(t.golds)) for t in read_traces(path)}


def check_manifest(
    out: str | Path,
    settings: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
) -> None:
    """Write a run directory's settings, or compare with those it was started with.

    Where servers listen is left out: a run resumed elsewhere is the same run.

    Args:
        out: the run directory.
        settings: what every run of it must share.
        defaults: what a setting was, at any depth, in directories from before it was
            added.

    Raises:
        RolloutError: it was started with others; the message names the first difference.
    """
    path = Path(out) / MANIFEST_FILE
    if not path.is_file():
        write_manifest(out, settings)
        return
    current = json.loads(json.dumps(settings, default=str))
    earlier = json.loads(path.read_text(encoding="utf-8"))
    if defaults is not None:
        earlier = _filled(earlier, json.loads(json.dumps(defaults, default=str)))
    for name in sorted({*earlier, *current} - ADDRESSES):
        if earlier.get(name) != current.get(name):
            where, was, is_now = _first_difference(
                name, earlier.get(name), current.get(name)
            )
            msg = (
                f"{out} was started with {where}={was!r}, now it is {is_now!r}: take another "
                "--out, or the same settings to resume"
            )
            raise RolloutError(msg)


def _first_difference(name: str, one: Any, other: Any) -> tuple[str, Any, Any]:
    """Return where two settings differ, as deep as it goes, and both values there.

    >>> _first_difference("stages", {"rl": {"kl": 0.0}}, {"rl": {"kl": 0.1}})
    ('stages.rl.kl', 0.0, 0.1)
    """
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return name, one, other
    key = next(key for key in sorted({*one, *other}) if one.get(key) != other.get(key))
    return _first_difference(f"{name}.{key}", one.get(key), other.get(key))


def write_manifest(out: str | Path, settings: Mapping[str, Any]) -> None:
    """Write a run directory's settings; where servers listen is left out."""
    path = Path(out) / MANIFEST_FILE
    kept = {name: settings[name] for name in settings if name not in ADDRESSES}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    text = json.dumps(kept, indent=2, default=str)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)


def _filled(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with the defaults of the names they lack, inner mappings too."""
    filled = {**defaults, **values}
    for name, default in defaults.items():
        if isinstance(default, dict) and isinstance(filled[name], dict):
            filled[name] = _filled(filled[name], default)
    return filled
