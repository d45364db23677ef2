"""Summarize: join a turn's searches, condense them, place the result in the transcript.

The one place where results are ordered, documents get their ids and text from outside is
neutralised, so nothing depends on which search finished first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from ..context import Context
from ..trace import Document, SearchRecord, segments_text
from .budget import estimate_tokens
from .components import Components
from .condensers.base import Condensed, Condenser, CondenseRequest
from .dialects import Dialect
from .sources import SourceList

State = Mapping[str, Any]


class Summarize:
    """From raw documents to the evidence the model reads."""

    def __init__(self, components: Components) -> None:
        self._components = components

    def run(
        self, state: State, config: RunnableConfig, runtime: Runtime[Context]
    ) -> dict[str, Any]:
        """Return the result or notice segment and the records of the searches."""
        started = time.monotonic()
        dialect, condenser, joined = self._begin(state)
        condensed = [
            condenser.condense(request, config) if request else None
            for request in _requests(state, joined, dialect)
        ]
        inserted = _insertion(state, dialect, joined, condensed)
        ids = self._components.reasoner_for(state["run"]).encode(inserted["text"])
        return _update(state, runtime, joined, condensed, inserted, ids, started)

    async def arun(
        self, state: State, config: RunnableConfig, runtime: Runtime[Context]
    ) -> dict[str, Any]:
        """Async version of `run`."""
        await self._components.aready(state["run"])
        started = time.monotonic()
        dialect, condenser, joined = self._begin(state)
        requests = _requests(state, joined, dialect)
        condensed = await asyncio.gather(
            *(_acondense(condenser, request, config) for request in requests)
        )
        inserted = _insertion(state, dialect, joined, condensed)
        reasoner = self._components.reasoner_for(state["run"])
        ids = await reasoner.aencode(inserted["text"])
        return _update(state, runtime, joined, condensed, inserted, ids, started)

    def _begin(self, state: State) -> tuple[Dialect, Condenser, _Joined]:
        run = state["run"]
        dialect = self._components.dialect_for(run)
        return dialect, self._components.condenser_for(run), _Joined(state)


class _Joined:
    """A turn's search results in query order, documents with their source ids."""

    def __init__(self, state: State) -> None:
        self.sources = SourceList(state.get("sources") or ())
        self.entries = sorted(state["found"], key=lambda entry: entry["position"])
        self.documents = [
            self.sources.add([Document(**d) for d in entry["documents"]])
            for entry in self.entries
        ]


def _requests(
    state: State, joined: _Joined, dialect: Dialect
) -> list[CondenseRequest | None]:
    """Return what to condense for each entry; None where nothing was found."""
    outside_prompt = [s for s in state["segments"] if s["kind"] != "prompt"]
    reasoning = segments_text(outside_prompt)
    return [
        CondenseRequest(
            question=state["run"]["question"],
            query=entry["query"],
            documents=documents,
            reasoning=reasoning,
            turn=state["counts"]["turns"],
            begin_markers=dialect.tags,
        )
        if documents
        else None
        for entry, documents in zip(joined.entries, joined.documents, strict=True)
    ]


async def _acondense(
    condenser: Condenser, request: CondenseRequest | None, config: RunnableConfig
) -> Condensed | None:
    return await condenser.acondense(request, config) if request else None


def _insertion(
    state: State,
    dialect: Dialect,
    joined: _Joined,
    condensed: Sequence[Condensed | None],
) -> dict[str, Any]:
    """Return the one segment that answers the turn: results first, then notices."""
    results = [
        _evidence(dialect, entry, one)
        for entry, one in zip(joined.entries, condensed, strict=True)
    ]
    text = dialect.render_results("\n\n".join(results)) if results else ""
    text += "".join(_notices(state, dialect))
    return {
        "kind": "result" if results else "notice",
        "speaker": dialect.result_speaker,
        "text": text,
        "trainable": False,
        "turn": state["counts"]["turns"],
    }


def _evidence(
    dialect: Dialect, entry: Mapping[str, Any], condensed: Condensed | None
) -> str:
    if entry["error"]:
        return dialect.error_message()
    return (condensed.text if condensed else "") or dialect.empty_message()


def _notices(state: State, dialect: Dialect) -> list[str]:
    pending = state["pending"]
    if pending["kind"] == "invalid":
        return [dialect.invalid_message(pending["text"])]
    limit = state["run"]["limits"]["searches"] or 0
    plan = pending["plan"]
    repeats = [p["query"] for p in plan if p["verdict"] == "repeat"]
    notices = [dialect.repeat_message(query) for query in repeats]
    if any(p["verdict"] == "limit" for p in plan):
        notices.append(dialect.limit_message(limit))
    return notices


def _update(
    state: State,
    runtime: Runtime[Context],
    joined: _Joined,
    condensed: Sequence[Condensed | None],
    inserted: dict[str, Any],
    ids: list[int] | None,
    started: float,
) -> dict[str, Any]:
    if ids is not None:
        inserted = {**inserted, "token_ids": ids}
    used = {i for one in condensed if one for i in one.used}
    grown = estimate_tokens(inserted["text"]) if ids is None else len(ids)
    runtime.stream_writer(
        {
            "event": "result",
            "turn": inserted["turn"],
            "kind": inserted["kind"],
            "sources": sorted(used, key=int),
        }
    )
    counts = state["counts"]
    slowest = max((entry["seconds"] for entry in joined.entries), default=0.0)
    return {
        "segments": [inserted],
        "children": [c.model_dump() for one in condensed if one for c in one.children],
        "searches": _records(state, joined),
        "sources": joined.sources.mark_used(used),
        "found": Overwrite([]),
        "counts": {
            **counts,
            "searches": counts["searches"] + len(joined.entries),
            "reads": counts["reads"] + sum(entry["reads"] for entry in joined.entries),
            "context_tokens": counts["context_tokens"] + grown,
            "seconds": counts["seconds"] + slowest + time.monotonic() - started,
        },
    }


def _records(state: State, joined: _Joined) -> list[dict[str, Any]]:
    return [
        SearchRecord(
            turn=state["counts"]["turns"],
            query=entry["query"],
            documents=documents,
            seconds=entry["seconds"],
            cached=entry["cached"],
            error=entry["error"],
        ).model_dump()
        for entry, documents in zip(joined.entries, joined.documents, strict=True)
    ]
