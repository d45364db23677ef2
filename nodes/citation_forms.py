"""What is a citation in a text, in whichever form writers use.

`[3]` is one; `[Source 3]`, `[#3]`, `【3】`, `[ 3 ]`, `[3, p. 5]`, `&#91;3&#93;` are read as it,
`[1, 7]`, `[1，7]`, `[1、7]` and `[2-5]` name several. No citations, and so left as they are:

- a list that begins with 0, as in `a probability in [0, 1]`: sources are numbered from 1;
- two numbers in rising order after a word that makes them an interval: `values in [10, 20]`,
  `in the range [1, 5]`, `∈ [2, 3]`. Any other list is of citations, whatever its numbers are;
- an index: a bracket stuck to one small letter (`x[3]`), to a name with an underscore
  (`row_sum[3]`) or to a word before an equals sign (`values[3] = 5`), and `[0]` stuck to any.
  Stuck to another word it is a citation, as many writers leave out the space: `Lima[3]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_NUMBER = (
    r"(?:(?:sources?|refs?|references?|docs?|documents?|citations?)\b[ .:#]{0,3}|#)?"
    r"\^?\d{1,3}"
)
_EDGE = r"[ \t]{0,3}(?:\n[ \t>]{0,12})?"
"""White space inside a bracket, over the end of a line too, in a quotation too."""
_BETWEEN = rf"{_EDGE}(?:[,;，、；–-]|,?[ ](?:and\b|&)){_EDGE}"
_PLACE = (
    r"(?:[ \t]{0,3}[,;:，、；：][ \t]{0,3}(?:(?:pp?|secs?|ch|figs?)\.|"
    r"(?:pages?|sections?|chapters?|lines?|figures?|tables?)\b)|[ \t]{0,3}[§†])"
    r"[^\[\]【】［］\n]{0,40}"
)
_WRITTEN = re.compile(
    rf"\\?[\[【［]{_EDGE}({_NUMBER}(?:{_BETWEEN}{_NUMBER}){{0,60}})"
    rf"(?:{_PLACE})?{_EDGE}\\?[\]】］]",
    re.IGNORECASE,
)
"""A citation in any form that writers use."""
_ENTITY = re.compile(
    r"&(?:(#0{0,5}91|#x0{0,4}5b|lsqb|lbrack)|#0{0,5}93|#x0{0,4}5d|rsqb|rbrack);",
    re.IGNORECASE,
)
"""A bracket in HTML; the group tells an opening one."""
_BREAK = re.compile(r"[ \t]*\n[ \t>]*")
_AND = re.compile(r",?[ \t]*(?:\band\b|&)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+[ .:#]*|#")
_PLAIN_MARKS = str.maketrans("，、；", ",,;")
"""Separators of Chinese and Japanese."""

_ONE = r"\[(?!0+\s*[,;–-])\^?\d{1,3}(?:\s*[,;–-]\s*\^?\d{1,3})*\]"
_ROW = re.compile(rf"(?<![ \t])([ \t]*)((?:{_ONE})+)")
"""The space before, and a row of citations: `[1]`, `[1, 2]`, `[2-5]`, `[^1]`, `[1][2]`."""
_REPEATED = re.compile(r"()(\[\d{1,3}\])(?:[ \t]*\2)+")

_RISING = re.compile(r"\[(\d+)\s*[,;]\s*(\d+)\]")
_BEFORE_INTERVAL = re.compile(
    r"(?:∈|区间|范围|\b(?:interval|(?:in|on|over|from|within) the range|"
    r"(?:values?|numbers?|lies?|lying|falls?|fell|varies|varying) (?:in|on|over|within)))"
    r"[ \t]*\Z",
    re.IGNORECASE,
)
"""Kept narrow: behind `the mountain ranges` stand citations."""
_INDEXED = re.compile(r"(?:(?:\A|(?<=[\s(]))[a-z]|[A-Za-z0-9]_[A-Za-z0-9_]*[A-Za-z0-9])\Z")
_ASSIGNED = re.compile(r"[ \t]*(?:[-+*/:]?=)")
_CONTEXT = 40
"""Characters before a bracket that are looked at."""

LONGEST_RANGE = 20
"""Sources that a citation like `[2-5]` may name; a longer one is taken for no range."""


def plain_citations(text: str) -> str:
    r"""Return the text with every citation in the one form that the check reads.

    >>> plain_citations("A [Source 3], 【4†a】, [ 5 ] and [Sources 6 and 7, p. 3] in [1999].")
    'A [3], [4], [5] and [6, 7] in [1999].'
    >>> plain_citations("A [#3], [4\n] and &#91;5&#x5D;")
    'A [3], [4] and [5]'
    >>> plain_citations("A [1，2]、[3、4；5].")
    'A [1,2]、[3,4;5].'
    """
    text = plain_entities(text)
    return _WRITTEN.sub(_plain, text)


def _plain(found: re.Match[str]) -> str:
    on_one_line = _BREAK.sub(" ", found[1]).translate(_PLAIN_MARKS)
    return f"[{_WORD.sub('', _AND.sub(',', on_one_line))}]"


def plain_entities(text: str) -> str:
    """Return the text with brackets that are written as entities of HTML as such."""
    return _ENTITY.sub(lambda found: "[" if found[1] else "]", text)


def change_citations(text: str, change: Callable[[str, list[str]], str]) -> str:
    """Return the text with its rows of citations changed.

    Args:
        text: with citations in the plain form.
        change: from the space before a row and the ids it names to what stands there.
    """

    def changed(found: re.Match[str]) -> str:
        return change(found[1], cited_ids(found[2])) if _is_citation(found) else found[0]

    return _ROW.sub(changed, text)


def without_repeats(text: str) -> str:
    """Return the text with `[1] [1]` as `[1]`."""
    return _REPEATED.sub(lambda f: f[2] if _is_citation(f) else f[0], text)


def cited_ids(row: str) -> list[str]:
    """Return the ids that a row of citations names, each once.

    >>> cited_ids("[1, 3-5][1]")
    ['1', '3', '4', '5']
    """
    ids: dict[str, None] = {}
    for part in filter(None, re.split(r"[,;\[\]^]+", row)):
        numbers = [int(number) for number in re.findall(r"\d+", part)]
        first, last = (numbers[0], numbers[-1]) if numbers else (1, 0)
        whole = len(numbers) == 2 and first <= last < first + LONGEST_RANGE
        named = range(first, last + 1) if whole else numbers
        ids.update(dict.fromkeys(map(str, named)))
    return list(ids)


def cited_in(text: str) -> set[str]:
    """Return the ids that a text cites.

    >>> sorted(cited_in("A [1, 2] in [0, 1], where x[3] = 5 and values in [4, 6]."))
    ['1', '2']
    """
    rows = filter(_is_citation, _ROW.finditer(text))
    return {one for found in rows for one in cited_ids(found[2])}


def hide_citations(text: str) -> str:
    """Return text from outside without what a writer could take for our citations.

    A page's own footnotes are numbered as ours are.

    >>> hide_citations("Lima [3] is large [4, 5].")
    'Lima (3) is large (4, 5).'
    """

    def hidden(found: re.Match[str]) -> str:
        row = found[2].replace("[", "(").replace("]", ")")
        return f"{found[1]}{row}" if _is_citation(found) else found[0]

    return _ROW.sub(hidden, plain_citations(text))


def _is_citation(found: re.Match[str]) -> bool:
    """Return whether a row of numbers in brackets cites: it is no interval and no index."""
    start = found.start(2)
    before = found.string[max(0, start - _CONTEXT) : start]
    rising = _RISING.fullmatch(found[2])
    if rising and int(rising[1]) < int(rising[2]) and _BEFORE_INTERVAL.search(before):
        return False
    is_stuck = before[-1:].isascii() and before[-1:].isalnum()
    return not (is_stuck and _is_index(before, found[2], found.string, found.end()))


def _is_index(before: str, row: str, text: str, end: int) -> bool:
    is_zero = int(re.findall(r"\d+", row)[0]) == 0
    return is_zero or bool(_INDEXED.search(before) or _ASSIGNED.match(text, end))
