"""Paging reader: a model reads a long page part by part and remembers what it learned.

DeepResearcher's browsing agent (handler.py:255-350): pages of 1024*5*8 characters; for
each, what it extracts (`<extracted_info>`), a short summary that it takes along as its
memory (`<short_summary>`), and whether to read on (`<page_down>`). Its instruction is in
our own words.
"""

from __future__ import annotations

import json
import re

from .asking import Asking, AskingCondenser, without_thought
from .base import CondenseRequest

PART_CHARS = 1024 * 5 * 8
"""Characters of one part (DeepResearcher handler.py)."""

MAX_PARTS = 10
"""Parts read at most; our own choice."""

PROMPT = (
    "You read a long web page part by part, to learn what helps with a question.\n\n"
    "**Question**\n{question}\n\n"
    "**What is looked for**\n{goal}\n\n"
    "**What you remember of the earlier parts**\n{memory}\n\n"
    "**Part {number} of {count}**\n{part}\n\n"
    "Reply with these three tags and nothing else:\n"
    "<extracted_info>what this part says that helps, empty if nothing</extracted_info>\n"
    "<page_down>yes to read the next part, no if what you know is enough or the rest will "
    "not help</page_down>\n"
    "<short_summary>all that is worth remembering so far, in a few sentences</short_summary>\n"
)
"""Our own words; the three tags are the original's."""


class PagingReader(AskingCondenser):
    """Reads a page in parts, carrying a short summary from one to the next."""

    name = "paging_reader"
    own_prompt = PROMPT
    needed = ("part", "memory")

    def ask(self, request: CondenseRequest) -> Asking:
        """Ask about part after part until the model has enough.

        Returns:
            A JSON list of `{page_number, page_summary}`, numbered from 0, the parts that
            gave something; empty when none did.
        """
        text = request.documents[0].text
        parts = [text[i : i + PART_CHARS] for i in range(0, len(text), PART_CHARS)]
        parts = parts[:MAX_PARTS]
        about = {
            "question": request.question,
            "goal": request.goal or request.query or request.question,
            "count": str(len(parts)),
        }
        memory, found = "", []
        for number, part in enumerate(parts):
            values = {"memory": memory or "(nothing yet)", "number": str(number + 1)}
            reply = without_thought((yield self.fill(**values, **about, part=part)))
            extracted = _tagged(reply, "extracted_info")
            if extracted:
                found.append({"page_number": number, "page_summary": extracted})
            memory = _tagged(reply, "short_summary") or memory
            if not _tagged(reply, "page_down").lower().startswith(("yes", "true")):
                break
        return json.dumps(found, ensure_ascii=False) if found else ""

    def has_result(self, said: str) -> bool:
        return "<extracted_info>" in said

    def fallback_text(self, request: CondenseRequest, text: str) -> str:
        return json.dumps([{"page_number": 0, "page_summary": text}], ensure_ascii=False)


def _tagged(reply: str, tag: str) -> str:
    """Return what stands in a tag; to the end of the reply where it is not closed."""
    match = re.search(rf"<{tag}>(.*?)(?:</{tag}>|$)", reply, re.DOTALL)
    return match[1].strip() if match else ""
