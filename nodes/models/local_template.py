"""A chat template read from the model's own files, for servers that do not render.

transformers' server has no `/tokenize` and cannot continue a partial message; its
completions route takes any text. Where the served model's tokenizer can be loaded on
this machine, the prompt is rendered here and continued there.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .base import ContextOverflowError
from .http import is_local, normalize_url

CACHE_VARIABLE = "DEEPSEARCH_CACHE_DIR"
"""Environment variable that moves the user's cache folder of this program."""


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


def load_template(model: str, base_url: str = "") -> LocalTemplate | None:
    """Return the model's chat template, None when its files are not at hand.

    Args:
        model: a folder, a name that `publish_model_files` was given for that server, or a
            hub name whose files are cached; nothing is downloaded.
        base_url: the server.
    """
    if importlib.util.find_spec("transformers") is None:
        return None
    folder = _find_files(model, base_url)
    if folder is None:
        return None
    from transformers import AutoConfig, AutoTokenizer

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError):
        return None
    if not getattr(tokenizer, "chat_template", None):
        return None
    return LocalTemplate(tokenizer, getattr(config, "max_position_embeddings", None))


def publish_model_files(
    base_url: str, name: str, folder: str | os.PathLike[str]
) -> Path | None:
    """Tell clients on this machine where the files of a served model lie.

    For servers that cannot render. The note is a link in the user's cache folder, so a
    client in another process finds it too.

    Returns:
        The link, to be removed when the server ends; None where links cannot be made.
    """
    link = _link_of(base_url, name)
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(Path(folder).absolute(), target_is_directory=True)
    except OSError:  # a read-only home, or Windows without the right to link
        return None
    return link


def _link_of(base_url: str, name: str) -> Path:
    chosen = os.environ.get(CACHE_VARIABLE)
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(chosen) if chosen else Path(root) / "langgraph-deepsearch"
    port = urlsplit(normalize_url(base_url)).port or 80
    return cache / "served" / str(port) / name.replace("/", "--")


def _find_files(model: str, base_url: str) -> str | None:
    # Asked first: importing transformers takes seconds, for nothing with a hosted model.
    if Path(model).is_dir():
        return model
    if base_url and is_local(base_url):
        published = _link_of(base_url, model)
        if published.is_dir():
            return str(published.resolve())
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(model, "tokenizer_config.json")
    except HFValidationError:
        return None
    return model if isinstance(found, str) else None
