"""Recognises a prompt that does not fit, in the words of the servers that say so."""

from __future__ import annotations

import re

_OVERFLOW = re.compile(
    r"maximum context length(?: is| of)? \(?(\d+)"  # vLLM renderers/params.py:528, OpenAI
    r"|exceeds model's maximum context length \((\d+)\)"  # vLLM api_utils.py:185
    r"|context_length_exceeded|prompt is too long|exceeds the context window"
    r"|longer than the maximum model length|maximum context length",
    re.IGNORECASE,
)
"""vLLM's 400 reaches chat libraries as plain text, with no error class of its own."""


def find_overflow(text: str) -> tuple[bool, int | None]:
    """Return whether an error says that the prompt is too long, and the limit it names.

    >>> find_overflow("This model's maximum context length is 8192 tokens. However, ...")
    (True, 8192)
    >>> find_overflow("prompt is too long")
    (True, None)
    >>> find_overflow("temperature must be positive")
    (False, None)
    """
    found = _OVERFLOW.search(text)
    if found is None:
        return False, None
    limit = found[1] or found[2]
    return True, int(limit) if limit else None
