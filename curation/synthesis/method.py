"""What every way to make questions has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any, Generic, TypeVar

from ..asking import Asker, TooLongError
from ..json_reply import read_json_reply
from .pages import SourcePage

Item = TypeVar("Item")

ATTEMPTS = 2
"""Tries for one question; the first reply is greedy, the second sampled."""

RETRY_TEMPERATURE = 0.6


class RejectedError(Exception):
    """A draft failed a check; the message is the reason that is counted."""


@dataclass(frozen=True)
class Draft:
    """A question that passed its checks."""

    question: str
    answer: str
    pages: Sequence[SourcePage]
    """Where it comes from, in the order in which they are needed."""
    details: Mapping[str, Any] = field(default_factory=dict)
    aliases: Sequence[str] = ()
    """Other answers that are right too."""

    def record(self, method: str) -> dict[str, Any]:
        """Return it as a question file holds it, with where it comes from."""
        digest = sha256(f"{self.question}\n{self.answer}".encode()).hexdigest()[:16]
        return {
            "id": f"{method}-{digest}",
            "question": self.question,
            "answer": [self.answer, *self.aliases],
            "source": method,
            "supporting_ids": [page.id for page in self.pages],
            "supporting_titles": [page.title for page in self.pages],
            **self.details,
        }


class Method(ABC, Generic[Item]):
    """A way to make questions: what it starts from, and what it does with it.

    Args:
        asker: the model that writes.
    """

    name: str

    def __init__(self, asker: Asker) -> None:
        self.asker = asker

    @staticmethod
    @abstractmethod
    def key(item: Any) -> str:
        """Return the item's name in the log."""

    @abstractmethod
    async def draft(self, item: Item, attempt: int, rng: Random) -> Draft:
        """Write one question and check it.

        Raises:
            RejectedError: it fails a check.
            AskError: the model failed.
        """

    def settings(self) -> Mapping[str, Any]:
        """Return what a resumed run must not change."""
        return {}

    async def make(self, item: Item, seed: int) -> tuple[Draft | None, list[str]]:
        """Return a question that passed, and why the tries before it did not."""
        reasons: list[str] = []
        for attempt in range(ATTEMPTS):
            rng = Random(f"{seed} {self.key(item)} {attempt}")
            try:
                return await self.draft(item, attempt, rng), reasons
            except RejectedError as error:
                reasons.append(str(error))
            except TooLongError:
                return None, [*reasons, "pages too long for the model"]
        return None, reasons

    async def reply(self, prompt: str, keys: Sequence[str], attempt: int) -> dict[str, Any]:
        """Ask the writer for a JSON object.

        Raises:
            RejectedError: the reply has none of the keys.
        """
        heat = RETRY_TEMPERATURE if attempt else 0.0
        text = await self.asker.ask(prompt, temperature=heat, seed=attempt)
        found = read_json_reply(text, keys)
        if found.form == "unreadable":
            raise RejectedError(found.form)
        return found.data


def reject(reason: str | None) -> None:
    """Raise if a check gave a reason."""
    if reason:
        raise RejectedError(reason)


def said(data: Mapping[str, Any], key: str) -> str:
    """Return a reply's text under a key on one line, empty for any other type.

    A list of one and a number stand for their text.
    """
    value = data.get(key)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return " ".join(value.split()) if isinstance(value, str) else ""
