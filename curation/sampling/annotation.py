"""A model's word on what a question is about: its domain and key points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import DeepSearchError
from ...tools.stemming import terms
from ..asking import fill
from ..json_reply import read_json_reply
from ..json_schema import label, labels, object_of
from .labels import as_key_points, plain_label

DOMAINS = (
    "film",
    "television",
    "music",
    "literature",
    "art",
    "sports",
    "games",
    "history",
    "politics",
    "law",
    "business",
    "technology",
    "science",
    "medicine",
    "geography",
    "religion",
    "people",
    "other",
)
"""The closed list, our own; SimpleDeepSearcher leaves the domain open, with examples
(data_tag_domain_keypoints.py:12-38), and then has as many as its model has words."""

OTHER = "other"

MIN_KEY_POINTS, MAX_KEY_POINTS = 2, 4
"""Key points asked for, as the reference does; fewer are marked, no more are kept."""

DOMAIN_KEYS = ("domain", "category", "topic")
KEY_POINT_KEYS = ("key_points", "keypoints", "keywords", "key_point")

PROMPT = """Say what a question is about. Do not answer it.

1. The domain: the field of knowledge that it belongs to. {{domains}}
2. Two to four key points: what makes up its meaning. Kinds of things (film, person, place), \
properties (age, length, population), relations (comparison, cause) and what is measured (time, \
number). One or two words each, in lower case; no names, no filler words.

Question: Which river is longer, the Elbe or the Oder?
{"domain": "geography", "key_points": ["river", "length", "comparison"]}

Question: {{question}}
Reply with one JSON object of that form and nothing else."""
"""Our own words; what is asked for is the paper's."""

ANY_DOMAIN = (
    "Name it in one or two words, such as film, history, biology, geography, politics or "
    "technology."
)


@dataclass(frozen=True)
class Annotation:
    """What a reply says, and what was odd about it."""

    domain: str
    """Empty when the reply names none."""
    key_points: tuple[str, ...]
    marks: tuple[str, ...] = ()
    """How the reply had to be read; empty for one that is as it should be."""

    @property
    def is_whole(self) -> bool:
        """Whether both are there."""
        return bool(self.domain and self.key_points)


def parse_domains(text: str) -> tuple[str, ...]:
    """Read `closed` (`DOMAINS`), `open` (none) or a comma-separated list.

    A list of one's own gets `other`, as some question always fits nothing.

    Raises:
        DeepSearchError: an empty list.

    >>> parse_domains("open"), parse_domains("Film, law")
    ((), ('film', 'law', 'other'))
    """
    if text in ("open", "closed"):
        return DOMAINS if text == "closed" else ()
    listed = dict.fromkeys(filter(None, map(plain_label, text.split(","))))
    if not listed:
        msg = "--domains takes closed, open, or a list such as film,music,history"
        raise DeepSearchError(msg)
    return tuple(dict.fromkeys((*listed, OTHER)))


def annotation_prompt(question: str, domains: Sequence[str] = ()) -> str:
    """Return the request for one question.

    Args:
        question: its text.
        domains: the closed list; none: any domain.
    """
    choice = f"Exactly one of: {', '.join(domains)}." if domains else ANY_DOMAIN
    return fill(PROMPT, domains=choice, question=" ".join(question.split()))


def annotation_schema(domains: Sequence[str] = ()) -> dict[str, Any]:
    """Return the JSON schema of a reply, for servers that can hold a model to it."""
    points = labels(MIN_KEY_POINTS, MAX_KEY_POINTS)
    return object_of(domain=label(domains), key_points=points)


def read_annotation(reply: str, domains: Sequence[str] = ()) -> Annotation:
    """Read a reply, as far as it can be.

    Marks name the reply's form unless it is plain (`fenced`, `embedded`, `repaired`,
    `truncated`, `unreadable`) and what was wrong inside: `domain_missing`,
    `domain_wrong_type`, `domain_off_list`, `key_points_missing`, `key_points_wrong_type`,
    `key_points_few`, `key_points_cut`.

    >>> read_annotation('{"domain": "Film", "key_points": "director, age"}')
    Annotation(domain='film', key_points=('director', 'age'), marks=('key_points_wrong_type',))
    """
    found = read_json_reply(reply, (*DOMAIN_KEYS, *KEY_POINT_KEYS))
    if found.form == "unreadable":
        return Annotation("", (), ("unreadable",))
    form = () if found.form == "plain" else (found.form,)
    domain, domain_marks = _domain(_first(found.data, DOMAIN_KEYS), domains)
    points, point_marks = _key_points(_first(found.data, KEY_POINT_KEYS))
    return Annotation(domain, points, (*form, *domain_marks, *point_marks))


def _first(data: dict[str, Any], keys: Sequence[str]) -> Any:
    return next((data[key] for key in keys if data.get(key) is not None), None)


def _domain(value: Any, domains: Sequence[str]) -> tuple[str, list[str]]:
    marks = [] if value is None or isinstance(value, str) else ["domain_wrong_type"]
    label = plain_label(value)
    if not label:
        return "", [*marks, "domain_missing"]
    if not domains or label in domains:
        return label, marks
    meant = match_domain(label, domains)
    if meant:
        return meant, marks
    return OTHER if OTHER in domains else "", [*marks, "domain_off_list"]


def match_domain(label: str, domains: Sequence[str]) -> str:
    """Return the domain of a closed list that a label means, empty unless it is one alone.

    >>> match_domain("films & tv", ("film", "law")), match_domain("film law", ("film", "law"))
    ('film', '')
    """
    spoken = set(terms(label))
    meant = [domain for domain in domains if set(terms(domain)) <= spoken]
    return meant[0] if len(meant) == 1 else ""


def _key_points(value: Any) -> tuple[tuple[str, ...], list[str]]:
    points = as_key_points(value)
    if not points:
        is_odd = value not in (None, [], "", {})
        return (), ["key_points_wrong_type"] * is_odd + ["key_points_missing"]
    is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
    marks = [] if is_list else ["key_points_wrong_type"]
    marks += ["key_points_few"] * (len(points) < MIN_KEY_POINTS)
    marks += ["key_points_cut"] * (len(points) > MAX_KEY_POINTS)
    return tuple(points[:MAX_KEY_POINTS]), marks
