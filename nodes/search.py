"""Search: one query's documents, pages read where the search gave only snippets.

A failure comes back as a value: an exception here would end the whole run when there is
no checkpointer, and the join tells the model honestly that the search was not made.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from langgraph.runtime import Runtime

from ..context import Context
from ..state import SearchTask
from ..tools.base import Episode, Reader, ReadError, SearchError, SearchProvider
from ..tools.cached import asearch_cached, search_cached
from ..tools.passage import evidence_window
from ..trace import Document
from .components import Components

READERS = 16
"""Pages of one query read at once: all of them for the dialects' default of 10, since the
run waits for the slowest and a second round would wait twice."""


class Search:
    """Carries out one query of a turn; several run side by side."""

    def __init__(self, components: Components) -> None:
        self._components = components

    def run(self, task: SearchTask, runtime: Runtime[Context]) -> dict[str, Any]:
        """Return one entry of `found`."""
        started = time.monotonic()
        runtime.stream_writer({"event": "search", "query": task["query"]})
        run = task["run"]
        try:
            provider = self._components.search_for(run)
            documents, cached = search_cached(
                provider,
                task["query"],
                run["limits"]["top_k"],
                episode=episode_for(provider, run),
            )
        except SearchError as error:
            return _failed(task, error, started, runtime)
        reads = 0
        if _needs_reading(provider, run) and documents:
            reader = self._components.reader_for(run)
            with ThreadPoolExecutor(READERS) as pool:
                texts = list(pool.map(lambda d: _read(reader, d), documents))
            documents, reads = _with_pages(documents, texts, task)
        return _found(task, documents, started, reads, cached=cached)

    async def arun(self, task: SearchTask, runtime: Runtime[Context]) -> dict[str, Any]:
        """Async version of `run`."""
        await self._components.aready(task["run"])
        started = time.monotonic()
        runtime.stream_writer({"event": "search", "query": task["query"]})
        run = task["run"]
        try:
            provider = self._components.search_for(run)
            documents, cached = await asearch_cached(
                provider,
                task["query"],
                run["limits"]["top_k"],
                episode=episode_for(provider, run),
            )
        except SearchError as error:
            return _failed(task, error, started, runtime)
        reads = 0
        if _needs_reading(provider, run) and documents:
            reader = self._components.reader_for(run)
            gate = asyncio.Semaphore(READERS)
            texts = await asyncio.gather(*(_aread(reader, d, gate) for d in documents))
            # Off the event loop: whole pages are read through for their best part.
            documents, reads = await asyncio.to_thread(_with_pages, documents, texts, task)
        return _found(task, documents, started, reads, cached=cached)


def episode_for(provider: SearchProvider, run: Mapping[str, Any]) -> Episode | None:
    """Return what a simulated search engine must know, None for any other provider.

    An episode takes a search past the caches, so only those that ask for it get one.
    """
    if not getattr(provider, "needs_episode", False):
        return None
    known = run.get("episode") or {}
    return Episode(
        question=run["question"],
        golds=tuple(known.get("golds", ())),
        training_step=known.get("training_step", 0),
        training_steps=known.get("training_steps", 0),
        noise=known.get("noise"),
    )


def _needs_reading(provider: Any, run: Mapping[str, Any]) -> bool:
    return run["settings"]["read_pages"] and not provider.returns_full_text


def _read(reader: Reader, document: Document) -> str | None:
    try:
        return reader.read(document.url).text
    except ReadError:
        return None  # the snippet stands in; an error text is never evidence


async def _aread(reader: Reader, document: Document, gate: asyncio.Semaphore) -> str | None:
    async with gate:
        try:
            return (await reader.aread(document.url)).text
        except ReadError:
            return None


def _with_pages(
    documents: Sequence[Document], texts: Sequence[str | None], task: SearchTask
) -> tuple[list[Document], int]:
    chars = task["run"]["settings"]["max_doc_chars"]
    merged = []
    for document, text in zip(documents, texts, strict=True):
        if text:
            wanted = document.snippet or task["query"]
            text = evidence_window(text, wanted, chars)
        merged.append(document.model_copy(update={"text": text or document.snippet}))
    return merged, sum(text is not None for text in texts)


def _found(
    task: SearchTask,
    documents: Sequence[Document],
    started: float,
    reads: int,
    *,
    cached: bool = False,
) -> dict[str, Any]:
    entry = {
        "position": task["position"],
        "query": task["query"],
        # Its fields are plain values, so they are the dump, at a tenth of the time.
        "documents": [dict(vars(document)) for document in documents],
        "reads": reads,
        "seconds": time.monotonic() - started,
        "cached": cached,
        "error": None,
        "outage": False,
    }
    return {"found": [entry]}


def _failed(
    task: SearchTask, error: SearchError, started: float, runtime: Runtime[Context]
) -> dict[str, Any]:
    event = {"event": "search_failed", "query": task["query"], "error": str(error)}
    runtime.stream_writer(event)
    update = _found(task, [], started, 0)
    update["found"][0] |= {"error": str(error), "outage": error.outage}
    return update
