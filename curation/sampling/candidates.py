"""The questions that sampling chooses from, read in a stream.

A candidate keeps what the choice needs, about 400 bytes; the whole record stays in its
file and is read again for the chosen ones, so that every field of it comes along.
"""

from __future__ import annotations

import os
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from sys import intern
from typing import Any

from ...errors import DeepSearchError
from ...questions import QUESTION_KEYS
from ...surrogates import load_json
from .interrogatives import count_interrogatives
from .labels import as_key_points, plain_label

SOURCE_KEYS = ("source", "data_source", "dataset")
"""Fields that name a question's data set, in order of preference."""


class SamplingError(DeepSearchError):
    """Questions cannot be sampled from these files in this way."""


@dataclass(frozen=True, slots=True)
class QuestionFile:
    """A file of annotated questions; questions that name no source get the file's name."""

    name: str
    path: Path


@dataclass(slots=True)
class Candidate:
    """One question, as far as the choice needs it."""

    file: int
    record: int
    """Its place among the records of its file."""
    text: str
    source: str
    domain: str
    key_points: tuple[str, ...]
    interrogatives: int


@dataclass
class Pool:
    """All candidates, in the order of their files, and what was left out on reading."""

    candidates: list[Candidate] = field(default_factory=list)
    read: int = 0
    unannotated: int = 0
    """Questions without a domain or without key points."""
    inputs: list[dict[str, Any]] = field(default_factory=list)
    """`path`, `sha256` and `bytes` of every file."""
    read_by_source: Counter[str] = field(default_factory=Counter)


def parse_file(text: str) -> QuestionFile:
    """Read `NAME=PATH`, or a path alone, whose stem is then the name.

    >>> parse_file("nq=data/train.jsonl").name, parse_file("data/hotpotqa.jsonl").name
    ('nq', 'hotpotqa')
    """
    name, separator, path = text.partition("=")
    if separator and not Path(text).exists():
        return QuestionFile(name.strip(), Path(path.strip()))
    return QuestionFile(Path(text).stem, Path(text))


def read_pool(
    files: Sequence[QuestionFile], *, needs: Collection[str] = ("domain", "keywords")
) -> Pool:
    """Read the candidates of all files.

    Args:
        files: JSON Lines, or SimpleDeepSearcher's JSON arrays, of questions with `domain`
            and `key_points`.
        needs: what a candidate cannot do without: `domain`, `keywords` or neither.

    Raises:
        SamplingError: a file is absent or empty, or a line of it is no question.
    """
    pool = Pool()
    for number, file in enumerate(files):
        pool.inputs.append({"name": file.name, **describe(file.path)})
        before = pool.read
        for place, (where, record) in enumerate(_parsed(file.path)):
            candidate = _candidate(number, place, file.name, record, where)
            pool.read += 1
            pool.read_by_source[candidate.source] += 1
            if ("domain" in needs and not candidate.domain) or (
                "keywords" in needs and not candidate.key_points
            ):
                pool.unannotated += 1
            else:
                pool.candidates.append(candidate)
        if pool.read == before:
            raise _no_questions(file.path)
    return pool


def read_texts(path: Path) -> list[str]:
    """Return the questions of a file that need not be annotated.

    Raises:
        SamplingError: no such file, something else than questions in it, or none.
    """
    if not path.is_file():
        msg = f"no question file at {path}: check the path"
        raise SamplingError(msg)
    texts = [_text(record, where) for where, record in _parsed(path)]
    if not texts:
        raise _no_questions(path)
    return texts


def _no_questions(path: Path) -> SamplingError:
    msg = f"{path} holds no questions: each line must be {{id, question, answer}}"
    return SamplingError(msg)


def read_records(path: Path, wanted: Collection[int]) -> Iterator[dict[str, Any]]:
    """Yield the whole records at the places wanted, in the file's order."""
    for place, record in enumerate(_raw_records(path)):
        if place in wanted:
            yield load_json(record) if isinstance(record, bytes) else record


def describe(path: Path) -> dict[str, Any]:
    """Return `path`, `sha256` and `bytes` of a file.

    Raises:
        SamplingError: there is no such file.
    """
    if not path.is_file():
        msg = f"no question file at {path}: check the path"
        raise SamplingError(msg)
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return {
        "path": os.fspath(path),
        "sha256": digest.hexdigest(),
        "bytes": path.stat().st_size,
    }


def _raw_records(path: Path) -> Iterator[Any]:
    """Yield the lines of a file that are not blank, as bytes, or an array's elements."""
    with path.open("rb") as file:
        start = file.read(64)
        if start.removeprefix(BOM_UTF8).lstrip().startswith(b"["):
            try:
                yield from load_json(start + file.read())
            except ValueError as error:
                msg = f"{path}: not valid JSON ({error}); mend the file"
                raise SamplingError(msg) from error
            return
        file.seek(0)
        for line in file:
            if not line.isspace():
                yield line


def _parsed(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, raw in enumerate(_raw_records(path), 1):
        where = f"{path}: record {number}"
        try:
            record = load_json(raw) if isinstance(raw, bytes) else raw
        except ValueError as error:
            msg = f"{where}: not valid JSON ({error}); mend that line"
            raise SamplingError(msg) from error
        if not isinstance(record, dict):
            msg = f"{where}: a question must be a JSON object"
            raise SamplingError(msg)
        yield where, record


def _text(record: Mapping[str, Any], where: str) -> str:
    text = next((record[key] for key in QUESTION_KEYS if record.get(key)), None)
    if not isinstance(text, str) or not text.strip():
        msg = f"{where}: no question text; expected one of {', '.join(QUESTION_KEYS)}"
        raise SamplingError(msg)
    return text.strip()


def _candidate(
    file: int, place: int, name: str, record: Mapping[str, Any], where: str
) -> Candidate:
    text = _text(record, where)
    source = next((record[key] for key in SOURCE_KEYS if record.get(key)), name)
    points = as_key_points(record.get("key_points", record.get("keypoints")))
    return Candidate(
        file=file,
        record=place,
        text=text,
        source=intern(str(source)),
        domain=intern(plain_label(record.get("domain"))),
        key_points=tuple(map(intern, points)),
        interrogatives=count_interrogatives(text),
    )
