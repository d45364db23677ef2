"""What the teacher knows of a question: its hops and how they make the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..questions import Question, is_open_ended
from .preset import UNKNOWN
from .relations import RELATIONS, Relation


@dataclass(frozen=True)
class PlanHop:
    """One fact to find."""

    relation: Relation
    subject: str
    """As the question or the page before it names it."""
    values: tuple[str, ...]
    """Empty when no page states the fact."""

    @property
    def queries(self) -> tuple[str, ...]:
        """The query, then other wordings for when it finds nothing."""
        forms = (self.relation.query, *self.relation.retries)
        return tuple(form.format(s=self.subject) for form in forms)


@dataclass(frozen=True)
class Plan:
    """The hops of a question in the order they are searched."""

    id: str
    kind: str
    answer: str
    hops: tuple[PlanHop, ...]
    detail: Mapping[str, Any]
    unknown: str = UNKNOWN

    @property
    def last_object(self) -> str:
        """What kind of thing the answer is, so that a wrong guess is plausible."""
        if self.kind in ("yes_no", "counting"):
            return self.kind
        if self.kind in ("comparison", "bridge_comparison"):
            return self.hops[0].relation.subject
        return self.hops[-1].relation.object

    def asked_any(self, queries: Iterable[str]) -> bool:
        """Whether one of the queries belongs to this plan."""
        own = {query for hop in self.hops for query in hop.queries}
        return any(query in own for query in queries)


def read_plan(question: Question) -> Plan:
    """Read a question's decomposition as a world's question file holds it."""
    record = question.metadata
    listed = "\n".join(f"- {finding}" for finding in question.golds)
    hops = tuple(
        PlanHop(
            relation=RELATIONS[hop["relation"]],
            subject=str(hop["subject"]),
            values=tuple(str(value) for value in hop["values"]),
        )
        for hop in record["decomposition"]
    )
    return Plan(
        id=question.id,
        kind=str(record["kind"]),
        answer=listed if is_open_ended(record) else question.golds[0],
        hops=(hops[0], *hops[1:]),  # an empty list is an IndexError
        detail=record.get("detail") or {},
    )
