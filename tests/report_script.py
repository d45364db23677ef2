"""A researcher and a writer for tests of the report graph, by what they are asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

QUESTION = "What is known of Peru's capital?"
PLAN = "(1) Find the capital.\n(2) Count its people."
TITLE = "Peru and its capital"
CAPITAL = "## The capital\n\nThe capital of Peru is Lima [1]. It is nice [7]."
PEOPLE = "Lima has 10 million people [2], says [a blog](http://evil.test/blog)."

ASKED = {
    "plan": "Plan how to research",
    "title": "Give the report below a title",
    "write": "You write one section",
    "polish": "The report was written section by section",
    "edit": "You edit a report",
}
"""What a prompt of the writer says, by the step that asks."""


def search(text: str) -> str:
    return f"I look. <|begin_search_query|>{text}<|end_search_query|>"


def write(title: str, goal: str) -> str:
    return f"I know it. <|begin_write_section|>{title}\n{goal}<|end_write_section|>"


def edit(goal: str) -> str:
    return f"Not yet. <|begin_edit_article|>{goal}<|end_edit_article|>"


CHECK = "Let me see. <|begin_check_article|>"
FINISHED = "All is said. I have finished my work."
RUN = [
    search("capital of peru"),
    write("The capital", "Name it."),
    search("people of lima"),
    write("Its people", "Count them."),
    CHECK,
    edit("Say that it is old."),
    FINISHED,
]
"""What the researcher writes, turn by turn."""


def step_of(prompt: str) -> str:
    """Return the step whose question to the writer a prompt is; empty: the researcher's."""
    return next((step for step, said in ASKED.items() if said in prompt), "")


def written(prompt: str, step: str) -> str:
    """Write as the writer does."""
    if step == "plan":
        return PLAN
    if step == "title":
        return f'"{TITLE}"\n'
    if step == "write":
        return CAPITAL if "**Section to write**\nThe capital" in prompt else PEOPLE
    article = prompt.partition("**The report**\n")[2].partition("\n\n**Sources")[0]
    if step == "edit":
        article = article.replace("is Lima", "is Lima, which is old")
    else:
        head, first, second = article.split("\n\n## ")
        article = f"{head}\n\n## {second}\n\n## {first}"
    return f"Here it is:\n```markdown\n{article}\n```"


def script(
    turns: Sequence[str], writer: Mapping[str, str | Callable[[str], str]] | None = None
) -> Callable[[str], str]:
    """Return a script of both; `writer` has replies by step in place of its own."""
    left, own = list(turns), writer or {}

    def reply(prompt: str) -> str:
        step = step_of(prompt)
        if not step:
            return left.pop(0)
        said = own.get(step)
        if said is None:
            return written(prompt, step)
        return said if isinstance(said, str) else said(prompt)

    return reply
