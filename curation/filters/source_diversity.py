"""Diversity of sources: searches that bring new documents, from more than one site."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from ipaddress import ip_address
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...trace import Document, Trace
from .base import Dimension

OWN_INDEX = ("corpus:", "dense:", "hybrid:", "http", "simulated:")
"""How a run's `search` setting begins where it searched no web."""

_HOST = re.compile(r"[A-Za-z][\w+.-]*://(?:[^/@?#]*@)?(\[[^\]/]*\]|[^/:?#]+)")


@dataclass(frozen=True)
class NewDocuments:
    """Every search that found something must bring at least `least` unseen documents."""

    name: ClassVar[str] = "new_documents"
    dimension: ClassVar[Dimension] = "effectiveness"
    source: ClassVar[str] = (
        "arXiv 2505.16834, section 2.3 (more diverse search content); the limit is ours"
    )

    least: int = 1

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        seen: set[str] = set()
        for record in trace.searches:
            found = {_key(document) for document in record.documents}
            if found and len(found - seen) < min(self.least, len(found)):
                return f"the search {record.query!r} found nothing new"
            seen |= found
        return None


@dataclass(frozen=True)
class SourceDiversity:
    """No site may give more than `share` of the distinct documents of a run.

    Runs with fewer than `min_documents` documents are not judged, nor those whose settings
    say that they searched an index of its own (a corpus, a retriever), where sites say
    nothing of diversity. Neither do loopback addresses: a world or a mirror served on this
    machine has all its pages there, so their documents are left out.
    """

    name: ClassVar[str] = "source_diversity"
    dimension: ClassVar[Dimension] = "effectiveness"
    source: ClassVar[str] = (
        "arXiv 2505.16834, section 2.3 (more diverse search content); the limits are ours"
    )

    share: float = 0.8
    min_documents: int = 5

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        if str(trace.settings.get("search", "")).startswith(OWN_INDEX):
            return None
        addresses = {d.url for record in trace.searches for d in record.documents if d.url}
        sites = Counter(_site(address) for address in addresses)
        sites = Counter({site: n for site, n in sites.items() if not _is_loopback(site)})
        if sites.total() < self.min_documents:
            return None
        site, count = sites.most_common(1)[0]
        if count <= self.share * sites.total():
            return None
        return f"{count} of {sites.total()} documents come from {site}"


def _key(document: Document) -> str:
    return document.url or document.title or document.text


def _site(url: str) -> str:
    found = _HOST.match(url)
    return found[1].lower().removeprefix("www.") if found else url


def _is_loopback(site: str) -> bool:
    """Tell whether a site is this machine itself.

    >>> _is_loopback("127.0.0.1"), _is_loopback("[::1]"), _is_loopback("localhost.org")
    (True, True, False)
    """
    if site == "localhost" or site.endswith(".localhost"):
        return True
    try:
        return ip_address(site.strip("[]")).is_loopback
    except ValueError:
        return False
