"""Questions: the files that rollouts and evaluations start from.

One JSON object a line, `{id, question, answer, …}`; the other spellings of public sets
are read too: SimpleDeepSearcher's JSON array with `Question` and a string or list
`answer`, `golden_answers`, `answers`, `aliases`; and O2-Searcher's open-ended questions,
one JSON object of question to key findings (o2searcher/data/openended/*_gt.json).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from .errors import DeepSearchError
from .surrogates import load_json

QUESTION_KEYS = ("question", "Question", "query", "problem")
ANSWER_KEYS = ("answer", "answers", "golden_answers", "golds", "Answer", "ground_truth")
ID_KEYS = ("id", "_id", "qid", "question_id")
ANSWER_SEPARATOR = "<|answer_split|>"
"""How DeepResearcher's sets join several gold answers in one string."""

KIND_KEY = "kind"
"""Metadata that says what kind of question one is."""

OPEN_ENDED = "open_ended"
"""The kind of a question without one answer: its gold answers are key findings, of which
as many as possible are wanted; any other question is closed."""


class QuestionFileError(DeepSearchError):
    """A question file is absent, or a line of it is no question."""


@dataclass(frozen=True)
class Question:
    """One question with its gold answers and whatever else its source says."""

    id: str
    question: str
    golds: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_open_ended(self) -> bool:
        """Whether the gold answers are findings, not each an answer of its own."""
        return is_open_ended(self.metadata)

    def to_json(self) -> dict[str, Any]:
        """Return the record as a question file holds it."""
        return {
            "id": self.id,
            "question": self.question,
            "answer": list(self.golds),
            **self.metadata,
        }


def read_questions(path: str | os.PathLike[str]) -> list[Question]:
    """Read a question file, JSON Lines or a JSON array.

    Args:
        path: the file.

    Raises:
        QuestionFileError: absent, empty, a malformed line, or two questions with one
            id; the message names the line.
    """
    source = Path(path)
    if not source.is_file():
        msg = f"no question file at {source}: check the path"
        raise QuestionFileError(msg)
    questions = [
        _to_question(record, f"{source}:{number}") for number, record in _records(source)
    ]
    if not questions:
        msg = f"{source} holds no questions: each line must be {{id, question, answer}}"
        raise QuestionFileError(msg)
    _refuse_duplicates(questions, source)
    return questions


def read_question_files(paths: Sequence[str | os.PathLike[str]]) -> list[Question]:
    """Read several question files as one, in order.

    Raises:
        QuestionFileError: as `read_questions`, or two files share an id.
    """
    questions = [question for path in paths for question in read_questions(path)]
    _refuse_duplicates(questions, " and ".join(str(path) for path in paths))
    return questions


def write_questions(path: str | os.PathLike[str], questions: Iterable[Question]) -> None:
    """Write questions as JSON Lines."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(q.to_json(), ensure_ascii=False) + "\n" for q in questions)
    target.write_text("".join(lines), encoding="utf-8")


def is_open_ended(metadata: Mapping[str, Any]) -> bool:
    """Return whether a question's metadata, as a trace keeps it, names it open-ended.

    >>> is_open_ended({"kind": "open_ended"}), is_open_ended({"kind": "yes_no"})
    (True, False)
    """
    return metadata.get(KIND_KEY) == OPEN_ENDED


def question_id(text: str) -> str:
    """Return the id of a question whose source gives none: the same for the same text."""
    return sha256(text.strip().encode()).hexdigest()[:16]


def questions_digest(questions: Iterable[Question]) -> str:
    """Return a digest of questions' ids, texts and gold answers, in order.

    >>> questions_digest([Question("7", "Who?")])
    '9ace1b306e82a6ae'
    """
    known = [[one.id, one.question, one.golds] for one in questions]
    return sha256(json.dumps(known).encode()).hexdigest()[:16]


def _records(source: Path) -> list[tuple[int, Any]]:
    try:
        text = source.read_text(encoding="utf-8-sig")  # a byte order mark is no JSON
    except UnicodeDecodeError as error:
        msg = f"{source}: not UTF-8 text ({error}); save it as UTF-8"
        raise QuestionFileError(msg) from error
    open_ended = _findings_map(text, source)
    if open_ended:
        return list(enumerate(open_ended, 1))
    if text.lstrip().startswith("["):
        try:
            return list(enumerate(load_json(text), 1))
        except json.JSONDecodeError as error:
            msg = f"{source}: not valid JSON ({error}); mend the file"
            raise QuestionFileError(msg) from error
    records = []
    # Not `splitlines`: JSON may hold U+2028, U+0085 and their like as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            records.append((number, load_json(line)))
        except json.JSONDecodeError as error:
            msg = f"{source}:{number}: not valid JSON ({error.msg}); mend that line"
            raise QuestionFileError(msg) from error
    return records


def _findings_map(text: str, source: Path) -> list[dict[str, Any]]:
    """Return the questions of one JSON object of question to key findings, else none."""
    if not text.lstrip().startswith("{"):
        return []
    try:
        found = load_json(text)
    except json.JSONDecodeError:
        return []  # JSON Lines, or broken: read line by line
    if not all(isinstance(points, list) for points in found.values()):
        return []
    for question, points in found.items():
        if not points or not all(isinstance(one, str) and one.strip() for one in points):
            msg = f"{source}: {question!r} has no list of findings; each must be a text"
            raise QuestionFileError(msg)
    return [
        {"question": question, "answer": points, KIND_KEY: OPEN_ENDED}
        for question, points in found.items()
    ]


def _to_question(record: Any, where: str) -> Question:
    if not isinstance(record, dict):
        msg = f"{where}: a question must be a JSON object with `question` and `answer`"
        raise QuestionFileError(msg)
    text = _first(record, QUESTION_KEYS)
    if not isinstance(text, str) or not text.strip():
        msg = f"{where}: no question text; expected one of {', '.join(QUESTION_KEYS)}"
        raise QuestionFileError(msg)
    identifier = _first(record, ID_KEYS)
    if identifier is None:
        identifier = question_id(text)
    return Question(
        id=str(identifier),
        question=text.strip(),
        golds=_golds(record),
        metadata=_metadata(record),
    )


def _metadata(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that became no part of the question."""
    spellings = (QUESTION_KEYS, ANSWER_KEYS, ID_KEYS)
    used = {"aliases", *(_key(record, keys) for keys in spellings)}
    empty = {key for keys in spellings for key in keys if record.get(key) is None}
    return {key: value for key, value in record.items() if key not in used | empty}


def _golds(record: Mapping[str, Any]) -> tuple[str, ...]:
    answers = _as_list(_first(record, ANSWER_KEYS))
    aliases = _as_list(record.get("aliases"))
    texts = [str(answer).strip() for answer in (*answers, *aliases)]
    return tuple(dict.fromkeys(text for text in texts if text))


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, str):
        return value.split(ANSWER_SEPARATOR)
    if isinstance(value, dict):
        return _as_list(value.get("target", value.get("aliases")))
    if isinstance(value, list | tuple):
        return list(value)
    return [value]


def _first(record: Mapping[str, Any], keys: Iterable[str]) -> Any:
    key = _key(record, keys)
    return None if key is None else record[key]


def _key(record: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    """Return the first of several keys that has a value."""
    return next((key for key in keys if record.get(key) is not None), None)


def _refuse_duplicates(questions: list[Question], source: Path | str) -> None:
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            msg = f"{source}: two questions have the id {question.id!r}; make ids unique"
            raise QuestionFileError(msg)
        seen.add(question.id)
