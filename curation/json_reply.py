"""A JSON object out of what a model replied, however it wrapped or broke it.

Models fence their JSON, introduce it, think before it, stop in the middle of it or write
it as Python. SimpleDeepSearcher's own reader (`extract_domain_keypoints.py:30-47`) drops
such replies without a word; here each is read, and the reader says what it had to do.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ..surrogates import whole_characters

Form = Literal["plain", "fenced", "embedded", "repaired", "truncated", "unreadable"]
"""plain: nothing but the object. fenced: in a code fence. embedded: with text around it.
repaired: trailing commas or Python's quotes. truncated: broken off, and closed here."""

Reading = Callable[[str], Iterator[dict[Any, Any]]]
"""A way to find objects in a text."""

LONGEST_REPLY = 20_000
"""Characters of a reply that are looked at; an object of a few fields is shorter."""

CUTS = 24
"""Commas at which a broken-off object is tried to be cut before it is given up."""

_FENCE = re.compile(r"```[a-zA-Z]*\s*\n?(.*?)(?:```|\Z)", re.DOTALL)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_KEY_SIGNS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class JsonReply:
    """The object of a reply, and how it was found."""

    data: dict[str, Any]
    """Keys in lower case, other signs than letters and digits turned to `_`; empty when
    there is no object."""
    form: Form


def read_json_reply(text: str, keys: Collection[str] = ()) -> JsonReply:
    r"""Return the first object of a reply that has one of the keys.

    Args:
        text: the reply; what stands before a closing `</think>` is left out. Halves of
            characters in it are replaced (`surrogates.py`).
        keys: names of which the object must have one; none: any object will do.

    >>> read_json_reply('<think>{}</think>\n```json\n{"Key points": ["age"]}\n```')
    JsonReply(data={'key_points': ['age']}, form='fenced')
    >>> read_json_reply("Output: {'domain': 'film',}").form
    'repaired'
    >>> read_json_reply('{"domain": "film", "key_points": ["dir')
    JsonReply(data={'domain': 'film', 'key_points': ['dir']}, form='truncated')
    >>> read_json_reply("film, director").form
    'unreadable'
    """
    said = text.rpartition("</think>")[2].strip()[:LONGEST_REPLY]
    for form, found in _readings(said):
        data = {_plain_key(key): value for key, value in found.items()}
        if data and (not keys or any(key in data for key in keys)):
            return JsonReply(whole_characters(data), form)
    return JsonReply({}, "unreadable")


def _plain_key(key: object) -> str:
    return _KEY_SIGNS.sub("_", str(key).strip().lower()).strip("_")


def _readings(said: str) -> Iterator[tuple[Form, dict[Any, Any]]]:
    """Yield the objects that the reply may mean, the least mended first."""
    fenced = [match[1].strip() for match in _FENCE.finditer(said)]
    tried: list[tuple[Form, Reading, list[str]]] = [
        ("plain", _whole, [said]),
        ("fenced", _whole, fenced),
        ("embedded", _embedded, [*fenced, said]),
        ("repaired", _mended, [*fenced, said]),
        ("truncated", _closed, [*fenced, said]),
    ]
    for form, read, parts in tried:
        for part in parts:
            for found in read(part):
                yield form, found


def _whole(text: str) -> Iterator[dict[Any, Any]]:
    yield from _objects(_loads(text))


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _objects(value: Any) -> list[dict[Any, Any]]:
    """Return the value if it is an object, or those of a list of them."""
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, dict)]


def _embedded(text: str) -> Iterator[dict[Any, Any]]:
    decoder, start = json.JSONDecoder(), text.find("{")
    while start >= 0:
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            yield from _objects(found)
        start = text.find("{", end)


def _mended(text: str) -> Iterator[dict[Any, Any]]:
    start, end = text.find("{"), text.rfind("}")
    if not 0 <= start < end:
        return
    body = _TRAILING_COMMA.sub(r"\1", text[start : end + 1])
    yield from _objects(_loads(body))
    try:
        yield from _objects(ast.literal_eval(body))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return


def _closed(text: str) -> Iterator[dict[Any, Any]]:
    """Yield an object that broke off, closed; what was half said is cut off."""
    start = text.find("{")
    if start < 0:
        return
    body = text[start:]
    for _ in range(CUTS):
        found = _loads(body + _closing(body))
        if isinstance(found, dict):
            yield found
            return
        cut = body.rfind(",")
        if cut < 0:
            return
        body = body[:cut]


def _closing(body: str) -> str:
    """Return the quotes and brackets that are still open."""
    open_brackets: list[str] = []
    in_string = escaped = False
    for sign in body:
        if in_string:
            in_string = escaped or sign != '"'
            escaped = sign == "\\" and not escaped
        elif sign == '"':
            in_string = True
        elif sign in "{[":
            open_brackets.append("}" if sign == "{" else "]")
        elif sign in "}]" and open_brackets:
            open_brackets.pop()
    return ('"' if in_string else "") + "".join(reversed(open_brackets))
