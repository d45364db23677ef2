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

from .text_route import Template


def load_template(model: str) -> Template | None:
    """Return the model's chat template as a function, None when it is not at hand.

    Args:
        model: a folder, or a hub name whose files are cached; nothing is downloaded.
    """
    if importlib.util.find_spec("transformers") is None or not _is_at_hand(model):
        return None
    from transformers import AutoTokenizer

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(model, local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError):
        return None
    if not getattr(tokenizer, "chat_template", None):
        return None
    # The server adds the beginning token itself; twice would be one too many.
    leads = tokenizer.bos_token if _adds_bos(tokenizer) else ""

    def template(messages: Sequence[Mapping[str, str]]) -> str:
        chat = [dict(message) for message in messages]
        text = tokenizer.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=True
        )
        return text.removeprefix(leads) if leads else text

    return template


def _is_at_hand(model: str) -> bool:
    # Asked first: importing transformers takes seconds, for nothing with a hosted model.
    if Path(model).is_dir():
        return True
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(model, "tokenizer_config.json"), str)
    except HFValidationError:
        return False


def _adds_bos(tokenizer: Any) -> bool:
    ids = tokenizer("a")["input_ids"]
    return (
        bool(ids)
        and tokenizer.bos_token_id is not None
        and (ids[0] == tokenizer.bos_token_id)
    )
