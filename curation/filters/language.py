"""Mixed languages, by script."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import model_text
from .base import Dimension

SCRIPTS = {
    "han": "\u4e00-\u9fff",
    "kana": "\u3040-\u30ff",
    "hangul": "\uac00-\ud7af",
    "cyrillic": "\u0400-\u04ff",
    "arabic": "\u0600-\u06ff",
    "devanagari": "\u0900-\u097f",
    "thai": "\u0e00-\u0e7f",
    "hebrew": "\u0590-\u05ff",
}
"""Script to its main Unicode block (Unicode 16 Blocks.txt). Greek is left out: its letters
are symbols in formulas."""


@dataclass(frozen=True)
class MixedLanguage:
    """At most `limit` letters of a foreign script in what the model wrote.

    The reference drops any output with a character of U+4E00-9FFF, search results
    included; here only the model's text counts.
    """

    name: ClassVar[str] = "mixed_language"
    dimension: ClassVar[Dimension] = "format"
    source: ClassVar[str] = "paper section 2.3; SimpleDeepSearcher format_filter.py:124-127"

    scripts: tuple[str, ...] = ("han",)
    limit: int = 0
    allows_question_script: bool = False
    """Whether a script that the question itself uses is no foreign one."""

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        text = model_text(trace)
        if text.isascii():
            return None
        for script in self.scripts:
            letters = _letters(script)
            if self.allows_question_script and letters.search(trace.question):
                continue
            found = letters.findall(text)
            if len(found) > self.limit:
                return f"{len(found)} {script} characters, as {found[0]!r}"
        return None


@cache
def _letters(script: str) -> re.Pattern[str]:
    return re.compile(f"[{SCRIPTS[script]}]")
