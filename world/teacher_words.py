"""The teacher's sentences: few wordings, always the same, so that a small model learns.

The first thought lays out the plan, numbered, each step naming the one it builds on. Every
later one quotes the fact just found and takes up the next step, so that nothing has to be
worked out from the question again. The last one shows how the facts make the answer: both
values and the comparison, the list and its count.
"""

from __future__ import annotations

from collections.abc import Callable

from ..questions import OPEN_ENDED
from .relations import join_names
from .teacher_plan import Plan, PlanHop

FIRST = ("First I need {n}.", "I start with {n}.", "The first thing to find is {n}.")
START = ("I start with #1.", "First comes #1.", "Now #1.")
NEXT = ("Next is #{k}, {n}.", "Now #{k}: {n}.", "#{k} comes next: {n}.")
WORDINGS = len(NEXT)
"""How many wordings there are of each sentence."""

DONE = "That was the last step."
SO = ("So the answer is {a}.", "The answer is {a}.", "Therefore the answer is {a}.")
LISTED = "These are the findings."
"""What is said of an answer that is a list."""

HEDGES = (
    "Wait, maybe I should think again. Hmm, wait, is that what was asked? Wait, "
    "alternatively I could look at it the other way round. Hmm, wait, no, I go on.",
    "Hmm, wait. Alternatively, it may mean something else. Wait, perhaps not. Hmm, wait, "
    "maybe it does. Wait, I stay with it.",
)
"""More than three times one word, the limit of SimpleDeepSearcher
response_curation.py:397-399."""

KIN_MEANING = {
    "paternal grandfather": "the father of the father of {s}",
    "maternal grandfather": "the father of the mother of {s}",
    "paternal grandmother": "the mother of the father of {s}",
    "maternal grandmother": "the mother of the mother of {s}",
    "father-in-law": "the father of the spouse of {s}",
    "mother-in-law": "the mother of the spouse of {s}",
}


class Wording:
    """The sentences of one rollout; `style` chooses among the wordings."""

    def __init__(self, plan: Plan, style: int) -> None:
        self._plan = plan
        self._style = style

    def step(self, number: int, *, corrects: bool = False) -> str:
        """Return the thought before the query of a hop."""
        need = self._plan.hops[number].relation.need.format(
            s=self._plan.hops[number].subject
        )
        if number:
            before = _states(self._plan.hops[number - 1])
            return f"{before} {NEXT[self._style].format(k=number + 1, n=need)}"
        start = START[self._style] if len(self._plan.hops) > 1 else ""
        start = start or FIRST[self._style].format(n=need)
        wrong = "That was not what was asked. " if corrects else ""
        return f"{wrong}{self._opening()}{self._steps()}{start}"

    def _steps(self) -> str:
        """Return the plan as numbered steps; `#1` stands for what step 1 finds."""
        hops = self._plan.hops
        if len(hops) == 1:
            return ""
        steps = [
            f"#{number} {hop.relation.need.format(s=self._reference(number - 1))}"
            for number, hop in enumerate(hops, 1)
        ]
        return f"My plan: {'; '.join(steps)}. "

    def _reference(self, index: int) -> str:
        subject = self._plan.hops[index].subject
        earlier = self._plan.hops[:index]
        for number in range(len(earlier), 0, -1):
            if earlier[number - 1].values == (subject,):
                return f"#{number}"
        return subject

    def _opening(self) -> str:
        detail = self._plan.detail
        if self._plan.kind == "inference":
            of = detail["of"] if len(self._plan.hops) == 2 else "the director"
            meaning = KIN_MEANING[detail["kin"]].format(s=of)
            return f"The {detail['kin']} of {of} is {meaning}. "
        if self._plan.kind in ("comparison", "bridge_comparison"):
            return f"I compare {' and '.join(detail['names'])}. "
        return ""

    def retry(self, hop: PlanHop) -> str:
        """Return the thought after a search that did not bring the fact."""
        return f"{_missing(hop)} I search again with other words."

    def open(self, hop: PlanHop) -> str:
        """Return the thought before a page that was found is opened."""
        return f"{_missing(hop)} I open a page that was found."

    def goal(self, hop: PlanHop) -> str:
        """Return what a page is opened for."""
        return hop.relation.need.format(s=hop.subject)

    def forced(self, answer: str) -> str:
        """Return the thought of an answer that is demanded."""
        return self._so(answer)

    def not_found(self, hop: PlanHop) -> str:
        """Return the last thought when the fact was not to be found."""
        return f"{_missing(hop)} I could not find it. {self._so(self._plan.unknown)}"

    def repeat(self) -> str:
        """Return the thought before a query that is asked again."""
        return "I look this up once more to be sure."

    def wrong_start(self, subject: str) -> str:
        """Return the thought before a first query about another entity."""
        need = self._plan.hops[0].relation.need.format(s=subject)
        return FIRST[self._style].format(n=need)

    def guess(self, answer: str) -> str:
        """Return the thought of an answer given before the evidence."""
        return f"I have not looked everything up, but I think I know it. {self._so(answer)}"

    def hedge(self, thought: str) -> str:
        """Return the thought with needless reflection before it."""
        return f"{HEDGES[self._style % len(HEDGES)]} {thought}"

    def conclusion(self) -> str:
        """Return the last thought: the fact just found and how the facts answer."""
        kinds: dict[str, Callable[[], str]] = {
            "comparison": self._compared,
            "bridge_comparison": self._compared,
            "yes_no": self._same,
            "counting": self._counted,
            "inference": self._inferred,
        }
        last = _states(self._plan.hops[-1], numbered=self._plan.kind == "counting")
        reasoning = kinds.get(self._plan.kind, lambda: "")()
        return " ".join(
            part
            for part in (last, self._done(), reasoning, self._so(self._plan.answer))
            if part
        )

    def _done(self) -> str:
        return DONE if len(self._plan.hops) > 1 else ""

    def _compared(self) -> str:
        """Put the two in order and take the one asked for.

        A small model looks a name up by the words before it: so a name stands right after
        its year, the one asked for after the very words that take it up again, and what
        was asked before both words for it are on the page.
        """
        names = self._plan.detail["names"]
        years = [h.values[0] for h in self._plan.hops if h.relation.object == "year"]
        pairs = [f"{year} {name}" for year, name in zip(years, names, strict=True)]
        low, high = sorted(pairs)
        word = self._plan.detail["word"]
        before = "earlier" if word == "later" else word
        wanted = high if word == "later" else low
        return (
            f"Asked: {word}. Years: {join_names(pairs)}. In order: {before} is {low}; "
            f"later is {high}. So {word} is {wanted}."
        )

    def _same(self) -> str:
        """Compare two values: a small model sees best that what it writes was there before."""
        ends = [h for h in self._plan.hops if h.relation is self._plan.hops[-1].relation]
        first, second = (join_names(hop.values) for hop in ends)
        if first == second:
            return f"{first} noted. {second} noted: the same."
        return f"{first} noted. {second} new: not the same."

    def _counted(self) -> str:
        return f"That makes {len(self._plan.hops[-1].values)}."

    def _inferred(self) -> str:
        detail = self._plan.detail
        return f"That is the {detail['kin']} of {detail['of']}."

    def _so(self, answer: str) -> str:
        if self._plan.kind == OPEN_ENDED:
            return LISTED
        return SO[self._style].format(a=answer)


def _states(hop: PlanHop, *, numbered: bool = False) -> str:
    values = [f"{n} {value}" for n, value in enumerate(hop.values, 1)]
    names = join_names(values if numbered else hop.values)
    sentence = hop.relation.states.format(s=hop.subject, o=names)
    return sentence[0].upper() + sentence[1:]


def _missing(hop: PlanHop) -> str:
    return f"The results do not state {hop.relation.need.format(s=hop.subject)}."
