"""One plain request to a model: retried where that may help, its tokens counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import DeepSearchError
from ..nodes.models.base import ContextOverflowError, Reasoner, Sampling
from ..nodes.models.resolve import model_name
from ..nodes.models.retry import is_retryable

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

ATTEMPTS = 3
"""Calls made for one request before the server counts as down."""

RETRY_SECONDS = 1.0
"""Pause before another try after the server failed; doubled each time."""

MAX_TOKENS = 10_000
"""Tokens of a reply, thinking included (data_tag_domain_keypoints.py:99)."""


class AskError(DeepSearchError):
    """The model cannot be reached, or refuses every request."""


class TooLongError(DeepSearchError):
    """This one request does not fit the model's context."""


@dataclass
class TokenCount:
    """What requests cost."""

    calls: int = 0
    prompt: int = 0
    written: int = 0


class Asker:
    """Asks a model for plain replies.

    Args:
        model: any chat model, or one of the graph's reasoners.
        max_tokens: tokens of a reply, thinking included.

    Attributes:
        name: what the model is called.
        used: calls and tokens so far.
    """

    def __init__(
        self, model: BaseChatModel | Reasoner, *, max_tokens: int = MAX_TOKENS
    ) -> None:
        self._model = model
        self._max_tokens = max_tokens
        self.used = TokenCount()
        self.name = model.name if isinstance(model, Reasoner) else model_name(model)

    async def ask(self, prompt: str, *, temperature: float = 0.0, seed: int = 0) -> str:
        """Return the reply.

        Args:
            prompt: the request, as one user message.
            temperature: 0 is greedy, so that a reply can be repeated.
            seed: of a sampled reply; chat models that are no reasoners ignore both.

        Raises:
            TooLongError: the prompt does not fit; other prompts may.
            AskError: the model failed, and went on failing where a retry could help.
        """
        for attempt in range(ATTEMPTS):
            try:
                return await self._reply(prompt, temperature, seed)
            except ContextOverflowError as error:
                msg = f"the prompt does not fit the model: {_line(error)}"
                raise TooLongError(msg) from error
            except Exception as error:
                # Chat models share no error class; what cannot pass is raised, one line.
                if not is_retryable(error) or attempt + 1 == ATTEMPTS:
                    msg = f"the model failed: {_line(error)}; check its server and key"
                    raise AskError(msg) from error
            await asyncio.sleep(RETRY_SECONDS * 2**attempt)
        msg = "no attempt was made"
        raise AskError(msg)

    async def _reply(self, prompt: str, temperature: float, seed: int) -> str:
        messages: list[Any] = [{"role": "user", "content": prompt}]
        self.used.calls += 1
        if isinstance(self._model, Reasoner):
            sampling = Sampling(
                temperature=temperature,
                top_k=40 if temperature else -1,
                max_tokens=self._max_tokens,
                seed=seed if temperature else None,
            )
            generation = await self._model.acomplete(messages, sampling)
            self.used.prompt += generation.prompt_tokens
            self.used.written += generation.completion_tokens
            return generation.text
        message = await self._model.ainvoke(messages)
        usage = message.usage_metadata or {}
        self.used.prompt += usage.get("input_tokens", 0)
        self.used.written += usage.get("output_tokens", 0)
        return str(message.text)


def fill(template: str, **parts: str) -> str:
    """Return a prompt with its `{{name}}` places filled, in one pass.

    One pass, so that a page which says `{{question}}` is not filled in itself.

    >>> fill("Q: {{question}}", question="What is {{question}}?")
    'Q: What is {{question}}?'
    """
    pieces: Sequence[str] = template.split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        filled.append(parts[name] + rest)
    return "".join(filled)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
