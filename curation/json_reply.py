"""A JSON object out of what a model replied, however it wrapped or broke it.

Models fence their JSON, introduce it, think before it, stop in the middle of it or write
it as Python. SimpleDeepSearcher's own reader (`extract_domain_keypoints.py:30-47`) drops
such replies without a word; here each is read, and the reader says what it had to do.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ..nodes.condensers.asking import without_thought
from ..surrogates import whole_characters

Form = Literal["plain", "fenced", "embedded", "repaired", "truncated", "unreadable"]
"""plain: nothing but the object. fenced: in a code fence. embedded: with text around it.
repaired: trailing commas or Python's quotes. truncated: broken off, and closed here."""

LONGEST_REPLY = 20_000
"""Characters of a reply that are looked at; an object of a few fields is shorter."""

CUTS = 24
"""Places at which a broken object is tried to be cut before it is given up."""

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
    r"""Return the last object of a reply that has one of the keys.

    The last, as a reply may repeat the request's example before it gives its own.

    Args:
        text: the reply; its thoughts are left out, and all of it where they never end.
            Halves of characters in it are replaced (`surrogates.py`).
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
    said = without_thoughts(text)[:LONGEST_REPLY]
    for form, found in _readings(said):
        matching = [data for data in map(_plain_keys, found) if _has_any(data, keys)]
        if matching:
            return JsonReply(whole_characters(matching[-1]), form)
    return JsonReply({}, "unreadable")


def without_thoughts(text: str) -> str:
    """Return a reply without its thoughts, and without those that never end.

    >>> without_thoughts("<think>hm</think> Lima"), without_thoughts("Lima <think>or")
    ('Lima', 'Lima')
    """
    return without_thought(text).partition("<think>")[0].strip()


def _has_any(data: dict[str, Any], keys: Collection[str]) -> bool:
    return bool(data) and (not keys or any(key in data for key in keys))


def _plain_keys(found: dict[Any, Any]) -> dict[str, Any]:
    return {_plain_key(key): value for key, value in found.items()}


def _plain_key(key: object) -> str:
    return _KEY_SIGNS.sub("_", str(key).strip().lower()).strip("_")


def _readings(said: str) -> Iterator[tuple[Form, list[dict[Any, Any]]]]:
    """Yield the objects that the reply may mean, what stands last in it first."""
    yield "plain", _objects(_loads(said))
    end = len(said)
    for fence in reversed(_fences(said)):
        inside = fence[1].strip()
        yield from _in_part(said[fence.end() : end])
        yield "fenced", _objects(_loads(inside))
        yield from _in_part(inside)
        end = fence.start()
    yield from _in_part(said[:end])


def _fences(said: str) -> list[re.Match[str]]:
    """Return the code fences, save those in the strings of an object."""
    spans = [(start, end) for start, end, _ in _embedded(said)]
    return [
        fence
        for fence in _FENCE.finditer(said)
        if not any(start < fence.start() < end for start, end in spans)
    ]


def _in_part(text: str) -> Iterator[tuple[Form, list[dict[Any, Any]]]]:
    """Yield the objects of a part of a reply; what follows its last whole one first."""
    whole = list(_embedded(text))
    if whole:
        yield from _broken(text[whole[-1][1] :])
    yield "embedded", [one for _, _, found in whole for one in _objects(found)]
    yield from _broken(text)


def _broken(text: str) -> Iterator[tuple[Form, list[dict[Any, Any]]]]:
    yield "repaired", _mended(text)
    yield "truncated", _closed(text)


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _objects(value: Any) -> list[dict[Any, Any]]:
    """Return the value if it is an object, or those of a list of them."""
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, dict)]


def _embedded(text: str) -> Iterator[tuple[int, int, Any]]:
    """Yield the JSON objects of a text, with where each begins and ends."""
    decoder, start = json.JSONDecoder(), text.find("{")
    while start >= 0:
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            yield start, end, found
        start = text.find("{", end)


def _mended(text: str) -> list[dict[Any, Any]]:
    """Return the objects that are JSON but for trailing commas, or Python."""
    found: list[dict[Any, Any]] = []
    start = end = text.rfind("}")
    for _ in range(CUTS):
        start = text.rfind("{", 0, max(0, start))
        if start < 0:
            break
        objects = _objects(_lenient(text[start : end + 1]))
        if objects:
            found = objects + found
            start = end = text.rfind("}", 0, start)
    return found


def _lenient(body: str) -> Any:
    body = _TRAILING_COMMA.sub(r"\1", body)
    value = _loads(body)
    if value is not None:
        return value
    try:
        return ast.literal_eval(body)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def _closed(text: str) -> list[dict[Any, Any]]:
    """Return an object that broke off, closed; what was half said is cut off."""
    body = text[text.find("{") :] if "{" in text else ""
    for _ in range(CUTS):
        found = _loads(body + _closing(body))
        if isinstance(found, dict):
            return [found]
        cut = body.rfind(",")
        if cut < 0:
            break
        body = body[:cut]
    return []


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
