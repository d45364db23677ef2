"""Observer: judges whether what was found suffices, and says what is missing."""

from __future__ import annotations

from dataclasses import dataclass

from ..condensers.asking import without_thought
from .call import RoleCall, Task, fill
from .labels import first, read_labels

NAME = "observer"

LABELS = ("Thought", "Sufficient", "Missing", "Answer")

PROMPT = (
    "You judge whether what was found so far answers a question. Take nothing as known that "
    "the results do not state.\n\n"
    "Question: {question}\n\n"
    "Found so far:\n{found}\n\n"
    "Reply in these lines:\n"
    "Thought: what the results establish and what follows from it, in one or two sentences\n"
    "Sufficient: yes or no\n"
    "Missing: what is still to be found (only if no)\n"
    "Answer: the answer alone, in the form the question asks for (only if yes)\n"
)
"""Our own words. The original's: src/multi_agent/prompt.py of Alibaba-NLP/MaskSearch."""

LAST_WORD = (
    "\nThere is no more room for searches: the answer must be given now, the best that the "
    "results allow.\n"
)
"""Added when a budget has ended."""


@dataclass(frozen=True)
class Verdict:
    """What the observer says."""

    thought: str = ""
    missing: str = ""
    answer: str = ""
    """Empty unless what was found suffices."""


def observe_call(task: Task, *, is_last: bool = False) -> RoleCall:
    """Return the request for a verdict; `is_last` asks for an answer in any case."""
    prompt = fill(PROMPT, question=task.question, found=task.found_text())
    return RoleCall(NAME, prompt + LAST_WORD if is_last else prompt)


def read_verdict(reply: str, *, is_last: bool = False) -> Verdict:
    """Return the verdict in a reply.

    An answer counts only beside a yes, or when it had to be given; then a reply without
    the line is the answer itself.
    """
    said = read_labels(reply, LABELS)
    thought, missing = first(said["Thought"]), " ".join(said["Missing"])
    answer = first(said["Answer"])
    if is_last:
        answer = answer or " ".join(without_thought(reply).split())
    elif not first(said["Sufficient"]).lower().strip("*. ").startswith("yes"):
        answer = ""
    return Verdict(thought, missing, answer)
