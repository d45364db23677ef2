"""Gaps: where the check took something out, and what closing them may not do.

What is left around a gap must read well, and must not come to cite: `[1<img src=x>]` is no
citation, and `[1]` is one.
"""

from __future__ import annotations

import re

from ..citation_forms import cited_in, plain_citations

GAP = "\ue000"
"""Stands, while a text is checked, where a citation or an address was taken out."""

SEAM = "\ue001"
"""Stands where markup was taken off and the text in it, if any, stayed."""

_HOLES = re.compile(f"[{GAP}{SEAM}]+")
_EMPTY = re.compile(
    rf"[ \t]*(?:\([ \t]*[{GAP}{SEAM}]+[ \t]*\)|\[[ \t]*[{GAP}{SEAM}]+[ \t]*\])"
)
"""Brackets of which everything was taken out."""
_HOLED = re.compile(
    rf"[\[【［]([^\[\]【】［］{GAP}{SEAM}]*[{GAP}{SEAM}][^\[\]【】［］]*)[\]】］]"
)
_SEPARATED = re.compile(
    rf"(?:(?<=\])[ \t]*,?[ \t]*(?:\band\b|&)|[ \t]*[,;])[ \t]*{GAP}(?=[ \t]*(?:[.,;:!?)]|$))",
    re.MULTILINE,
)
"""What told a gap from the citation before it, where the sentence then ends or goes on."""
_LEADING = re.compile(rf"{GAP}[ \t]*[,;](?=[ \t]*\[\^?\d)")
"""What told it from the citation behind it."""
_SPACED = re.compile(rf"(?<=[ \t])[{GAP}{SEAM}]+[ \t]+")


def without_marks(text: str) -> str:
    """Return a text without the two characters, which mean nothing outside a check."""
    return _HOLES.sub("", text)


def close_gaps(text: str) -> str:
    r"""Return the text without gaps.

    >>> close_gaps(f"Lima [1],{GAP}. Peru ({GAP}), x [1{GAP}] and A {SEAM} b.")
    'Lima [1]. Peru, x (1) and A b.'
    """
    while (emptied := _EMPTY.sub(GAP, text)) != text:
        text = emptied
    text = _HOLED.sub(_uncited, text)
    text = _LEADING.sub(GAP, _SEPARATED.sub(GAP, text))
    return without_marks(_SPACED.sub("", text))


def _uncited(found: re.Match[str]) -> str:
    inside = without_marks(found[1])
    return f"({inside})" if cited_in(plain_citations(f"[{inside}]")) else found[0]
