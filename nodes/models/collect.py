"""Collects a chat model's stream into a generation: thoughts kept, cut at an action."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
from langchain_core.exceptions import ContextOverflowError as LangChainOverflow
from langchain_core.exceptions import ModelError as LangChainModelError
from langchain_core.messages import BaseMessage

from .base import ContextOverflowError, CutFunction, Generation, ModelError, Piece
from .overflow import find_overflow
from .retry import is_retryable

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
"""Around a thought that the model's API gave beside the text."""

CHARS_PER_TOKEN = 4
"""For estimates: about right for English in current vocabularies."""

PROVIDER_PACKAGES = frozenset(
    "openai anthropic google botocore cohere mistralai groq ollama together fireworks "
    "huggingface_hub langchain_google_genai".split()
)
"""Top packages whose exceptions are a model failing, not a defect of this program."""


class Collector:
    """Takes chunks until the first complete action."""

    def __init__(self, cut: CutFunction, stop: Sequence[str]) -> None:
        self._cut = cut
        self._stop = stop
        self._text = ""
        self._thinking = False
        self._finish = ""
        self._usage: dict[str, Any] = {}
        self.is_cut = False
        """Whether the first action is complete."""

    def add(self, chunk: BaseMessage) -> bool:
        """Take one chunk; return whether to go on.

        After the cut, chunks without text are still taken: a server that honoured `stop`
        closes with its counts, and a stream read to its end is no error in tracing.
        """
        usage = getattr(chunk, "usage_metadata", None)
        if usage:
            self._usage = usage
        details = chunk.response_metadata
        reason = details.get("finish_reason") or details.get("stop_reason")
        self._finish = reason or self._finish
        thought, text = _thought(chunk), str(chunk.text)
        if self.is_cut:
            return not (thought or text)
        self._add_text(thought, text)
        end = self._cut(self._text) if thought or text else None
        if end is not None:
            self._text = self._text[:end]
            self.is_cut = True
        return True

    def _add_text(self, thought: str, text: str) -> None:
        # The dialects and filters know a thought by its tags, wherever it came from.
        if thought:
            if not self._thinking and THINK_OPEN not in thought:
                self._text += THINK_OPEN
            self._thinking = True
            self._text += thought
        if text:
            if self._thinking and not self._text.rstrip().endswith(THINK_CLOSE):
                self._text += f"{THINK_CLOSE}\n\n"
            self._thinking = False
            self._text += text

    def generation(self, messages: Sequence[BaseMessage]) -> Generation:
        """Return what was collected; counts are estimated where the server gave none."""
        text = self._restore_stop(self._text)
        prompt = "".join(str(message.text) for message in messages)
        details = self._usage.get("input_token_details") or {}
        reason = "action" if self.is_cut else ("length" if self._hit_length() else "stop")
        return Generation(
            pieces=(Piece(text),) if text else (),
            finish_reason=reason,  # type: ignore[arg-type]
            prompt_tokens=self._usage.get("input_tokens") or _estimate(prompt),
            cached_prompt_tokens=details.get("cache_read") or 0,
            completion_tokens=self._usage.get("output_tokens") or _estimate(text),
            estimated=not self._usage.get("output_tokens"),
        )

    def _hit_length(self) -> bool:
        return self._finish in ("length", "max_tokens", "MAX_TOKENS")

    def _restore_stop(self, text: str) -> str:
        # Most hosted APIs swallow the stop string. A closed stream that lacks exactly it
        # is the model's action, not its silence.
        if self.is_cut or self._finish not in ("stop", "stop_sequence"):
            return text
        for stop in self._stop:
            if _opens(text, stop) and self._cut(text + stop) == len(text) + len(stop):
                self.is_cut = True
                return text + stop
        return text

    @contextmanager
    def mapped_errors(self) -> Iterator[None]:
        """Turn the model library's errors into ours."""
        try:
            yield
        except (ModelError, GeneratorExit):
            raise
        except Exception as error:
            if not _is_model_failure(error):
                raise
            line = " ".join(str(error).split())[:300] or type(error).__name__
            overflows, limit = find_overflow(str(error))
            if overflows or isinstance(error, LangChainOverflow):
                raise ContextOverflowError(line, limit=limit) from error
            msg = f"the model failed: {line}"
            raise ModelError(msg, retryable=is_retryable(error)) from error


def _opens(text: str, stop: str) -> bool:
    """Return whether the tag that `stop` closes is open at the end of the text."""
    opening = stop.replace("end_", "begin_").replace("</", "<")
    return opening != stop and text.rfind(opening) > text.rfind(stop)


def _thought(chunk: BaseMessage) -> str:
    """Return a chunk's thinking, which chat APIs give beside the text or as blocks."""
    extra = chunk.additional_kwargs
    beside = extra.get("reasoning_content") or extra.get("reasoning")
    if isinstance(beside, str):
        return beside
    if not isinstance(chunk.content, list):
        return ""
    blocks = [block for block in chunk.content if isinstance(block, dict)]
    return "".join(
        str(block.get("thinking") or block.get("reasoning") or "")
        for block in blocks
        if block.get("type") in ("thinking", "reasoning")
    )


def _is_model_failure(error: Exception) -> bool:
    """Return whether an error is the provider's; any other is a defect and shown as such."""
    if isinstance(error, LangChainModelError | httpx.HTTPError | OSError):
        return True
    return type(error).__module__.split(".")[0] in PROVIDER_PACKAGES


def _estimate(text: str) -> int:
    return (len(text) + CHARS_PER_TOKEN - 1) // CHARS_PER_TOKEN
