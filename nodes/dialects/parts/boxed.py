r"""Answers in a LaTeX box, `\boxed{…}`."""

from __future__ import annotations

import re

BOXED = "\\boxed{"

_BRACE = re.compile("[{}]")


def boxed_spans(text: str) -> list[tuple[int, int, int]]:
    r"""Find boxed answers with balanced braces.

    Returns:
        (start of `\boxed{`, start of the content, end of the content) for each, in
        order; an unclosed box is left out.

    >>> [r"\boxed{\text{New York}}"[a:b] for _, a, b in boxed_spans(r"\boxed{\text{New York}}")]
    ['\\text{New York}']
    """
    ends = _matching_braces(text)
    spans = []
    position = text.find(BOXED)
    while position >= 0:
        start = position + len(BOXED)
        end = ends.get(start - 1)
        if end is not None:
            spans.append((position, start, end))
        position = text.find(BOXED, start if end is None else end)
    return spans


def _matching_braces(text: str) -> dict[int, int]:
    # One pass: a model caught in a loop writes thousands of boxes and closes none.
    open_at: list[int] = []
    ends = {}
    for brace in _BRACE.finditer(text):
        if brace[0] == "{":
            open_at.append(brace.start())
        elif open_at:
            ends[open_at.pop()] = brace.start()
    return ends


def closing_brace(text: str, start: int) -> int | None:
    """Return the offset of the brace that closes one opened before `start`."""
    depth = 1
    for offset in range(start, len(text)):
        if text[offset] == "{":
            depth += 1
        elif text[offset] == "}":
            depth -= 1
            if depth == 0:
                return offset
    return None


_TEXT_COMMAND = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\{([^{}]*)\}")


def unwrap_text(content: str) -> str:
    r"""Remove LaTeX text commands around words: `\text{Paris}` is `Paris`."""
    previous = None
    while previous != content:
        previous, content = content, _TEXT_COMMAND.sub(r"\1", content)
    return content.strip()


def last_boxed(text: str) -> str | None:
    r"""Return the content of the last balanced `\boxed{}`, None when there is none.

    >>> last_boxed(r"\boxed{A} or \boxed{\text{B}}")
    'B'
    """
    spans = boxed_spans(text)
    return unwrap_text(text[spans[-1][1] : spans[-1][2]]) if spans else None
