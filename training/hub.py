"""Models of the Hugging Face Hub: which of them lie here, and which can be fetched."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
"""What a model of the Hub may be called: `name` or `owner/name`."""

ANSWER_SECONDS = 10.0
"""Longest wait for the Hub to say whether it has a model."""


def cached_snapshot(name: str) -> Path | None:
    """Return the folder of a model that was downloaded before, None where there is none."""
    if find_spec("huggingface_hub") is None or not HUB_NAME.fullmatch(name):
        return None
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (OSError, ValueError):  # the library's own errors are such
        return None


def why_not_fetched(name: str) -> str:
    """Return why no model of that name can be fetched, empty where one can.

    One that was downloaded before needs no network. Without the Hub's library here only
    the engine itself can find out.
    """
    if find_spec("huggingface_hub") is None or cached_snapshot(name):
        return ""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import OfflineModeIsEnabled, RepositoryNotFoundError

    try:
        HfApi().model_info(name, timeout=ANSWER_SECONDS)
    except RepositoryNotFoundError:
        return "the Hugging Face Hub has no model of that name, or wants a token for it"
    except OfflineModeIsEnabled:
        return "HF_HUB_OFFLINE keeps it from being looked for on the Hugging Face Hub"
    except Exception as error:  # of whichever HTTP library the Hub's client uses
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        return f"the Hugging Face Hub cannot be asked for it ({reason})"
    return ""
