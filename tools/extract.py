"""From the bytes of a page to its title, date, main text and links."""

from __future__ import annotations

import codecs
import re
from typing import Any
from urllib.parse import urljoin

from .base import Page, ReadError
from .pdf import is_pdf, pdf_page

HTML_TYPES = ("text/html", "application/xhtml+xml")
TEXT_TYPES = ("application/json", "application/ld+json", "application/xml")
UNKNOWN_TYPES = ("", "application/octet-stream", "binary/octet-stream")
"""Content types that say nothing; the bytes decide."""

MAX_LINKS = 300
"""Links kept per page."""

_META_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*+["']?\s*+([\w.:-]+)""", re.I
)
_XML_CHARSET = re.compile(rb"""^\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]+)""", re.I)
_HEADER_CHARSET = re.compile(r"""charset\s*=\s*+["']?\s*+([\w.:-]+)""", re.I)

_LATIN = frozenset({"iso8859-1", "ascii", "cp1252"})
"""Charsets that servers declare without knowing; browsers read all three as cp1252."""


def readable_type(content_type: str) -> bool:
    """Return whether a page of this declared type may hold text."""
    kind = _kind(content_type)
    return (
        kind.startswith("text/")
        or kind in (*HTML_TYPES, *TEXT_TYPES, *UNKNOWN_TYPES, "application/pdf")
        or kind.endswith(("+xml", "+json"))
    )


def extract_page(body: bytes, content_type: str, url: str) -> Page:
    """Return the page in the bytes.

    Args:
        body: the whole page, or its beginning.
        content_type: the Content-Type header, "" when there was none.
        url: the address it came from, to which links are relative.

    Raises:
        ReadError: it is no text, or holds none.
    """
    kind = _kind(content_type)
    if is_pdf(body):
        return pdf_page(body, url)
    if b"\0" in body[:1024] and not body.startswith(
        (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    ):
        msg = f"{url}: not a text page ({kind or 'no content type'})"
        raise ReadError(msg)
    text = decode(body, content_type)
    if kind in HTML_TYPES or (_looks_like_html(text) and not kind.startswith("text/plain")):
        return _html_page(text, url)
    if not text.strip():
        raise ReadError(_no_text(url))
    return Page(url=url, text=_lines(text))


def decode(body: bytes, content_type: str) -> str:
    """Return the bytes as text, by mark, header, meta element, then by their shape.

    Text that is valid UTF-8 is read so whenever the declaration is absent or one of the
    Latin defaults, which servers send for anything.
    """
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if body.startswith(mark):
            return body.decode(name, errors="replace")
    declared = _declared_charset(body, content_type)
    if declared is None or declared in _LATIN or declared == "utf-8":
        try:
            # Not final: a page cut at the size limit may end inside a character.
            return codecs.getincrementaldecoder("utf-8")().decode(body)
        except UnicodeDecodeError:
            pass  # not UTF-8 after all
    if declared in _LATIN:
        return body.decode("cp1252", errors="replace")
    if declared is not None and declared != "utf-8":
        return body.decode(declared, errors="replace")
    return _guess(body)


def _declared_charset(body: bytes, content_type: str) -> str | None:
    header = _HEADER_CHARSET.search(content_type)
    head = body[:4096]
    candidates = [header.group(1)] if header else []
    candidates += [
        match.group(1).decode("ascii", "replace")
        for pattern in (_META_CHARSET, _XML_CHARSET)
        if (match := pattern.search(head))
    ]
    for name in candidates:
        try:
            info = codecs.lookup(name)
        except LookupError:
            continue
        # Python also registers byte transforms (zip, hex) under this lookup.
        if getattr(info, "_is_text_encoding", True):
            return info.name
    return None


def _guess(body: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(body[:200_000]).best()
    return body.decode(best.encoding if best else "cp1252", errors="replace")


def _html_page(html: str, url: str) -> Page:
    from trafilatura import bare_extraction, load_html

    tree = load_html(html)
    if tree is None:
        raise ReadError(_no_text(url))
    # Before the extraction, which changes the tree.
    links, title = _links(tree, url), " ".join(tree.findtext(".//title", "").split())
    # trafilatura logs a parse failure and returns None.
    found: Any = bare_extraction(
        tree, url=url, with_metadata=True, include_comments=False, include_tables=True
    )
    text = "" if found is None else _lines(found.text or "")
    if found is None or not text:
        raise ReadError(_no_text(url))
    return Page(
        url=url,
        title=(found.title or title).strip(),
        text=text,
        date=found.date or "",
        links=links,
    )


def _links(tree: Any, url: str) -> tuple[tuple[str, str], ...]:
    base = tree.find(".//base[@href]")
    root = urljoin(url, base.get("href")) if base is not None else url
    links: dict[str, str] = {}
    for anchor in tree.iter("a"):
        target = _absolute(root, anchor.get("href"))
        label = " ".join(anchor.text_content().split())
        if target and label and target not in links:
            links[target] = label
            if len(links) == MAX_LINKS:
                break
    return tuple((label, target) for target, label in links.items())


def _absolute(root: str, href: str | None) -> str | None:
    if not href or href.startswith("#"):
        return None
    try:
        target = urljoin(root, href.strip()).partition("#")[0]
    except ValueError:  # a malformed address in a page is the page's fault
        return None
    return target if target.startswith(("http://", "https://")) else None


def _looks_like_html(text: str) -> bool:
    head = text[:1024].lower()
    return "<!doctype html" in head or "<html" in head or "<body" in head


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _lines(text: str) -> str:
    """Return the text without control characters, trailing space and runs of blank lines."""
    clean = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text.replace("\r\n", "\n"))
    # Line by line: a pattern for trailing space takes a long run of it again from every
    # place within it.
    lines = "\n".join(line.rstrip(" \t") for line in clean.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def _no_text(url: str) -> str:
    return f"{url}: the page holds no text that could be extracted"
