"""The text of a PDF."""

from __future__ import annotations

import io
from typing import Any

from .base import Page, ReadError

MAX_PAGES = 200
"""Pages read of one PDF; the reference keeps 600 words."""

MAX_CHARS = 1_000_000
"""Characters after which further pages are left out."""


def is_pdf(body: bytes | bytearray) -> bool:
    """Return whether the bytes begin like a PDF; the mark may follow some junk."""
    return b"%PDF-" in body[:1024]


def pdf_page(body: bytes, url: str) -> Page:
    """Return the text of a PDF's pages, a blank line between two.

    Raises:
        ReadError: damaged, encrypted, or without a text layer.
    """
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        document = PdfReader(io.BytesIO(body))
        text = _text(document)
        title = str((document.metadata or {}).get("/Title") or "").strip()
    # pypdf meets damaged files with these besides its own errors.
    except (
        PyPdfError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        RecursionError,
        OSError,
        NotImplementedError,
        ImportError,
    ) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        msg = f"{url}: the PDF cannot be read ({reason})"
        raise ReadError(msg) from error
    if not text:
        msg = f"{url}: the PDF holds no text (scanned pages?)"
        raise ReadError(msg)
    return Page(url=url, title=title, text=text, metadata={"pages": len(document.pages)})


def _text(document: Any) -> str:
    parts: list[str] = []
    length = 0
    for page in document.pages[:MAX_PAGES]:
        parts.append(page.extract_text().strip())
        length += len(parts[-1])
        if length > MAX_CHARS:
            break
    return "\n\n".join(part for part in parts if part)
