"""Search and page reading as LangChain tools, for any agent.

Failures reach the agent as tool errors, never as findings.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from pydantic import BaseModel, Field

from ..trace import Document
from .base import Page, Reader, SearchProvider, ToolError
from .factory import WEB, make_reader, make_search

MAX_PAGE_CHARS = 20_000
"""Characters of a page an agent is given at once, about 5,000 tokens."""

NOTHING_FOUND = "The search found nothing. Try other words."


class SearchInput(BaseModel):
    """Arguments of the search tool."""

    query: str = Field(description="What to search for, a few words or a question.")


class ReadInput(BaseModel):
    """Arguments of the read tool."""

    url: str = Field(description="Full http or https address of the page.")


def search_tool(
    provider: SearchProvider | str = "tavily",
    *,
    k: int = 5,
    name: str = "search",
    description: str = "Search for documents. Returns titles, addresses and texts.",
    cache_dir: str | os.PathLike[str] | None = None,
) -> BaseTool:
    """Return a tool that searches; its artifact is the list of documents.

    Args:
        provider: a search provider, or a spec as `make_search` takes.
        k: most documents a search returns.
        name: the tool's name.
        description: what the model is told of it.
        cache_dir: folder of the search cache; used with a spec only.

    Raises:
        DeepSearchError: the spec names no provider, or its key or corpus is missing.
    """
    if k < 1:
        msg = f"k must be at least 1, not {k}"
        raise ValueError(msg)
    if isinstance(provider, str):
        provider = make_search(provider, cache_dir=cache_dir)

    def search(query: str) -> tuple[str, list[Document]]:
        try:
            documents = provider.search(query, k)
        except ToolError as error:
            msg = f"The search failed: {error}"
            raise ToolException(msg) from error
        return format_documents(documents), documents

    async def asearch(query: str) -> tuple[str, list[Document]]:
        try:
            documents = await provider.asearch(query, k)
        except ToolError as error:
            msg = f"The search failed: {error}"
            raise ToolException(msg) from error
        return format_documents(documents), documents

    return _tool(search, asearch, name, description, SearchInput)


def read_tool(
    allow_private: str | Iterable[str] = (),
    *,
    reader: Reader | str = WEB,
    max_chars: int = MAX_PAGE_CHARS,
    name: str = "read",
    description: str = "Read a web page or PDF. Returns its title and main text.",
    cache_dir: str | os.PathLike[str] | None = None,
) -> BaseTool:
    """Return a tool that reads the page at `url`; its artifact is the page.

    Args:
        allow_private: private hosts that may be fetched, `host` or `host:port`.
        reader: a spec as `make_reader` takes, or a reader of one's own; `allow_private`
            and `cache_dir` are then its affair.
        max_chars: most characters of the page's text that are returned.
        name: the tool's name.
        description: what the model is told of it.
        cache_dir: folder of the page cache.

    Raises:
        DeepSearchError: the spec names no reader, or its corpus is missing.
    """
    if max_chars < 1:
        msg = f"max_chars must be at least 1, not {max_chars}"
        raise ValueError(msg)
    source = (
        make_reader(reader, cache_dir=cache_dir, allow_private=allow_private)
        if isinstance(reader, str)
        else reader
    )

    def read(url: str) -> tuple[str, Page]:
        try:
            page = source.read(url)
        except ToolError as error:
            msg = f"The page was not read: {error}"
            raise ToolException(msg) from error
        return format_page(page, max_chars), page

    async def aread(url: str) -> tuple[str, Page]:
        try:
            page = await source.aread(url)
        except ToolError as error:
            msg = f"The page was not read: {error}"
            raise ToolException(msg) from error
        return format_page(page, max_chars), page

    return _tool(read, aread, name, description, ReadInput)


def format_documents(documents: Sequence[Document]) -> str:
    """Return documents as numbered text; says so when there are none."""
    blocks = []
    for number, document in enumerate(documents, 1):
        head = " ".join(part for part in (document.title, document.url) if part)
        text = document.text or document.snippet
        blocks.append(f"[{number}] {head}\n{text}".strip())
    return "\n\n".join(blocks) or NOTHING_FOUND


def format_page(page: Page, max_chars: int = MAX_PAGE_CHARS) -> str:
    """Return a page as text; says how much was left out."""
    head = "\n".join(part for part in (page.title, page.url, page.date) if part)
    left = len(page.text) - max_chars
    tail = f"\n\n[{left:,} more characters not shown]" if left > 0 else ""
    return f"{head}\n\n{page.text[:max_chars]}{tail}"


def _tool(
    call: Any, acall: Any, name: str, description: str, schema: type[BaseModel]
) -> BaseTool:
    return StructuredTool.from_function(
        func=call,
        coroutine=acall,
        name=name,
        description=description,
        args_schema=schema,
        response_format="content_and_artifact",
        # True: the agent gets the message with status "error" and may try otherwise.
        handle_tool_error=True,
    )
