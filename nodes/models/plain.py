"""Prompts as plain text, for models that were trained without a chat template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .local_template import LocalTemplate


def plain_text(messages: Sequence[Mapping[str, str]]) -> str:
    """Return the contents joined; a dialect without template writes one message."""
    return "".join(message["content"] for message in messages)


class PlainTemplate:
    """Stands where a chat template is asked for; counts tokens by the model's own."""

    def __init__(self, template: LocalTemplate | None) -> None:
        self._template = template
        self.context_limit = template.context_limit if template else None

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the prompt's text; the server adds its beginning token itself."""
        return plain_text(messages)

    def room(self, prompt: str) -> int | None:
        """Return how many tokens fit after the prompt, None when that is not known."""
        return self._template.room(prompt) if self._template else None
