"""Gaps: where the check took something out, and what closing them may not do.

What is left around a gap must read well, and must not come to cite: `[1<img src=x>]` is no
citation, and `[1]` is one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..citation_forms import cited_in, plain_citations

GAP = "\ue000"
"""Stands, while a text is checked, where a citation or an address was taken out."""

SEAM = "\ue001"
"""Stands where markup was taken off and the text in it, if any, stayed."""

_HOLES = re.compile(f"[{GAP}{SEAM}]+")
_PIECES = re.compile(rf"[{GAP}{SEAM}()\[\]]|[ \t]++|[^{GAP}{SEAM}()\[\] \t]++")
_OPENING = {")": "(", "]": "["}
_HOLED = re.compile(
    rf"[\[【［]([^\[\]【】［］{GAP}{SEAM}]*[{GAP}{SEAM}][^\[\]【】［］]*)[\]】］]"
)
_SEPARATED = re.compile(
    rf"(?:(?<=\])[ \t]*+,?+[ \t]*+(?:\band\b|&)|(?<![ \t])[ \t]*+[,;，、；])[ \t]*+{GAP}"
    r"(?=[ \t]*+(?:[.,;:!?)。，、；：！？）]|$))",
    re.MULTILINE,
)
"""What told a gap from the citation before it, where the sentence then ends or goes on."""
_LEADING = re.compile(rf"{GAP}[ \t]*+[,;，、；](?=[ \t]*+\[\^?\d)")
"""What told it from the citation behind it."""
_SPACED = re.compile(rf"(?<=[ \t])[{GAP}{SEAM}]++[ \t]++")


def without_marks(text: str) -> str:
    """Return a text without the two characters, which mean nothing outside a check."""
    return _HOLES.sub("", text)


def close_gaps(text: str) -> str:
    r"""Return the text without gaps.

    >>> close_gaps(f"Lima [1],{GAP}. Peru ({GAP}), x [1{GAP}] and A {SEAM} b.")
    'Lima [1]. Peru, x (1) and A b.'
    """
    text = _HOLED.sub(_uncited, _without_empty(text))
    text = _LEADING.sub(GAP, _SEPARATED.sub(GAP, text))
    return without_marks(_SPACED.sub("", text))


def _without_empty(text: str) -> str:
    """Return the text with a gap for brackets of which everything was taken out.

    From the inner to the outer in one go, as brackets may be nested by the thousand.

    >>> _without_empty(f"A ( [{GAP}] [{SEAM}]).") == f"A{GAP}."
    True
    """
    kept: list[str] = []
    for piece in _PIECES.findall(text):
        opening = _OPENING.get(piece)
        start = _start_of_empty(kept, opening) if opening else None
        if start is not None:
            del kept[start:]
        kept.append(piece if start is None else GAP)
    return "".join(kept)


def _start_of_empty(pieces: Sequence[str], opening: str) -> int | None:
    """Return where brackets begin that hold gaps and nothing else, the space before included."""
    end = place = _before_blank(pieces, len(pieces))
    while place and pieces[place - 1] in (GAP, SEAM):
        place -= 1
    if place == end:
        return None
    place = _before_blank(pieces, place)
    is_empty = place and pieces[place - 1] == opening
    return _before_blank(pieces, place - 1) if is_empty else None


def _before_blank(pieces: Sequence[str], end: int) -> int:
    return end - 1 if end and pieces[end - 1][0] in " \t" else end


def _uncited(found: re.Match[str]) -> str:
    inside = without_marks(found[1])
    return f"({inside})" if cited_in(plain_citations(f"[{inside}]")) else found[0]
