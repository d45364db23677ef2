"""What a chat model object takes of a run's sampling.

Each provider's class has fields of its own, so a setting goes where the class has a field of
that name and the user's object does not set it. What the provider then refuses is left out.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

from langchain_core.language_models import BaseChatModel

from .base import ModelError, Sampling

SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "sampling_top_k",
    "max_tokens": "max_turn_tokens",
    "seed": "seed",
    "repetition_penalty": "repetition_penalty",
}
"""Fields of `Sampling` to the run's settings they come from. Where a provider takes only one
of two (Anthropic: temperature or top_p), the first is kept."""

ASKED = ("temperature", "top_p", "top_k", "seed", "repetition_penalty")
"""Settings that a user asked for where they are not the defaults; the tokens of a turn
change with every turn."""

DEFAULT = Sampling()

_MAX_TOKENS = r"\bmax_(?:completion_|output_)?tokens\b|in the completion|output tokens"
"""Providers' words for the tokens of a reply; a reply that has no room in the context beside
the prompt is refused as an overflow."""


class ObjectSettings:
    """The settings of one chat model object; remembers what its provider has refused."""

    def __init__(self, model: BaseChatModel) -> None:
        self._model = model
        self._fields = _fields(model)
        self._own = {
            name: value
            for name, field in self._fields.items()
            if field in model.model_fields_set
            and (value := getattr(model, field)) is not None
        }
        self._told: set[str] = set()
        """Settings that were warned of."""

    @property
    def overridden(self) -> dict[str, Any]:
        """The run's settings that do not count: to the object's own, None: the provider's."""
        return {
            setting: self._own.get(name)
            for name, setting in SETTINGS.items()
            if name in self._own or name not in self._fields
        }

    def apply(self, sampling: Sampling) -> BaseChatModel:
        """Return the model with the sampling that it takes; warn of what was asked for."""
        for name in ASKED:
            is_asked = getattr(sampling, name) != getattr(DEFAULT, name)
            if is_asked and name not in self._fields:
                self._warn(name)
        values = {
            field: getattr(sampling, name)
            for name, field in self._fields.items()
            if name not in self._own and getattr(sampling, name) is not None
        }
        return self._model.model_copy(update=values) if values else self._model

    def leave_out(self, error: ModelError) -> bool:
        """Return whether a setting can be left out that an error is about, and do so."""
        if error.retryable:
            return False
        open_ = [name for name in self._fields if name not in self._own]
        for name in sorted(open_, key=list(SETTINGS).index, reverse=True):
            if re.search(
                _MAX_TOKENS if name == "max_tokens" else rf"\b{name}\b", str(error)
            ):
                del self._fields[name]
                self._warn(name)
                return True
        return False

    def _warn(self, name: str) -> None:
        if name in self._told:
            return
        self._told.add(name)
        msg = (
            f"{type(self._model).__name__} does not take {name}: the run's own does not "
            "count, and its trace says so"
        )
        warnings.warn(msg, stacklevel=2)


def _fields(model: BaseChatModel) -> dict[str, str]:
    """Return settings to the field of the model's class that takes each."""
    found: dict[str, str] = {}
    for field, about in type(model).model_fields.items():
        for name in (field, about.alias):
            if name in SETTINGS:
                found.setdefault(name, field)
    return found
