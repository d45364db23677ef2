"""Read: one page that the model asked for by its address.

A failure comes back as a value, as in `search`: the join tells the model that the page
could not be read, and never shows it an error text as the page's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from langgraph.runtime import Runtime

from ..context import Context
from ..state import ReadTask
from ..tools.base import Page, ReadError
from ..trace import Document
from .components import Components


class Read:
    """Reads one page of a turn; several are read side by side."""

    def __init__(self, components: Components) -> None:
        self._components = components

    def run(self, task: ReadTask, runtime: Runtime[Context]) -> dict[str, Any]:
        """Return one entry of `found`."""
        started = time.monotonic()
        runtime.stream_writer({"event": "read", "url": task["url"]})
        try:
            page = self._components.reader_for(task["run"]).read(task["url"])
        except ReadError as error:
            return _entry(task, started, error=str(error))
        return _entry(task, started, page=page)

    async def arun(self, task: ReadTask, runtime: Runtime[Context]) -> dict[str, Any]:
        """Async version of `run`."""
        await self._components.aready(task["run"])
        started = time.monotonic()
        runtime.stream_writer({"event": "read", "url": task["url"]})
        try:
            page = await self._components.reader_for(task["run"]).aread(task["url"])
        except ReadError as error:
            return _entry(task, started, error=str(error))
        return _entry(task, started, page=page)


def _entry(
    task: ReadTask, started: float, *, page: Page | None = None, error: str | None = None
) -> dict[str, Any]:
    entry: Mapping[str, Any] = {
        "position": task["position"],
        "query": "",
        "url": task["url"],
        "goal": task["goal"],
        "documents": [] if page is None else [_document(page).model_dump()],
        "reads": int(page is not None),
        "seconds": time.monotonic() - started,
        "cached": False,
        "error": error,
    }
    return {"found": [entry]}


def _document(page: Page) -> Document:
    return Document(title=page.title, text=page.text, url=page.url, date=page.date)
