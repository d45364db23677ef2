"""One request to a model: retried where that may help, its tokens counted.

Where the server can hold a reply to a JSON schema (vLLM), it is asked to; where it refuses
the schema, the request goes out again without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import DeepSearchError
from ..nodes.models.base import ContextOverflowError, ModelError, Reasoner, Sampling
from ..nodes.models.resolve import model_name
from ..nodes.models.retry import is_retryable
from ..surrogates import whole_characters

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

ATTEMPTS = 3
"""Calls made for one request before the server counts as down."""

RETRY_SECONDS = 1.0
"""Pause before another try after the server failed; doubled each time."""

MAX_TOKENS = 10_000
"""Tokens of a reply, thinking included (data_tag_domain_keypoints.py:99)."""

OBJECT_TOKENS = 1000
"""Tokens of a reply that a schema holds to one small object: such a grammar allows blanks
without end, and a small model may write nothing else."""

REFUSALS = frozenset({400, 422, 501})
"""Statuses of a server that does not know the field, or not what the schema uses."""


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
    constrained: int = 0
    """Calls whose reply the server was made to hold to a schema."""
    refused: int = 0
    """Calls whose schema the server refused; each was made again without."""


class Asker:
    """Asks a model for plain replies.

    Args:
        model: any chat model, or one of the graph's reasoners.
        max_tokens: tokens of a reply, thinking included.
        constrained: whether schemas are sent to a server that takes them. A model that
            is held to a schema cannot think before it answers, unless its server has a
            reasoning parser.

    Attributes:
        name: what the model is called.
        used: calls and tokens so far.
    """

    def __init__(
        self,
        model: BaseChatModel | Reasoner,
        *,
        max_tokens: int = MAX_TOKENS,
        constrained: bool = True,
    ) -> None:
        self._model = model
        self._max_tokens = max_tokens
        self._sends_schema = (
            constrained and isinstance(model, Reasoner) and model.takes_schema
        )
        self.used = TokenCount()
        self.name = model.name if isinstance(model, Reasoner) else model_name(model)

    async def ask(
        self,
        prompt: str,
        *,
        temperature: float = 0.0,
        seed: int = 0,
        schema: Mapping[str, Any] | None = None,
    ) -> str:
        """Return the reply.

        Args:
            prompt: the request, as one user message.
            temperature: 0 is greedy, so that a reply can be repeated.
            seed: of a sampled reply; chat models that are no reasoners ignore both.
            schema: JSON schema of the reply. No promise: a server may not take it.

        Raises:
            TooLongError: the prompt does not fit; other prompts may.
            AskError: the model failed, and went on failing where a retry could help.
        """
        for attempt in range(ATTEMPTS):
            try:
                reply = await self._reply(prompt, temperature, seed, schema)
                # A reply may end within a character, of which no file can hold a half.
                return str(whole_characters(reply))
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

    async def _reply(
        self,
        prompt: str,
        temperature: float,
        seed: int,
        schema: Mapping[str, Any] | None,
    ) -> str:
        messages: list[Any] = [{"role": "user", "content": prompt}]
        if not isinstance(self._model, Reasoner):
            return await self._chat(self._model, messages)
        sampling = Sampling(
            temperature=temperature,
            top_k=40 if temperature else -1,
            max_tokens=self._max_tokens,
            seed=seed if temperature else None,
        )
        if schema is None or not self._sends_schema:
            return await self._complete(self._model, messages, sampling)
        limit = sampling.with_max_tokens(OBJECT_TOKENS)
        try:
            held = replace(limit, schema=schema)
            reply = await self._complete(self._model, messages, held)
        except ModelError as error:
            if error.status not in REFUSALS:
                raise
            reply = await self._complete(self._model, messages, sampling)
            # The same request passes without the schema, so that is what was refused.
            self.used.refused += 1
            self._sends_schema = False
            return reply
        self.used.constrained += 1
        return reply

    async def _complete(
        self, model: Reasoner, messages: list[Any], sampling: Sampling
    ) -> str:
        self.used.calls += 1
        generation = await model.acomplete(messages, sampling)
        self.used.prompt += generation.prompt_tokens
        self.used.written += generation.completion_tokens
        return generation.text

    async def _chat(self, model: BaseChatModel, messages: list[Any]) -> str:
        self.used.calls += 1
        message = await model.ainvoke(messages)
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
