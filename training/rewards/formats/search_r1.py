"""Search-R1's state machine over tags (verl/utils/reward_score/qa_em_format.py:74-121)."""

from __future__ import annotations

import re

from ....trace import Trace

_TAG = re.compile(r"</?(?:think|search|information|answer)>")

NEXT = {
    "start": {"<think>": "in_think"},
    "in_think": {"</think>": "after_think"},
    "after_think": {"<search>": "in_search", "<answer>": "in_answer"},
    "in_search": {"</search>": "after_search"},
    "after_search": {"<information>": "in_information"},
    "in_information": {"</information>": "information"},
    "information": {"<think>": "in_think"},
    "in_answer": {"</answer>": "end"},
    "end": {},
}
"""State to the tags that may follow and the state each leads to."""


def search_r1_format(trace: Trace) -> list[str]:
    """Return the first tag out of place, or text between tags where none may stand.

    A valid run is think, then search and information and think as often as needed, then
    the answer; only white space stands between the tags.
    """
    text = trace.output_text
    state, position = "start", 0
    for match in _TAG.finditer(text):
        if not state.startswith("in_") and text[position : match.start()].strip():
            return [f"text between the tags before {match[0]}"]
        if match[0] not in NEXT[state]:
            return [f"{match[0]} out of place"]
        state, position = NEXT[state][match[0]], match.end()
    if state != "end":
        return ["no closed answer at the end"]
    return ["text after the answer"] if text[position:].strip() else []
