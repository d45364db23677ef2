"""A model's tokenizer, or one line that says it is missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..errors import DeepSearchError

TOKENIZER_FILES = (
    "tokenizer*",
    "tekken.json",
    "vocab.*",
    "*.tiktoken",
    "spiece.model",
    "sentencepiece*.model",
)
"""Files that tokenizers are kept in; a folder without any has none."""


class TokenizerError(DeepSearchError):
    """A model's folder has no tokenizer, or none that can be loaded."""


def load_tokenizer(folder: str | os.PathLike[str]) -> Any:
    """Return the tokenizer of a model's folder.

    Raises:
        TokenizerError: there is none, or it cannot be loaded.
    """
    require_tokenizer(folder)
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        reason = " ".join(str(error).split())[:200]
        msg = (
            f"the tokenizer in {folder} cannot be loaded ({reason}): copy that of the model "
            "it was made from"
        )
        raise TokenizerError(msg) from error


def has_tokenizer(folder: str | os.PathLike[str]) -> bool:
    """Tell whether a folder holds files of a tokenizer."""
    return any(any(Path(folder).glob(pattern)) for pattern in TOKENIZER_FILES)


def require_tokenizer(folder: str | os.PathLike[str]) -> None:
    """Refuse a model's folder without a tokenizer.

    Raises:
        TokenizerError: it has none.
    """
    if not has_tokenizer(folder):
        msg = (
            f"{folder} holds no tokenizer: copy tokenizer.json and tokenizer_config.json "
            "from the model it was made from"
        )
        raise TokenizerError(msg)
