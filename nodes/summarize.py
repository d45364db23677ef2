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
from ..tools.passage import evidence_window
from ..trace import Document, ReadRecord
from .budget import context_left
from .components import Components
from .condensers.base import Condensed, Condenser, CondenseRequest
from .dialects import Dialect
from .dialects.base import Result
from .insertion import ainsert, insert, inserted_tokens, shortened
from .sources import SourceList

State = Mapping[str, Any]


class Summarize:
    """From raw documents to the evidence the model reads."""

    def __init__(self, components: Components, *, keeps_opened: bool = False) -> None:
        """Make the step.

        Args:
            components: the parts of the agent.
            keeps_opened: whether the pages that condensers opened themselves are kept in
                the log `opened`, for a state that has it.
        """
        self._components = components
        self._keeps_opened = keeps_opened

    def run(
        self, state: State, config: RunnableConfig, runtime: Runtime[Context]
    ) -> dict[str, Any]:
        """Return the result or notice segment and the records of the searches."""
        started = time.monotonic()
        dialect, joined = self._begin(state)
        condensed = [
            self._condenser(state, request).condense(request, config) if request else None
            for request in _requests(state, joined, dialect)
        ]
        reasoner = self._components.reasoner_for(state["run"])
        evidence = _evidence(dialect, joined, condensed)
        while True:
            inserted = _insertion(state, dialect, joined, evidence)
            placed = insert(reasoner, dialect, inserted, opens=inserted["turn"] + 1)
            shorter = _shorter(state, evidence, placed)
            if shorter is None:
                return self._update(state, runtime, joined, condensed, placed, started)
            evidence = shorter

    async def arun(
        self, state: State, config: RunnableConfig, runtime: Runtime[Context]
    ) -> dict[str, Any]:
        """Async version of `run`."""
        await self._components.aready(state["run"])
        started = time.monotonic()
        dialect, joined = self._begin(state)
        requests = _requests(state, joined, dialect)
        condensed = await self._aevery(state, requests, config)
        reasoner = self._components.reasoner_for(state["run"])
        evidence = _evidence(dialect, joined, condensed)
        while True:
            inserted = _insertion(state, dialect, joined, evidence)
            opens = inserted["turn"] + 1
            placed = await ainsert(reasoner, dialect, inserted, opens=opens)
            shorter = _shorter(state, evidence, placed)
            if shorter is None:
                return self._update(state, runtime, joined, condensed, placed, started)
            evidence = shorter

    def _update(
        self,
        state: State,
        runtime: Runtime[Context],
        joined: _Joined,
        condensed: Sequence[Condensed | None],
        placed: list[dict[str, Any]],
        started: float,
    ) -> dict[str, Any]:
        opened = _opened(joined, condensed)
        update = _update(state, runtime, joined, condensed, opened, placed, started)
        if self._keeps_opened and opened:
            chars = state["run"]["settings"]["max_doc_chars"]
            update["opened"] = [_kept(query, page, chars) for query, page in opened]
        return update

    def _begin(self, state: State) -> tuple[Dialect, _Joined]:
        return self._components.dialect_for(state["run"]), _Joined(state)

    def _condenser(self, state: State, request: CondenseRequest) -> Condenser:
        if request.url:
            return self._components.page_condenser_for(state["run"])
        return self._components.condenser_for(state["run"])

    async def _aevery(
        self,
        state: State,
        requests: Sequence[CondenseRequest | None],
        config: RunnableConfig,
    ) -> list[Condensed | None]:
        if len(requests) == 1:  # a task of its own would be waited for all the same
            return [await self._acondense(state, requests[0], config)]
        every = (self._acondense(state, request, config) for request in requests)
        return await asyncio.gather(*every)

    async def _acondense(
        self, state: State, request: CondenseRequest | None, config: RunnableConfig
    ) -> Condensed | None:
        if request is None:
            return None
        return await self._condenser(state, request).acondense(request, config)


class _Joined:
    """A turn's search results in query order, documents with their source ids."""

    def __init__(self, state: State) -> None:
        self.sources = SourceList(state.get("sources") or ())
        self.entries = sorted(state["found"], key=lambda entry: entry["position"])
        self.dumped = [self.sources.add_dumped(e["documents"]) for e in self.entries]
        """The documents as plain dicts, the form they have in state."""
        self.documents = [
            [Document(**document) for document in found] for found in self.dumped
        ]


def _requests(
    state: State, joined: _Joined, dialect: Dialect
) -> list[CondenseRequest | None]:
    """Return what to condense for each entry; None where nothing was found."""
    reasoning = "".join([s["text"] for s in state["segments"] if s["kind"] != "prompt"])
    return [
        CondenseRequest(
            question=state["run"]["question"],
            query=entry["query"],
            documents=documents,
            reasoning=reasoning,
            turn=state["counts"]["turns"],
            url=entry.get("url", ""),
            goal=entry.get("goal", ""),
            begin_markers=dialect.tags,
        )
        if documents
        else None
        for entry, documents in zip(joined.entries, joined.documents, strict=True)
    ]


def _evidence(
    dialect: Dialect, joined: _Joined, condensed: Sequence[Condensed | None]
) -> str:
    """Return what the turn's searches and pages gave, unwrapped; empty without any."""
    results = [
        _result(dialect, entry, dumped, one)
        for entry, dumped, one in zip(joined.entries, joined.dumped, condensed, strict=True)
    ]
    return dialect.join_results(results) if results else ""


def _shorter(state: State, evidence: str, placed: Sequence[dict[str, Any]]) -> str | None:
    """Return the evidence cut to the context left, None where it needs no cut.

    Without it one long result would end the run: neither the next turn nor a forced
    answer fits behind it.
    """
    room = context_left(state["run"], state["counts"])
    return shortened(evidence, inserted_tokens(placed), room)


def _insertion(
    state: State, dialect: Dialect, joined: _Joined, evidence: str
) -> dict[str, Any]:
    """Return the one segment that answers the turn: results first, then notices."""
    text = dialect.render_results(evidence) if joined.entries else ""
    text += "".join(_notices(state, dialect))
    return {
        "kind": "result" if joined.entries else "notice",
        "speaker": dialect.result_speaker,
        "text": text,
        "trainable": False,
        "turn": state["counts"]["turns"],
    }


def _result(
    dialect: Dialect,
    entry: Mapping[str, Any],
    documents: list[dict[str, Any]],
    condensed: Condensed | None,
) -> Result:
    text, failed = condensed.text if condensed else "", bool(entry["error"])
    instead = dialect.error_message() if failed else dialect.empty_message()
    return Result(
        text=text or instead,
        query=entry["query"],
        url=entry.get("url", ""),
        goal=entry.get("goal", ""),
        documents=(condensed.listed if condensed else ()) or documents,
        failed=failed,
        is_empty=not (text or failed),
    )


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


def _opened(
    joined: _Joined, condensed: Sequence[Condensed | None]
) -> list[tuple[str, Document]]:
    """Return the documents that condensers retrieved themselves, and for what query.

    They have their source ids.
    """
    return [
        (entry["query"], document)
        for entry, one in zip(joined.entries, condensed, strict=True)
        if one and one.documents
        for document in joined.sources.add(one.documents)
    ]


def _kept(query: str, page: Document, chars: int) -> dict[str, Any]:
    """Return what state keeps of a page: a window, as of one that a search found."""
    return {**page.model_dump(), "text": evidence_window(page.text, query, chars)}


def _update(
    state: State,
    runtime: Runtime[Context],
    joined: _Joined,
    condensed: Sequence[Condensed | None],
    opened: Sequence[tuple[str, Document]],
    placed: list[dict[str, Any]],
    started: float,
) -> dict[str, Any]:
    inserted = placed[0]
    used = {i for one in condensed if one for i in one.used}
    used |= {document.id for _, document in opened}
    runtime.stream_writer(
        {
            "event": "result",
            "turn": inserted["turn"],
            "kind": inserted["kind"],
            "sources": sorted(used, key=int),
        }
    )
    children = [c.model_dump() for one in condensed if one for c in one.children]
    logs = {
        "children": children,
        "searches": _records(state, joined),
        "reads": _reads(state, joined),
        "sources": joined.sources.mark_used(used),
    }
    counts = state["counts"]
    slowest = max((entry["seconds"] for entry in joined.entries), default=0.0)
    return {
        "segments": placed,
        # An empty write costs as much as any other.
        **{name: added for name, added in logs.items() if added},
        "found": Overwrite([]),
        "counts": {
            **counts,
            "searches": counts["searches"] + sum(_is_made(e) for e in joined.entries),
            "reads": counts["reads"] + sum(entry["reads"] for entry in joined.entries),
            "context_tokens": counts["context_tokens"] + inserted_tokens(placed),
            "seconds": counts["seconds"] + slowest + time.monotonic() - started,
        },
    }


def _is_made(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry is a search that was carried out, which is what counts."""
    return not entry.get("url") and not entry["error"]


def _records(state: State, joined: _Joined) -> list[dict[str, Any]]:
    """Return one `trace.SearchRecord` for each search, as plain dicts."""
    return [
        {
            "turn": state["counts"]["turns"],
            "query": entry["query"],
            "documents": dumped,
            "seconds": entry["seconds"],
            "cached": entry["cached"],
            "error": entry["error"],
            "outage": entry["outage"],
        }
        for entry, dumped in zip(joined.entries, joined.dumped, strict=True)
        if not entry.get("url")
    ]


def _reads(state: State, joined: _Joined) -> list[dict[str, Any]]:
    return [
        ReadRecord(
            turn=state["counts"]["turns"],
            url=entry["url"],
            goal=entry["goal"],
            document=documents[0] if documents else None,
            seconds=entry["seconds"],
            error=entry["error"],
        ).model_dump()
        for entry, documents in zip(joined.entries, joined.documents, strict=True)
        if entry.get("url")
    ]
