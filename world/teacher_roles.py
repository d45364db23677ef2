"""A stand-in for the large model that plays MaskSearch's roles where none can run.

It answers the planner's, the rewriter's and the observer's prompts from what it was told
of each question: the hops of a desk-world question, or the masked spans of a RAMP one. The
observer looks at what was really found: a fact counts only once it stands in the results.

Not a language model: it knows its own questions and these three prompts alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict, PrivateAttr

from ..nodes.roles import observer, planner, rewriter
from ..questions import Question
from .preset import UNKNOWN
from .teacher import TeacherError
from .teacher_plan import Plan, read_plan
from .teacher_words import Wording

MASK = "[mask]"

CONTEXT_WORDS = 8
"""Words on each side of a mask that a query takes."""

SPLIT = "Searched so far:"
"""Stands in the planner's prompt between the question and the rounds."""


@dataclass(frozen=True)
class Step:
    """One thing to find."""

    need: str
    queries: tuple[str, ...]
    values: tuple[str, ...]
    """What must stand in the results; empty when no page states it."""
    thought: str
    """What the planner says of it."""

    def is_in(self, found: str) -> bool:
        """Whether results state it, or it was looked for and cannot be found."""
        if not self.values:
            return any(_normal(query) in found for query in self.queries)
        return all(_normal(value) in found for value in self.values)


@dataclass(frozen=True)
class Task:
    """What is known of a question."""

    steps: tuple[Step, ...]
    answer: str
    conclusion: str


class RoleTeacher(BaseChatModel):
    """A chat model that plays the roles for the questions it was made for."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: str = "role-teacher"
    """Name as recorded in traces."""

    _tasks: dict[str, Task] = PrivateAttr()

    @classmethod
    def for_questions(cls, questions: Iterable[Question]) -> RoleTeacher:
        """Make one for questions with a `decomposition`, or with masked `spans`.

        Raises:
            TeacherError: a question with neither, or none at all.
        """
        teacher = cls()
        teacher._tasks = {question.question: _task(question) for question in questions}
        if not teacher._tasks:
            msg = "the role teacher was given no questions: name a question file"
            raise TeacherError(msg)
        return teacher

    @property
    def _llm_type(self) -> str:
        return "role-teacher"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = self.reply(str(messages[-1].text))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages)

    def reply(self, prompt: str) -> str:
        """Return the reply to a role's prompt.

        Raises:
            TeacherError: the prompt is none of the roles', or holds no known question.
        """
        task = self._find(prompt)
        for module, play in (
            (planner, self._plan),
            (rewriter, self._rewrite),
            (observer, self._observe),
        ):
            if prompt.startswith(_opening(module.PROMPT)):
                return play(task, prompt)
        msg = "the role teacher plays planner, rewriter and observer alone"
        raise TeacherError(msg)

    def _find(self, prompt: str) -> Task:
        found = [question for question in self._tasks if question in prompt]
        if not found:
            msg = (
                "the role teacher does not know the question in this prompt: give it the "
                "question file that the rollout runs on"
            )
            raise TeacherError(msg)
        return self._tasks[max(found, key=len)]

    def _plan(self, task: Task, prompt: str) -> str:
        missing = prompt.partition("Still missing: ")[2].partition("\n")[0]
        wanted = [step for step in task.steps if step.need in missing]
        # At the start nothing is named as missing: the first step comes first.
        step = wanted[0] if wanted else task.steps[0]
        return f"Thought: {step.thought}\nSearch: {step.need}"

    def _rewrite(self, task: Task, prompt: str) -> str:
        need = prompt.partition("To be found: ")[2].partition("\n")[0]
        step = next((one for one in task.steps if one.need == need), None)
        queries: Sequence[str] = step.queries if step else (need,)
        return "\n".join(f"Query: {query}" for query in queries)

    def _observe(self, task: Task, prompt: str) -> str:
        found = _normal(prompt.partition("Found so far:\n")[2])
        left = [step for step in task.steps if not step.is_in(found)]
        if left and observer.LAST_WORD.strip() in prompt:
            return f"Thought: It was not all to be found.\nAnswer: {UNKNOWN}"
        if left:
            return f"Sufficient: no\nMissing: {left[0].need}"
        return f"Thought: {task.conclusion}\nSufficient: yes\nAnswer: {task.answer}"


def _opening(prompt: str) -> str:
    return prompt.partition("\n")[0].partition("{")[0]


def _task(question: Question) -> Task:
    if "spans" in question.metadata:
        return _masked_task(question)
    try:
        return _world_task(read_plan(question))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        msg = (
            f"question {question.id} has neither masked `spans` nor a usable "
            f"`decomposition` ({error!r}): the role teacher needs one of them"
        )
        raise TeacherError(msg) from error


def _world_task(plan: Plan) -> Task:
    words = Wording(plan, style=0)
    steps = tuple(
        Step(
            need=hop.relation.need.format(s=hop.subject),
            queries=hop.queries,
            values=hop.values,
            thought=words.step(number),
        )
        for number, hop in enumerate(plan.hops)
    )
    unknown = next((hop for hop in plan.hops if not hop.values), None)
    if unknown is not None:
        return Task(steps, plan.unknown, words.not_found(unknown))
    return Task(steps, plan.answer, words.conclusion())


def _masked_task(question: Question) -> Task:
    spans = [str(span) for span in question.metadata["spans"]]
    passage = question.question.partition("Passage: ")[2] or question.question
    pieces = [_clean(piece) for piece in passage.split(MASK)]
    if len(pieces) != len(spans) + 1:
        msg = f"question {question.id} has {len(pieces) - 1} masks and {len(spans)} spans"
        raise TeacherError(msg)
    steps = []
    for number, span in enumerate(spans, 1):
        before = " ".join(pieces[number - 1].split()[-CONTEXT_WORDS:])
        after = " ".join(pieces[number].split()[:CONTEXT_WORDS])
        around = f"{before} {after}".strip()
        queries = tuple(dict.fromkeys(q for q in (around, before, after) if q))
        need = f"mask {number}, what stands between \u201c{before}\u201d and \u201c{after}\u201d"
        earlier = f"Mask {number - 1} is {spans[number - 2]}. " if number > 1 else ""
        thought = f"{earlier}Next I look for mask {number}."
        steps.append(Step(need, queries or (question.question,), (span,), thought))
    filled = "; ".join(f"mask {n} is {span}" for n, span in enumerate(spans, 1))
    conclusion = f"{filled[0].upper()}{filled[1:]}."
    return Task(tuple(steps), question.golds[0], conclusion)


def _clean(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s'-]", " ", text).split())


def _normal(text: str) -> str:
    return " ".join(text.lower().split())
