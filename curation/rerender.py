"""Writes a trace again in another dialect: the same thoughts, searches and answer.

So one set of traces, or one teacher, serves models of several dialects. What the model wrote
and what it read keep their order and their author; tags, numbering, white space, fixed
messages and the prompt are the other dialect's. Token ids are lost, since the text is new.

What is written is what a model of that dialect could write: every turn ends where the
client would cut it, and reads as the same action there. A trace whose words would say
something else in the other dialect is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..errors import DeepSearchError
from ..nodes.dialects import Action, Dialect, dialect_of, get_dialect, recorded_name
from ..nodes.dialects.base import Result
from ..nodes.dialects.parts.answering import as_answering_dialect
from ..nodes.models.base import chat_segments
from ..trace import SearchRecord, Segment, Speaker, Trace

GAP = "\ue000"
"""Stands for the evidence in the form of a result; no text holds it."""


class RerenderError(DeepSearchError):
    """A trace cannot be said in the other dialect."""


def rerender(trace: Trace, dialect: str) -> Trace:
    """Return a trace in another inline dialect.

    A turn of several queries becomes a turn each where the dialect asks one at a time;
    what the model recalled is a thought where the dialect has no form for it.
    Documents that the model read as they were are listed as the dialect lists them;
    evidence of a condenser stays word for word.

    Args:
        trace: of any dialect.
        dialect: an inline dialect's name, or the path of a dialect file.

    Raises:
        UnknownDialectError: no dialect has that name.
        NoAnswerDialectError: no model that answers questions speaks it.
        RerenderError: the dialect has turns of its own, or the trace holds an action or a
            message that has no counterpart there.
    """
    target = inline_dialect(dialect)
    return _Writer(trace, dialect_of(trace), target, recorded_name(dialect)).trace()


def inline_dialect(name: str) -> Dialect:
    """Return a dialect that traces can be said in.

    Raises:
        UnknownDialectError: no dialect has that name.
        NoAnswerDialectError: no model that answers questions speaks it.
        RerenderError: the dialect has turns of its own.
    """
    target = as_answering_dialect(get_dialect(name))
    if target.layout != "inline":
        msg = f"dialect {name!r} places results as {target.layout}: name an inline one"
        raise RerenderError(msg)
    return target


class _Writer:
    """Writes one trace turn by turn."""

    def __init__(self, trace: Trace, source: Dialect, target: Dialect, name: str) -> None:
        self._trace = trace
        self._source = source
        self._target = target
        self._name = name
        self._segments: list[Segment] = []
        self._searches: list[SearchRecord] = []
        self._turn = 0
        self._known: list[str] = []
        """What was recalled and is to stand in the next thought."""
        self._recalls = 0

    def trace(self) -> Trace:
        """Return the trace in the other dialect."""
        prompt = chat_segments(self._prompt(), None, self._target.prefill)
        self._segments = [Segment(**segment) for segment in prompt]
        for turn in self._trace.turns():
            self._write(turn)
        self._add_known()
        spent = {"turns": self._turn, "recalls": self._recalls}
        changes = {
            "segments": self._segments,
            "searches": self._searches,
            "dialect": self._name,
            "exactness": "text",
            "settings": {**self._trace.settings, "dialect": self._name},
            "usage": self._trace.usage.model_copy(update=spent),
        }
        return self._trace.model_copy(update=changes)

    def _prompt(self) -> list[dict[str, str]]:
        limits = self._trace.settings.get("limits") or {}
        limit = limits.get("searches", self._target.budgets.max_searches)
        return self._target.prompt(
            self._trace.question, max_searches=limit, today=self._trace.started_at[:10]
        )

    def _write(self, turn: Sequence[Segment]) -> None:
        written = "".join(s.text for s in turn if s.trainable)
        forced = any(_is(s, self._source.force_answer()) for s in turn if not s.trainable)
        if forced:
            self._add_known()
            self._force(written)
            return
        action = self._source.parse(written)
        thought = self._with_known(self._thought(turn))
        answers = [s for s in turn if not s.trainable and s.kind in ("result", "notice")]
        if action.kind == "answer":
            answer = self._spaced(written, action.text)
            self._add_turn(thought, Action("answer", text=answer))
        elif action.kind == "search":
            self._search(thought, action, turn[0].turn, answers)
        elif action.kind == "recall":
            self._recall(thought, action)
        elif action.kind == "invalid" and not answers:
            self._check(thought, action)
            self._add_text(thought)  # the run ended in mid-thought
        else:
            msg = (
                f"trace {self._trace.id}, turn {turn[0].turn}: {action.kind} has no form in "
                f"{self._name!r}; leave the trace out"
            )
            raise RerenderError(msg)

    def _recall(self, thought: str, action: Action) -> None:
        """Write what was recalled: in its own form, or into the thought that follows."""
        form = getattr(self._target, "format_recall", None)
        if form is None:
            self._known = [part for part in (thought, action.text) if part]
            return
        self._recalls += 1
        self._turn += 1
        recall = form(action.text)
        text = f"{thought}\n\n{recall}" if thought else recall
        self._check(text, action)
        for part in self._target.split_turn(text):
            self._add_text(text[part.start : part.end], kind=part.kind, opens=False)

    def _add_known(self) -> None:
        """Write down what was recalled and no thought followed."""
        text = self._with_known("")
        if text:
            self._check(text, Action("invalid"))
            self._add_text(text)

    def _with_known(self, thought: str) -> str:
        said = [*self._known, *([thought] if thought else [])]
        self._known = []
        return "\n\n".join(said)

    def _search(
        self, thought: str, action: Action, turn: int, answers: Sequence[Segment]
    ) -> None:
        records = [record for record in self._trace.searches if record.turn == turn]
        for query in action.queries:
            self._add_turn(thought, Action("search", queries=(query,)))
            thought = ""
            record = next((r for r in records if _same(r.query, query)), None)
            if record is not None:
                # Later turns may be counted from a split one.
                self._searches.append(record.model_copy(update={"turn": self._turn}))
            result = self._result(query, record, records, answers)
            self._add_inserted(*result)

    def _result(
        self,
        query: str,
        record: SearchRecord | None,
        records: Sequence[SearchRecord],
        answers: Sequence[Segment],
    ) -> tuple[str, str]:
        """Return kind and text of what follows a query."""
        text = "".join(s.text for s in answers)
        if record is None:
            return "notice", self._notice(query, text)
        documents = [document.model_dump() for document in record.documents]
        own = self._source.neutralize(self._source.format_documents(documents)).strip()
        if own and own in text:
            evidence = self._target.format_documents(documents)
        elif len(records) == 1:
            evidence = self._evidence(text)
        else:
            msg = (
                f"trace {self._trace.id}, turn {record.turn}: the evidence of several "
                "queries cannot be told apart; leave the trace out"
            )
            raise RerenderError(msg)
        joined = self._target.join_results([Result(evidence, query, documents=documents)])
        return "result", self._target.render_results(joined)

    def _evidence(self, text: str) -> str:
        before, after = map(re.escape, self._source.wrap_result(GAP).strip().split(GAP))
        found = re.search(f"{before}(.*?){after}", text, re.DOTALL)
        if found is None:
            msg = (
                f"trace {self._trace.id}: a result has not the form of "
                f"{self._source.name!r}; leave the trace out"
            )
            raise RerenderError(msg)
        evidence = found[1]
        for message in ("empty_message", "error_message"):
            if evidence.strip() == getattr(self._source, message)().strip():
                return getattr(self._target, message)()
        return evidence

    def _notice(self, query: str, text: str) -> str:
        limits = self._trace.settings.get("limits") or {}
        limit = limits.get("searches") or 0
        if self._source.repeat_message(query) in text:
            return self._target.repeat_message(query)
        if self._source.limit_message(limit) in text:
            return self._target.limit_message(limit)
        msg = (
            f"trace {self._trace.id}: the query {query!r} was neither run nor refused in "
            "words known here; leave the trace out"
        )
        raise RerenderError(msg)

    def _force(self, written: str) -> None:
        asked = self._source.force_answer() + written
        answer = self._source.extract_answer(asked) or ""
        opening = self._target.force_answer()
        self._turn += 1
        self._add_inserted("notice", opening, speaker="assistant")
        whole = self._target.format_answer(self._spaced(asked, answer))
        said = next(
            whole[n:] for n in range(len(whole), -1, -1) if opening.endswith(whole[:n])
        )
        is_whole = self._target.forced_answer_end(said) in (None, len(said))
        if not is_whole or (self._target.extract_answer(opening + said) or "") != answer:
            raise self._reads_otherwise()
        self._add_text(said, kind="answer", opens=False)

    def _spaced(self, written: str, answer: str) -> str:
        """Return the answer with the space before it that its dialect's form has not.

        A teacher of small models puts one there: after it, an answer has the tokens it was
        read in.
        """
        before = self._source.format_answer(GAP).partition(GAP)[0]
        start, end = (self._source.answer_spans(written) or [(0, 0)])[-1]
        said = written[start:end]
        has_space = said.startswith(before) and said[len(before) :][:1].isspace()
        if not answer or before[-1:].isspace() or not has_space:
            return answer
        form = self._target.format_answer(GAP).partition(GAP)[0]
        return answer if form[-1:].isspace() else f" {answer}"

    def _thought(self, turn: Sequence[Segment]) -> str:
        """Return what the model thought, without the tags of thoughts."""
        text = "".join(s.text for s in turn if s.trainable and s.kind == "reason")
        known = ("<think>", "</think>", self._source.thinking_close or "</think>")
        for tag in {*known, *(self._source.turn_thought or ())}:
            text = text.replace(tag, "")
        return text.strip()

    def _add_turn(self, thought: str, action: Action) -> None:
        self._turn += 1
        text = self._target.format_turn(thought, action)
        self._check(text, action)
        for part in self._target.split_turn(text):
            self._add_text(text[part.start : part.end], kind=part.kind, opens=False)

    def _check(self, text: str, action: Action) -> None:
        """Refuse a turn that the client would cut elsewhere, or take for another action."""
        end, read = self._target.first_action_end(text), self._target.parse(text)
        is_whole = end == len(text) or (
            end is None and action.kind in ("answer", "invalid")
        )
        said = action.text.strip() if action.kind == "answer" else ""
        is_same = (read.kind, read.queries) == (action.kind, action.queries)
        if not is_whole or not is_same or (said and read.text != said):
            raise self._reads_otherwise()

    def _reads_otherwise(self) -> RerenderError:
        msg = (
            f"trace {self._trace.id}: the words of turn {self._turn} say something else in "
            f"{self._name!r}, such as one of its tags; leave the trace out"
        )
        return RerenderError(msg)

    def _add_text(self, text: str, *, kind: str = "reason", opens: bool = True) -> None:
        self._turn += opens
        if text:
            written: dict[str, Any] = {"kind": kind, "text": text, "turn": self._turn}
            self._segments.append(Segment(**written, speaker="assistant", trainable=True))

    def _add_inserted(self, kind: str, text: str, speaker: Speaker | None = None) -> None:
        speaker = speaker or self._target.result_speaker
        inserted: dict[str, Any] = {"kind": kind, "text": text, "turn": self._turn}
        self._segments.append(Segment(**inserted, speaker=speaker))


def _is(segment: Segment, text: str) -> bool:
    return segment.kind == "notice" and segment.text == text


def _same(one: str, other: str) -> bool:
    return " ".join(one.split()).lower() == " ".join(other.split()).lower()
