"""One call over a server that gives token ids: its prompt, and the tokens it brought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGenerationChunk

from .base import CutFunction, Generation, ModelError, Piece
from .pieces import split_pieces


@dataclass
class Call:
    """One call's prompt and what came of it; filled while the stream runs."""

    prompt_ids: list[int]
    cut: CutFunction | None = None
    pieces: list[Piece] = field(default_factory=list)
    text: str = ""
    finish_reason: str = ""
    end: tuple[int, float | None] | None = None
    """Id and log-probability of the end token, once the model has sampled one."""
    usage: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    """The model's name, for the closing chunk."""
    makes_chunks: bool = True
    """Whether tokens become chunks as they come; the call has them either way."""

    def add(self, event: Mapping[str, Any]) -> ChatGenerationChunk | None:
        """Take one event of the stream; return the chunk it makes, if any."""
        if event.get("usage"):
            self.usage = event["usage"]
        if not event.get("choices"):
            return None
        choice = event["choices"][0]
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        pieces, end = _pieces(choice)
        added = []
        for piece in pieces:
            added.append(piece)
            self.text += piece.text
            if self.cut is not None and self.cut(self.text) is not None:
                # Tokens of the same chunk that follow the action were not asked for.
                self.finish_reason = "action"
                break
        else:
            self.end = end
        self.pieces += added
        if not added or not self.makes_chunks:
            return None
        return ChatGenerationChunk(message=_chunk(added))

    def is_cut(self) -> bool:
        """Return whether the text holds a complete action."""
        return self.finish_reason == "action"

    def close(self) -> ChatGenerationChunk:
        """Return the closing chunk: why it ended, and the tokens it took."""
        generation = self.generation()
        usage = UsageMetadata(
            input_tokens=generation.prompt_tokens,
            output_tokens=generation.completion_tokens,
            total_tokens=generation.prompt_tokens + generation.completion_tokens,
            input_token_details=InputTokenDetails(
                cache_read=generation.cached_prompt_tokens
            ),
        )
        message = AIMessageChunk(
            content="" if self.makes_chunks else generation.text,
            usage_metadata=usage,
            response_metadata={
                "finish_reason": generation.finish_reason,
                "model_name": self.model,
            },
            chunk_position="last",
        )
        return ChatGenerationChunk(message=message)

    def generation(self) -> Generation:
        """Return what the model wrote.

        Raises:
            ModelError: the server stopped sending without saying why.
        """
        if not self.finish_reason:
            msg = "the model server ended its answer early"
            raise ModelError(msg, retryable=True)
        while self.pieces and not self.pieces[-1].text:
            self.pieces.pop()  # the first bytes of a character that was never finished
            self.end = None  # it followed them
        written = sum(len(piece.token_ids or ()) for piece in self.pieces)
        details = self.usage.get("prompt_tokens_details") or {}
        reason = (
            self.finish_reason if self.finish_reason in ("action", "length") else "stop"
        )
        end_id, end_logprob = self.end or (None, None)
        return Generation(
            pieces=tuple(self.pieces),
            finish_reason=reason,  # type: ignore[arg-type]
            prompt_tokens=self.usage.get("prompt_tokens") or len(self.prompt_ids),
            cached_prompt_tokens=details.get("cached_tokens") or 0,
            completion_tokens=written,
            end_id=end_id,
            end_logprob=end_logprob,
        )


def _pieces(
    choice: Mapping[str, Any],
) -> tuple[list[Piece], tuple[int, float | None] | None]:
    """Return the tokens of one event, and the end token apart, since it is no text."""
    ids = choice.get("token_ids")
    if ids is None:
        msg = (
            "the server gives no token ids: vLLM 0.10.2 or newer is needed for exact traces"
        )
        raise ModelError(msg)
    logprobs = choice.get("logprobs") or {}
    tokens, values = logprobs.get("tokens"), logprobs.get("token_logprobs")
    end = None
    # A stop string is text of the model; an end token is named by its id, or not at all.
    is_end = not isinstance(choice.get("stop_reason"), str)
    if choice.get("finish_reason") == "stop" and is_end and ids:
        end = ids[-1], values[-1] if values and len(values) == len(ids) else None
        ids = ids[:-1]
    pieces = split_pieces(
        choice.get("text") or "",
        ids,
        tokens[: len(ids)] if tokens else None,
        values[: len(ids)] if values else None,
    )
    return pieces, end


def _chunk(pieces: Sequence[Piece]) -> AIMessageChunk:
    extra: dict[str, Any] = {"token_ids": [i for p in pieces for i in p.token_ids or ()]}
    if all(piece.logprobs is not None for piece in pieces):
        extra["logprobs"] = [value for p in pieces for value in p.logprobs or ()]
    text = "".join(piece.text for piece in pieces)
    return AIMessageChunk(content=text, additional_kwargs=extra)
