"""Collects a chat model's stream into a generation: thoughts kept, cut at an action."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from langchain_core.exceptions import ContextOverflowError as LangChainOverflow
from langchain_core.messages import BaseMessage

from .base import ContextOverflowError, CutFunction, Generation, ModelError, Piece
from .retry import is_retryable

_OVERFLOW = re.compile(
    r"maximum context length(?: is (\d+))?|context_length_exceeded|prompt is too long|"
    r"longer than the maximum model length",
    re.IGNORECASE,
)
"""Words of servers for a prompt that does not fit; vLLM's 400 reaches us as plain text."""

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"


class Collector:
    """Takes chunks until the first complete action."""

    def __init__(self, cut: CutFunction, stop: Sequence[str]) -> None:
        self._cut = cut
        self._stop = stop
        self._texts: list[str] = []
        self._thinking = False
        self._finish = ""
        self._usage: dict[str, Any] = {}
        self._is_cut = False

    def add(self, chunk: BaseMessage) -> bool:
        """Take one chunk; return whether the first action is complete."""
        usage = getattr(chunk, "usage_metadata", None)
        if usage:
            self._usage = usage
        self._finish = chunk.response_metadata.get("finish_reason") or self._finish
        self._add_text(_thought(chunk), chunk.text)
        text = "".join(self._texts)
        end = self._cut(text)
        if end is not None:
            self._texts = [text[:end]]
            self._is_cut = True
        return self._is_cut

    def _add_text(self, thought: str, text: str) -> None:
        if thought:
            if not self._thinking and not self._texts:
                self._texts.append(THINK_OPEN)
            self._thinking = True
            self._texts.append(thought)
        if text:
            if self._thinking:
                self._thinking = False
                self._texts.append(f"{THINK_CLOSE}\n\n")
            self._texts.append(text)

    def generation(self, messages: Sequence[BaseMessage]) -> Generation:
        """Return what was collected."""
        text = self._restore_stop("".join(self._texts))
        counted = bool(self._usage)
        prompt = "".join(message.text for message in messages)
        details = self._usage.get("input_token_details") or {}
        reason = "action" if self._is_cut else ("length" if self._hit_length() else "stop")
        return Generation(
            pieces=(Piece(text),) if text else (),
            finish_reason=reason,  # type: ignore[arg-type]
            prompt_tokens=self._usage.get("input_tokens") or (len(prompt) + 3) // 4,
            cached_prompt_tokens=details.get("cache_read") or 0,
            completion_tokens=self._usage.get("output_tokens") or (len(text) + 3) // 4,
            estimated=not counted,
        )

    def _hit_length(self) -> bool:
        return self._finish in ("length", "max_tokens")

    def _restore_stop(self, text: str) -> str:
        # Most hosted APIs swallow the stop string. A closed stream that lacks exactly it
        # is the model's action, not its silence.
        if self._is_cut or self._finish not in ("stop", "stop_sequence", "end_turn"):
            return text
        for stop in self._stop:
            if self._cut(text + stop) == len(text) + len(stop) and _opens(text, stop):
                self._is_cut = True
                return text + stop
        return text

    @contextmanager
    def mapped_errors(self) -> Iterator[None]:
        """Turn the model library's errors into ours."""
        try:
            yield
        except (ModelError, GeneratorExit):
            raise
        except LangChainOverflow as error:
            raise ContextOverflowError(_line(error)) from error
        except Exception as error:
            if _is_interrupt(error):
                raise
            found = _OVERFLOW.search(str(error))
            if found:
                limit = int(found[1]) if found[1] else None
                raise ContextOverflowError(_line(error), limit=limit) from error
            if not _is_model_failure(error):
                raise
            msg = f"the model failed: {_line(error)}"
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


def _is_interrupt(error: Exception) -> bool:
    from langgraph.errors import GraphBubbleUp

    return isinstance(error, GraphBubbleUp)


def _is_model_failure(error: Exception) -> bool:
    import httpx

    if isinstance(error, httpx.HTTPError | OSError):
        return True
    module = type(error).__module__.split(".")[0]
    return module in ("openai", "anthropic", "google", "botocore", "cohere", "mistralai")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
