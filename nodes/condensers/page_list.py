"""Pages as WebThinker's explorer is shown them: those a search found, and a page's links."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from ...tools.base import Page
from ...tools.passage import evidence_window
from ...trace import Document

PAGE_CHARS = 2000
"""Characters of a page shown on each side of the sentence that fits its snippet best
(WebThinker's context_chars)."""

NOT_FETCHED = "Can not fetch the page content."
"""Stands for a page that could not be read (wire string; see `web_thinker.py`)."""

MAX_LINKS = 30
"""Links shown of a page; our own choice."""


def list_pages(
    documents: Sequence[Document], query: str = "", chars: int = PAGE_CHARS
) -> str:
    """Return search results in WebThinker's form: a heading and a JSON object for each.

    Args:
        documents: in rank order. One whose page was read shows the part of it that fits its
            snippet, or the query.
        query: what was searched for.
        chars: characters kept on each side; 0 shows the one sentence.
    """
    entries = []
    for number, document in enumerate(documents, 1):
        told = json.dumps(
            _entry(number, document, query, chars), ensure_ascii=False, indent=2
        )
        entries.append(f"***Web Page {number}:***\n{told}\n")
    return "".join(entries)


def _entry(number: int, document: Document, query: str, chars: int) -> dict[str, Any]:
    entry = {
        "id": number,
        "title": document.title,
        "url": document.url,
        "site_name": _host(document.url),
        "date": document.date,
        "snippet": document.snippet,
    }
    if not document.text:
        return entry  # nobody tried to read it
    if document.text == document.snippet:
        return {**entry, "page_info": NOT_FETCHED}
    wanted = document.snippet or query
    return {**entry, "page_info": evidence_window(document.text, wanted, chars)}


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:  # no address
        return ""


def list_links(page: Page) -> str:
    """Return a page's first links, each address once."""
    links: dict[str, str] = {}
    for label, url in page.links:
        if label.strip() and url not in links and len(links) < MAX_LINKS:
            links[url] = " ".join(label.split())
    if not links:
        return ""
    return "Links:\n" + "\n".join(f"- {label}: {url}" for url, label in links.items())
