"""Generate: the final answer, forced when a budget ended, with its sources."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import Overwrite

from .budget import answer_tokens
from .components import Components, sampling_of
from .dialects import Dialect
from .insertion import ainsert, insert, inserted_tokens, shrunk
from .models.base import ContextOverflowError, Generation
from .reason import add_generation, child_writes, layout_argument, split_generation
from .sources import cite
from .thoughts import seen

State = Mapping[str, Any]

RESULT_SHARES = (0.5, 0.25, 0.125)
"""Parts of a result that are tried in turn when the whole does not fit."""


class Generate:
    """Last step of a run."""

    def __init__(self, components: Components) -> None:
        self._components = components

    def run(self, state: State, config: RunnableConfig) -> dict[str, Any]:
        """Return the answer, its sources, the stop reason and the reply message."""
        dialect = self._components.dialect_for(state["run"])
        if not _is_forced(state):
            return _finish(state, dialect, [], state["counts"])
        reasoner = self._components.reasoner_for(state["run"])
        notice = _notice(state, dialect)
        inserted = insert(reasoner, dialect, notice, opens=notice["turn"])
        arguments = _arguments(state, dialect, config)
        for kept, result in _transcripts(state, dialect):
            if result is not None:
                kept += insert(reasoner, dialect, result, opens=notice["turn"])
            started = time.monotonic()
            shown = seen(state["run"], [*kept, *inserted])
            try:
                generation = reasoner.generate(shown, **arguments)
            except ContextOverflowError:
                continue
            seconds = time.monotonic() - started
            return _forced(state, dialect, kept, inserted, generation, seconds)
        return _finish(state, dialect, [], state["counts"])

    async def arun(self, state: State, config: RunnableConfig) -> dict[str, Any]:
        """Async version of `run`."""
        await self._components.aready(state["run"])
        dialect = self._components.dialect_for(state["run"])
        if not _is_forced(state):
            return _finish(state, dialect, [], state["counts"])
        reasoner = self._components.reasoner_for(state["run"])
        notice = _notice(state, dialect)
        inserted = await ainsert(reasoner, dialect, notice, opens=notice["turn"])
        arguments = _arguments(state, dialect, config)
        for kept, result in _transcripts(state, dialect):
            if result is not None:
                kept += await ainsert(reasoner, dialect, result, opens=notice["turn"])
            started = time.monotonic()
            shown = seen(state["run"], [*kept, *inserted])
            try:
                generation = await reasoner.agenerate(shown, **arguments)
            except ContextOverflowError:
                continue
            seconds = time.monotonic() - started
            return _forced(state, dialect, kept, inserted, generation, seconds)
        return _finish(state, dialect, [], state["counts"])


def _transcripts(
    state: State, dialect: Dialect
) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any] | None]]:
    """Yield transcripts to force an answer on, each with a result to put behind it.

    First the run's own. A result after it that does not fit, where the context's length
    or a text's length in tokens is only guessed, was never read by the model: it is cut
    more and more, and left out at last.
    """
    segments = state["segments"]
    yield list(segments), None
    own = [place for place, one in enumerate(segments, 1) if one.get("trainable")]
    if not own or own[-1] == len(segments):
        return
    results = [one for one in segments[own[-1] :] if one["kind"] == "result"]
    for result, share in product(results, RESULT_SHARES):
        text = shrunk(result["text"], dialect, share)
        if text is not None:
            yield segments[: own[-1]], {**result, "text": text}
    yield segments[: own[-1]], None


def _is_forced(state: State) -> bool:
    return state["pending"]["kind"] == "stop" and state["run"]["limits"]["force_answer"]


def _notice(state: State, dialect: Dialect) -> dict[str, Any]:
    return {
        "kind": "notice",
        "speaker": "assistant" if dialect.layout == "inline" else "user",
        "text": dialect.force_answer(),
        "trainable": False,
        "turn": state["counts"]["turns"] + 1,
    }


def _arguments(state: State, dialect: Dialect, config: RunnableConfig) -> dict[str, Any]:
    return {
        "cut": dialect.forced_answer_end,
        "stop": dialect.forced_stop,
        "sampling": sampling_of(state["run"]).with_max_tokens(
            answer_tokens(state["run"], state["counts"], whole_turn=dialect.forced_turn)
        ),
        "config": config,
        **layout_argument(dialect),
    }


def _forced(
    state: State,
    dialect: Dialect,
    kept: list[dict[str, Any]],
    inserted: list[dict[str, Any]],
    generation: Generation,
    seconds: float,
) -> dict[str, Any]:
    parts = dialect.split_forced(generation.text)
    written = split_generation(generation, parts, inserted[0]["turn"])
    counts = add_generation(state["counts"], generation, seconds)
    counts["context_tokens"] += inserted_tokens(inserted)
    added = [*inserted, *written]
    finished = _finish(state, dialect, added, counts)
    if kept != state["segments"]:
        finished["segments"] = Overwrite([*kept, *added])
    return {**finished, **child_writes(generation)}


def _finish(
    state: State,
    dialect: Dialect,
    added: list[dict[str, Any]],
    counts: Mapping[str, Any],
) -> dict[str, Any]:
    final = _final_text(state, added)
    answer = dialect.extract_answer(final) or ""
    sources, unknown = cite(state["sources"], final)
    pending = state["pending"]
    return {
        "segments": added,
        "answer": answer,
        "sources": sources,
        "stop_reason": "answered" if pending["kind"] == "answer" else pending["reason"],
        "counts": {**counts, "invalid_citations": unknown},
        "messages": [AIMessage(answer, additional_kwargs={"sources": _shown(sources)})],
    }


def _final_text(state: State, added: list[dict[str, Any]]) -> str:
    """Return the model's last turn; its forced opening belongs to it."""
    if added:
        own = (segment for segment in added if segment["speaker"] == "assistant")
        return "".join(segment["text"] for segment in own)
    last = state["counts"]["turns"]
    return "".join(
        s["text"] for s in state["segments"] if s["turn"] == last and s.get("trainable")
    )


def _shown(sources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the sources the answer rests on: cited ones, else those used as evidence."""
    cited = [source for source in sources if source["cited"]]
    return cited or [source for source in sources if source["used"]]
