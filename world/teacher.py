"""The decomposition teacher: a stand-in for a large model where none can run.

It is a chat model that continues a partial transcript in the same graph and with the same
search as any other. It knows each question's hops, plans from them, and acts on what it
has really seen: it uses a hop's fact only once that fact stands in a result of a search it
made for it, or in a page it opened after it. It speaks every dialect; where one opens pages
by their address, so does it. It errs at stated rates, so that curation has something to
remove.

Not a language model: it can answer only the questions it was made for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict, Field, PrivateAttr

from ..nodes.dialects import Action, Dialect, get_dialect
from ..questions import Question
from .preset import WorldError
from .teacher_history import PastSearch, read_history, reads_pages
from .teacher_plan import Plan, PlanHop, read_plan
from .teacher_words import WORDINGS, Wording

RIGHT_GUESSES = 0.4
"""Share of early answers that happen to be right."""

PAGES_OPENED = 2
"""Pages opened of one search, at most, in dialects that open pages."""


class TeacherError(WorldError):
    """The teacher was given a question it has no decomposition for."""


@dataclass(frozen=True)
class TeacherErrors:
    """How often a rollout of the teacher has each defect; independent of each other."""

    hedging: float = 0.15
    """Needless reflection words in every turn, more than three of one kind."""
    repeated_query: float = 0.15
    """A query asked again although its result was there."""
    wrong_first_query: float = 0.15
    """A first query about another entity, then the right one."""
    early_answer: float = 0.15
    """An answer guessed before the evidence is there."""

    def __post_init__(self) -> None:
        """Refuse a rate that is none."""
        for name, rate in vars(self).items():
            if not 0 <= rate <= 1:
                msg = f"teacher error rate {name} must be 0 to 1, not {rate}"
                raise WorldError(msg)

    def __str__(self) -> str:
        return ", ".join(f"{k.replace('_', ' ')} {v:.0%}" for k, v in vars(self).items())


@dataclass(frozen=True)
class _Faults:
    """Which defects this rollout has."""

    hedging: bool
    repeated_query: bool
    wrong_first_query: bool
    early_answer: bool


class DecompositionTeacher(BaseChatModel):
    """A chat model that answers from question decompositions and real search.

    Give it as the model of the graph; each call returns the text of the next turn only.
    The `seed` of a call decides errors and wording; calls of one rollout may count it up
    by one a turn, as the graph does.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: str = "decomposition-teacher"
    """Name as recorded in traces."""
    continues_text: bool = True
    """Tells the model client that a last assistant message is continued, not answered."""
    errors: TeacherErrors = TeacherErrors()
    thinking: bool = True
    """Close the last thought with the dialect's tag, where it has one."""
    wordings: int = Field(default=1, ge=1, le=WORDINGS)
    """How many ways of saying the same its rollouts draw from. One teaches a small model
    with fewer traces; more look more like a large model's rollouts."""
    spaced_answers: bool = False
    """Put a space before an answer where the dialect's form has none. After a space its
    tokens are those it was read in, and a small model copies it more surely; whoever reads
    the answer strips it."""

    _dialect: Dialect = PrivateAttr()
    _plans: dict[str, Plan] = PrivateAttr()

    @classmethod
    def for_questions(
        cls,
        questions: Iterable[Question],
        *,
        dialect: Dialect | str | None = None,
        errors: TeacherErrors | None = None,
        thinking: bool = True,
        wordings: int = 1,
        spaced_answers: bool = False,
    ) -> DecompositionTeacher:
        """Make a teacher for these questions.

        Args:
            questions: of a world's question file; each needs its `decomposition`.
            dialect: what it writes and reads; the default dialect when None.
            errors: how often it errs; 15 % of each kind when None.
            thinking: whether the last thought is closed by the dialect's tag.
            wordings: how many ways of saying the same it draws from, 1 to 3.
            spaced_answers: whether a space is put before each answer.

        Raises:
            TeacherError: a question without a decomposition, or none at all.
        """
        teacher = cls(
            errors=errors or TeacherErrors(),
            thinking=thinking,
            wordings=wordings,
            spaced_answers=spaced_answers,
        )
        if dialect is None or isinstance(dialect, str):
            dialect = get_dialect(dialect) if dialect else get_dialect()
        teacher._dialect = dialect
        teacher._plans = {question.question: _plan(question) for question in questions}
        if not teacher._plans:
            msg = "the teacher was given no questions: name a world's question file"
            raise TeacherError(msg)
        return teacher

    @property
    def _llm_type(self) -> str:
        return "decomposition-teacher"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = self.next_turn(messages, seed=kwargs.get("seed") or 0)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages, **kwargs)

    def next_turn(self, messages: Sequence[BaseMessage], seed: int = 0) -> str:
        """Return the text of the next turn.

        Args:
            messages: the prompt, and the transcript so far; see `read_history`.
            seed: of this call.

        Raises:
            TeacherError: the prompt holds none of the teacher's questions.
        """
        history = read_history(messages, self._dialect)
        plan = self._find_plan(history.prompt)
        random = Random(f"{plan.id} {seed - history.turns}")
        turn = _Turn(self, plan, history.searches, self._faults(random), random)
        if not history.is_forced:
            return turn.write()
        if self._dialect.layout == "inline":
            return self._complete(history.text, turn.forced())
        return self.answer_turn(turn.forced_thought(), turn.forced())

    def _find_plan(self, prompt: str) -> Plan:
        for line in reversed(prompt.splitlines()):
            if line.strip() in self._plans:
                return self._plans[line.strip()]
        found = [question for question in self._plans if question in prompt]
        if not found:
            msg = (
                "the teacher has no decomposition for the question in this prompt: give it "
                "the question file that the rollout runs on"
            )
            raise TeacherError(msg)
        return self._plans[max(found, key=len)]

    def _faults(self, random: Random) -> _Faults:
        rates = self.errors
        return _Faults(
            hedging=random.random() < rates.hedging,
            repeated_query=random.random() < rates.repeated_query,
            wrong_first_query=random.random() < rates.wrong_first_query,
            early_answer=random.random() < rates.early_answer,
        )

    def query_turn(self, thought: str, query: str) -> str:
        """Return a turn that searches."""
        return self._dialect.format_turn(thought, Action("search", queries=(query,)))

    @property
    def opens_pages(self) -> bool:
        """Whether its dialect has a tool for that."""
        return reads_pages(self._dialect)

    def read_turn(self, thought: str, url: str, goal: str) -> str:
        """Return a turn that opens a page."""
        return self._dialect.format_turn(
            thought, Action("read", url=url, urls=(url,), goal=goal)
        )

    def answer_turn(self, thought: str, answer: str) -> str:
        """Return a turn that answers."""
        if not self.thinking:
            return f"{thought}\n\n{self._dialect.format_answer(self._spaced(answer))}"
        return self._dialect.format_turn(
            thought, Action("answer", text=self._spaced(answer))
        )

    def _spaced(self, answer: str) -> str:
        form = self._dialect.format_answer(answer)
        before = form[: form.index(answer)]
        if before[-1:].isspace() or not self.spaced_answers:
            return answer
        return f" {answer}"

    def _complete(self, transcript: str, answer: str) -> str:
        """Return the rest of an answer that the harness has begun."""
        whole = self._dialect.format_answer(self._spaced(answer))
        for length in range(len(whole), 0, -1):
            if transcript.endswith(whole[:length]):
                return whole[length:]
        return whole

    def other_subject(self, plan: Plan, random: Random) -> str:
        """Return the subject of another question's first hop, for a wrong first query."""
        first = plan.hops[0]
        others = sorted(
            other.hops[0].subject
            for other in self._plans.values()
            if other.hops[0].relation is first.relation
            and other.hops[0].subject != first.subject
        )
        return random.choice(others) if others else ""

    def other_answer(self, plan: Plan, random: Random) -> str:
        """Return another question's answer of the same kind, for a wrong guess."""
        others = sorted(
            {
                other.answer
                for other in self._plans.values()
                if other.last_object == plan.last_object and other.answer != plan.answer
            }
        )
        return random.choice(others) if others else ""


def _plan(question: Question) -> Plan:
    try:
        return read_plan(question)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        msg = (
            f"question {question.id} has no usable `decomposition` ({error!r}): the teacher "
            "needs a question file of `deepsearch world build`"
        )
        raise TeacherError(msg) from error


class _Turn:
    """One turn of a rollout: what is known, what is asked next, in which words."""

    def __init__(
        self,
        teacher: DecompositionTeacher,
        plan: Plan,
        searches: Sequence[PastSearch],
        faults: _Faults,
        random: Random,
    ) -> None:
        self._teacher = teacher
        self._plan = plan
        self._searches = searches
        self._faults = faults
        self._random = random
        self._words = Wording(plan, style=random.randrange(teacher.wordings))

    def write(self) -> str:
        """Return the turn's text."""
        queries = [search.query for search in self._searches]
        # Drawn on every turn, so that a rollout's later draws do not depend on its turn.
        other = self._teacher.other_subject(self._plan, self._random)
        guess = self._guess()
        if self._faults.wrong_first_query and other and not queries:
            first = self._plan.hops[0]
            thought = self._hedged(self._words.wrong_start(other))
            return self._teacher.query_turn(thought, first.relation.query.format(s=other))
        if (
            self._faults.repeated_query
            and queries
            and len(set(queries)) == len(queries) == 1
        ):
            return self._teacher.query_turn(self._hedged(self._words.repeat()), queries[-1])
        for number, hop in enumerate(self._plan.hops):
            if not self._found(hop):
                return self._unresolved(number, hop, guess)
        return self._final(self._words.conclusion(), self._plan.answer)

    def forced(self) -> str:
        """Return the answer to give when the harness demands one."""
        known = all(self._found(hop) for hop in self._plan.hops)
        return self._plan.answer if known else self._plan.unknown

    def forced_thought(self) -> str:
        """Return the thought of that answer, where it has one."""
        return self._words.forced(self.forced())

    def _unresolved(self, number: int, hop: PlanHop, guess: str) -> str:
        tried = [s for s in self._searches if s.query in hop.queries]
        if self._faults.early_answer and not tried and self._searches:
            return self._final(self._words.guess(guess), guess)
        if page := self._page_to_open(tried):
            thought = self._hedged(self._words.open(hop))
            return self._teacher.read_turn(thought, page, self._words.goal(hop))
        if len(tried) < len(hop.queries):
            query = next(q for q in hop.queries if q not in {s.query for s in tried})
            if tried:
                thought = self._words.retry(hop)
            else:
                wrong = self._searches and not self._plan.asked_any(
                    search.query for search in self._searches
                )
                thought = self._words.step(number, corrects=bool(wrong))
            return self._teacher.query_turn(self._hedged(thought), query)
        return self._final(self._words.not_found(hop), self._plan.unknown)

    def _page_to_open(self, tried: Sequence[PastSearch]) -> str:
        """Return the page to open next of the search just made; empty for none."""
        if not (self._teacher.opens_pages and tried and tried[-1] is self._searches[-1]):
            return ""
        last = tried[-1]
        return last.unopened() if len(last.opened) < PAGES_OPENED else ""

    def _found(self, hop: PlanHop) -> bool:
        """Whether a search for a hop has brought its fact."""
        seen = " ".join(s.result for s in self._searches if s.query in hop.queries)
        seen = _normal(seen)
        return bool(hop.values) and all(_normal(value) in seen for value in hop.values)

    def _guess(self) -> str:
        right = self._random.random() < RIGHT_GUESSES
        wrong = self._teacher.other_answer(self._plan, self._random)
        return self._plan.answer if right or not wrong else wrong

    def _final(self, thought: str, answer: str) -> str:
        return self._teacher.answer_turn(self._hedged(thought), answer)

    def _hedged(self, thought: str) -> str:
        return self._words.hedge(thought) if self._faults.hedging else thought


def _normal(text: str) -> str:
    return " ".join(text.lower().split())
