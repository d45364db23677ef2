"""Prompts as chat messages: a dialect's own words, or an original's from a prompt file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

Message = dict[str, str]
"""`role` and `content`."""


def build_prompt(
    own: Sequence[Message],
    question: str,
    settings: Mapping[str, Any],
    *,
    max_searches: int | None = None,
    **more: str,
) -> list[Message]:
    r"""Return the messages of a prompt, filled in.

    `{question}`, `{max_searches}` and `{today}` are filled in; other braces stay.

    Args:
        own: the dialect's messages; the first one holds its instruction.
        question: the question, in the form the dialect gives it.
        settings: of `Dialect.prompt`. An `instruction` that is a text replaces the first
            message's; one that is a list of messages replaces them all.
        max_searches: the dialect's budget, where the settings name none.
        more: further names to fill in.

    >>> own = [{"role": "user", "content": "Answer: {question}"}]
    >>> build_prompt(own, "Who?", {"instruction": r"{question} \boxed{X}"})
    [{'role': 'user', 'content': 'Who? \\boxed{X}'}]
    """
    given = settings.get("instruction")
    if not given:
        messages = list(own)
    elif isinstance(given, str):
        messages = [{**own[0], "content": given}, *own[1:]]
    else:
        messages = [dict(message) for message in given]
    limit = settings.get("max_searches", max_searches)
    values = {
        "question": question,
        "max_searches": "as often as needed" if limit is None else str(limit),
        "today": str(settings.get("today") or ""),
        **more,
    }
    return [{**m, "content": fill_in(m["content"], values)} for m in messages]


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """Replace `{name}` by its value, in one pass: a value that holds braces stays as it is.

    >>> fill_in("{question} {other}", {"question": "{today}", "today": "-"})
    '{today} {other}'
    """
    names = "|".join(map(re.escape, values))
    return re.sub(rf"\{{({names})\}}", lambda m: values[m[1]], text)
