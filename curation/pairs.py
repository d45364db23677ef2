"""Preference pairs: the record that DPO training reads.

One JSON object a line: the prompt that both runs share, then the chosen and the rejected
run's segments. Segments are a trace's own, `trainable` and stored token ids included, so
that loss falls on what the model wrote and on nothing else, on both sides.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..errors import DeepSearchError
from ..json_lines import complaint, load_record
from ..trace import Exactness, Segment, StopReason, Trace

PAIR_VERSION = 1
"""Version of the record's layout; a reader refuses a newer one."""

Side = Literal["chosen", "rejected"]


class PairFileError(DeepSearchError):
    """A pairs file is absent, or a line of it is no pair."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PairSide(_Record):
    """One run of a pair, without the prompt."""

    trace_id: str
    model: str = ""
    answer: str | None = None
    outcome: dict[str, float] = Field(default_factory=dict)
    stop_reason: StopReason
    exactness: Exactness = "text"
    segments: list[Segment]
    """Everything after the prompt, results included; `trainable` marks the model's own."""


class PreferencePair(_Record):
    """Two runs of one question from one prompt, the better one first."""

    version: int = PAIR_VERSION
    id: str
    question_id: str = ""
    question: str
    golds: list[str] = Field(default_factory=list)
    dialect: str
    rule: str
    """The rule that preferred: `paper`, `paper_strict` or `web_thinker`."""
    reason: str = ""
    """Why the chosen run is the better one."""
    prompt: list[Segment]
    """What both runs were given; token ids only where both have the same."""
    chosen: PairSide
    rejected: PairSide

    def trace(self, side: Side) -> Trace:
        """Return one side as a trace, prompt included, ready to become tokens."""
        run = self.chosen if side == "chosen" else self.rejected
        return Trace(
            id=run.trace_id,
            question_id=self.question_id,
            question=self.question,
            golds=self.golds,
            segments=[*self.prompt, *run.segments],
            answer=run.answer,
            outcome=run.outcome,
            stop_reason=run.stop_reason,
            exactness=run.exactness,
            dialect=self.dialect,
            model=run.model,
        )


def make_pair(chosen: Trace, rejected: Trace, *, rule: str, reason: str) -> PreferencePair:
    """Return the pair of two runs.

    Raises:
        ValueError: the runs do not share dialect and prompt text.
    """
    if prompt_text(chosen) != prompt_text(rejected):
        msg = f"traces {chosen.id} and {rejected.id} have different prompts"
        raise ValueError(msg)
    return PreferencePair(
        id=f"{chosen.id}>{rejected.id}",
        question_id=chosen.question_id,
        question=chosen.question,
        golds=chosen.golds,
        dialect=chosen.dialect,
        rule=rule,
        reason=reason,
        prompt=_shared_prompt(chosen, rejected),
        chosen=_side(chosen),
        rejected=_side(rejected),
    )


def prompt_text(trace: Trace) -> str:
    """Return what must be the same in both runs of a pair, as one string."""
    prompt = [(s.speaker, s.text) for s in trace.segments if s.kind == "prompt"]
    return json.dumps([trace.dialect, prompt])


def _shared_prompt(chosen: Trace, rejected: Trace) -> list[Segment]:
    ours, theirs = (
        [s for s in trace.segments if s.kind == "prompt"] for trace in (chosen, rejected)
    )
    return [
        one
        if one.token_ids == other.token_ids
        else one.model_copy(update={"token_ids": None, "logprobs": None})
        for one, other in zip(ours, theirs, strict=True)
    ]


def _side(trace: Trace) -> PairSide:
    return PairSide(
        trace_id=trace.id,
        model=trace.model,
        answer=trace.answer,
        outcome=trace.outcome,
        stop_reason=trace.stop_reason,
        exactness=trace.exactness,
        segments=[s for s in trace.segments if s.kind != "prompt"],
    )


def write_pairs(path: str | os.PathLike[str], pairs: Iterable[PreferencePair]) -> int:
    """Write pairs as a new file, replacing an old one in one step; return how many."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    count = 0
    with partial.open("w", encoding="utf-8") as file:
        for pair in pairs:
            file.write(pair.model_dump_json() + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    partial.replace(target)
    return count


def read_pairs(path: str | os.PathLike[str]) -> Iterator[PreferencePair]:
    """Read pairs one at a time.

    Args:
        path: a pairs file, or a directory that holds `pairs.jsonl`.

    Raises:
        PairFileError: the file is absent, or a line is no pair; the message names it.
    """
    source = Path(path)
    if source.is_dir():
        source = source / "pairs.jsonl"
    if not source.is_file():
        msg = f"no pairs file at {source}: run `deepsearch pairs` first, or check the path"
        raise PairFileError(msg)
    with source.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _parse(line, f"{source}:{number}")


def _parse(line: bytes, where: str) -> PreferencePair:
    try:
        data, version = load_record(line, PAIR_VERSION)
        if version > PAIR_VERSION:
            msg = (
                f"{where}: pair version {version} is newer than this program reads "
                f"({PAIR_VERSION}); upgrade langgraph-deepsearch"
            )
            raise PairFileError(msg)
        return PreferencePair.model_validate(data)
    except ValueError as error:
        reason = complaint(error)
        msg = f"{where}: not a preference pair ({reason}); remove or repair that line"
        raise PairFileError(msg) from error
