"""A prompt file: an original's words in place of a dialect's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import DeepSearchError
from .dialects import Dialect

Instruction = str | list[dict[str, str]]
"""A text in place of the dialect's instruction, or messages in place of all of its own."""

_QUESTION = "\0question\0"


def read_instruction(path: Path | None, dialect: Dialect) -> Instruction | None:
    """Return what a prompt file says.

    A `.json` file holds the whole prompt, a list of messages with `role` and `content`.
    Any other is the text of the message that holds the dialect's instruction.
    `{question}`, `{max_searches}` and `{today}` are filled in by the dialect.

    Raises:
        DeepSearchError: the file is absent, not UTF-8, no such list, or leaves the question
            out.
    """
    if path is None:
        return None
    text = read_text(path, "prompt_file")
    instruction = _messages(text, path) if path.suffix == ".json" else text
    prompt = dialect.prompt(_QUESTION, instruction=instruction)
    # Where the instruction is the system message, the user's holds the question.
    if not any(_QUESTION in message["content"] for message in prompt):
        msg = f"prompt file {path} lacks {{question}}: put it where the question belongs"
        raise DeepSearchError(msg)
    return instruction


def read_text(path: Path, setting: str) -> str:
    """Return a prompt file's text.

    Args:
        path: of the file.
        setting: that names it.

    Raises:
        DeepSearchError: the file is absent or not UTF-8.
    """
    if not path.is_file():
        msg = f"no prompt file at {path}: check `{setting}`"
        raise DeepSearchError(msg)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        msg = f"prompt file {path} is not UTF-8 text ({error}); save it as UTF-8"
        raise DeepSearchError(msg) from error


def _messages(text: str, path: Path) -> list[dict[str, str]]:
    try:
        found = json.loads(text)
    except ValueError as error:
        msg = f"prompt file {path} is not valid JSON: {error}"
        raise DeepSearchError(msg) from error
    if not (isinstance(found, list) and found and all(map(_is_message, found))):
        msg = (
            f"prompt file {path} is no list of messages: write "
            '[{"role": "system" or "user", "content": "…"}, …]'
        )
        raise DeepSearchError(msg)
    return [{"role": one["role"], "content": one["content"]} for one in found]


def _is_message(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    known = value.get("role") in ("system", "user", "assistant", "tool")
    return known and isinstance(value.get("content"), str)
