"""A chat template read from the model's own files, for servers that do not render.

transformers' server has no `/tokenize` and cannot continue a partial message; its
completions route takes any text. Where the served model's tokenizer can be loaded on
this machine, the prompt is rendered here and continued there.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .base import ContextOverflowError


class LocalTemplate:
    """Renders prompts with a tokenizer's chat template and counts their tokens."""

    def __init__(self, tokenizer: Any, context_limit: int | None) -> None:
        self._tokenizer = tokenizer
        self.context_limit = context_limit
        # The server adds the beginning token itself; twice would be one too many.
        ids = tokenizer("a")["input_ids"]
        adds_bos = bool(ids) and ids[0] == tokenizer.bos_token_id
        self._leads = tokenizer.bos_token if adds_bos else ""

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the prompt's text, the assistant's turn opened."""
        chat = [dict(message) for message in messages]
        text = self._tokenizer.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=True
        )
        return text.removeprefix(self._leads)

    def room(self, prompt: str) -> int | None:
        """Return how many tokens fit after the prompt, None when the model has no limit.

        The server would go on past its context and write nonsense.

        Raises:
            ContextOverflowError: none do.
        """
        if self.context_limit is None:
            return None
        count = len(self._tokenizer(prompt)["input_ids"])
        if count >= self.context_limit:
            msg = (
                f"the transcript has {count} tokens; the model has a context of "
                f"{self.context_limit}"
            )
            raise ContextOverflowError(msg, limit=self.context_limit)
        return self.context_limit - count


def load_template(model: str) -> LocalTemplate | None:
    """Return the model's chat template, None when its files are not at hand.

    Args:
        model: a folder, or a hub name whose files are cached; nothing is downloaded.
    """
    if importlib.util.find_spec("transformers") is None or not _is_at_hand(model):
        return None
    from transformers import AutoConfig, AutoTokenizer

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(model, local_files_only=True)
        config = AutoConfig.from_pretrained(model, local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError):
        return None
    if not getattr(tokenizer, "chat_template", None):
        return None
    return LocalTemplate(tokenizer, getattr(config, "max_position_embeddings", None))


def _is_at_hand(model: str) -> bool:
    # Asked first: importing transformers takes seconds, for nothing with a hosted model.
    if Path(model).is_dir():
        return True
    if importlib.util.find_spec("huggingface_hub") is None:
        return False
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(model, "tokenizer_config.json"), str)
    except HFValidationError:
        return False
