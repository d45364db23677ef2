"""The roles as a reasoner: the graph runs them as it runs any model.

So searches, budgets, documents, traces and resuming are the graph's. A turn's text is put
together from the roles' replies in the run's dialect; each call is a child record.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ...trace import ChildRecord
from ..child import call_record
from ..dialects import Dialect
from ..models.base import (
    CutFunction,
    Generation,
    Layout,
    Piece,
    Reasoner,
    Sampling,
    SegmentDict,
)
from . import observer, planner, rewriter
from .call import RoleCall, RoleTurn, read_task
from .turn import write_last, write_turn

ROLES = (planner.NAME, rewriter.NAME, observer.NAME)
"""Steps of the child records that the roles leave."""


class RolesReasoner(Reasoner):
    """A planner, a rewriter and an observer, all played by one model (MaskSearch).

    src/multi_agent/cot_construct.py. What it writes has no token ids, since no model
    sampled it as it stands; the roles' own replies keep theirs in the child records.

    Args:
        model: plays every role; the model of an earlier round of training may.
        dialect: of the run.
        question: of the run.
    """

    exactness = "text"

    def __init__(self, model: Reasoner, dialect: Dialect, question: str) -> None:
        self.model = model
        self.name = model.name
        self._dialect = dialect
        self._question = question

    @property
    def overridden(self) -> dict[str, Any]:
        """What is overridden of the settings of the model that plays the roles."""
        return self.model.overridden

    def render(self, messages: Sequence[Mapping[str, str]], prefill: str = "") -> None:
        """Return None: the transcript is never sent to the model."""

    async def arender(
        self, messages: Sequence[Mapping[str, str]], prefill: str = ""
    ) -> None:
        """Async version of `render`."""

    def encode(self, text: str) -> None:
        """Return None, as `render`."""

    async def aencode(self, text: str) -> None:
        """Async version of `encode`."""

    def generate(
        self,
        segments: Sequence[SegmentDict],
        *,
        cut: CutFunction,
        stop: Sequence[str],
        sampling: Sampling,
        config: Any = None,
        layout: Layout = "inline",
    ) -> Generation:
        """Write the next turn; see `Reasoner.generate` for the rest."""
        turn = _Turn(self.name, self._calls(segments), segments, sampling)
        while turn.call is not None:
            reply = self.model.complete(turn.call.messages, turn.sampling, config)
            turn.take(reply)
        return turn.generation(cut)

    async def agenerate(
        self,
        segments: Sequence[SegmentDict],
        *,
        cut: CutFunction,
        stop: Sequence[str],
        sampling: Sampling,
        config: Any = None,
        layout: Layout = "inline",
    ) -> Generation:
        """Async version of `generate`."""
        turn = _Turn(self.name, self._calls(segments), segments, sampling)
        while turn.call is not None:
            reply = await self.model.acomplete(turn.call.messages, turn.sampling, config)
            turn.take(reply)
        return turn.generation(cut)

    def _calls(self, segments: Sequence[SegmentDict]) -> RoleTurn:
        forced = self._dialect.force_answer()
        # An opening of the model's turn may stand after the demand for an answer.
        ends = [at for at, s in enumerate(segments) if s["text"] == forced]
        if ends and segments[ends[-1]]["kind"] == "notice":
            task = read_task(self._question, segments[: ends[-1]], self._dialect)
            return write_last(task, self._dialect, segments[-1]["text"])
        return write_turn(read_task(self._question, segments, self._dialect), self._dialect)


class _Turn:
    """One turn under way: the calls made so far and their records."""

    def __init__(
        self,
        model: str,
        calls: RoleTurn,
        segments: Sequence[SegmentDict],
        sampling: Sampling,
    ) -> None:
        self.call: RoleCall | None = None
        self._model, self._calls, self._base = model, calls, sampling
        self._number = 1 + max(
            (s["turn"] for s in segments if s.get("trainable")), default=0
        )
        self._children: list[ChildRecord] = []
        self._text = ""
        self._advance(None)

    @property
    def sampling(self) -> Sampling:
        """How the next call samples: as the turn, each call with a seed of its own."""
        if self._base.seed is None:
            return self._base
        return self._base.with_seed(self._base.seed + len(self._children))

    def take(self, reply: Generation) -> None:
        """Note a reply and go on to the next call."""
        assert self.call is not None
        self._children.append(
            call_record(
                self.call.role,
                self._number,
                self._model,
                self.call.messages,
                seconds=time.monotonic() - self._started,
                generation=reply,
            )
        )
        self._advance(reply.text)

    def generation(self, cut: CutFunction) -> Generation:
        """Return the turn's text up to its first action, and the calls it took."""
        end = cut(self._text)
        text = self._text if end is None else self._text[:end]
        return Generation(
            (Piece(text),),
            "stop" if end is None else "action",
            estimated=True,
            children=tuple(self._children),
        )

    def _advance(self, reply: str | None) -> None:
        try:
            self.call = next(self._calls) if reply is None else self._calls.send(reply)
        except StopIteration as end:
            self.call, self._text = None, end.value
        self._started = time.monotonic()
