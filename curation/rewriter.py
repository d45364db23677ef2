"""R1-Searcher++'s rewriter: what a right run found, told as knowledge of one's own.

A model turns the documents of a right run into text without a search: a thought and an
`<internal>` fact for each thing that had to be known, then the answer. Training on it
(`training/memorization.py`) puts what was retrieved into the model.

That there is a rewriter, and that it works on the retrieved documents of right rollouts, is
in the README and figures of RUCAIBox/R1-Searcher-plus. Unverified, and our own here: its
prompt, the checks, and that facts and answer form one text. Code makes every check
(`rewriter_checks.py`); what fails is asked for once more, then left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import DeepSearchError
from ..nodes.dialects import Action, dialect_of, get_dialect, recorded_name
from ..nodes.models.base import chat_segments
from ..tools.snippet import snippet_window
from ..trace import Document, Segment, Trace, Usage
from .asking import Asker, TooLongError, fill
from .rewriter_checks import (
    Step,
    check_answer,
    check_sources,
    check_words,
    document_text,
    read_steps,
)
from .synthesis.method import ATTEMPTS, RETRY_TEMPERATURE, RejectedError, reject

DIALECT = "r1_searcher_plus"
"""The dialect with a form for recalled knowledge."""

DOCUMENT_CHARS = 1200
"""Characters of a document that the rewriter reads, around what was searched for."""

DOCUMENTS = 5
"""Documents of a search that the rewriter reads."""

PROMPT = """A question was answered with searches. Tell the same way to the answer as someone \
who knew the facts by heart and never searched.

Question: {{question}}
Answer: {{answer}}

{{findings}}

Give one step for each fact that the answer needs, in the order in which they are needed:
- "thought": a sentence that says what has to be known next;
- "knowledge": the fact itself, in full sentences that name what they are about, taken from the \
documents alone;
- "documents": the numbers of the documents that say so.
Then "conclusion": a sentence that leads from the facts to the answer.
Neither thoughts, knowledge nor conclusion may speak of documents, passages, sources, searches \
or queries, and none may hold a tag or a number in brackets.
Reply with one JSON object {"steps": [{"thought": "...", "knowledge": "...", "documents": [1]}], \
"conclusion": "..."}."""
"""Our own words; the original's prompt is not published."""


class RewriterError(DeepSearchError):
    """The dialect has no form for knowledge that is recalled."""


@dataclass(frozen=True)
class Rewritten:
    """What became of a run."""

    trace: Trace | None
    rejected: tuple[str, ...] = ()
    """Why tries failed, by check."""


class Rewriter:
    """Rewrites right runs into text without a search.

    Args:
        asker: the model that writes.
        dialect: in whose form; one that can recall.

    Raises:
        RewriterError: the dialect cannot.
    """

    def __init__(self, asker: Asker, dialect: str = DIALECT) -> None:
        self.asker = asker
        self.dialect = recorded_name(dialect)
        self._dialect = get_dialect(dialect)
        self._wrap = recall_form(dialect)

    async def rewrite(self, trace: Trace) -> Rewritten:
        """Return a right run as a run that knew everything, or why there is none.

        Raises:
            AskError: the model failed.
        """
        shown = Shown.of(trace)
        if not shown.documents:
            return Rewritten(None, ("no documents",))
        rejected: list[str] = []
        for attempt in range(ATTEMPTS):
            try:
                return Rewritten(await self._try(trace, shown, attempt), tuple(rejected))
            except RejectedError as error:
                rejected.append(str(error))
            except TooLongError:
                rejected.append("documents too long for the model")
                break
        return Rewritten(None, tuple(rejected))

    async def _try(self, trace: Trace, shown: Shown, attempt: int) -> Trace:
        prompt = fill(
            PROMPT,
            question=trace.question,
            answer=trace.answer or "",
            findings=shown.text,
        )
        heat = RETRY_TEMPERATURE if attempt else 0.0
        reply = await self.asker.ask(prompt, temperature=heat, seed=attempt)
        steps, conclusion = read_steps(reply)
        dialects = (self._dialect, dialect_of(trace))
        reject(check_words(steps, conclusion, dialects))
        reject(check_sources(steps, shown.documents))
        reject(check_answer(steps, answers_of(trace)))
        return self._trace(trace, steps, conclusion, shown)

    def _trace(
        self, trace: Trace, steps: Sequence[Step], conclusion: str, shown: Shown
    ) -> Trace:
        answer = trace.answer or ""
        segments = self._prompt(trace)
        for turn, step in enumerate(steps, 1):
            gap = "\n\n" if turn > 1 else ""
            text = f"{gap}{step.thought}\n\n{self._wrap(step.knowledge)}"
            segments += self._turn(text, turn, Action("recall", text=step.knowledge))
        closing = Action("answer", text=answer)
        text = "\n\n" + self._dialect.format_turn(conclusion, closing)
        segments += self._turn(text, len(steps) + 1, closing)
        cited = sorted({number for step in steps for number in step.documents})
        told = {
            "internalized_from": trace.id,
            "rewriter": self.asker.name,
            "documents": [
                shown.documents[n].url or shown.documents[n].title for n in cited
            ],
        }
        return Trace(
            id=trace.id,
            question_id=trace.question_id,
            rollout=trace.rollout,
            question=trace.question,
            golds=trace.golds,
            metadata={**trace.metadata, **told},
            segments=segments,
            answer=answer,
            stop_reason="answered",
            outcome=trace.outcome,
            dialect=self.dialect,
            model=trace.model,
            settings={"dialect": self.dialect},
            usage=Usage(turns=len(steps) + 1, recalls=len(steps), estimated=True),
            started_at=trace.started_at,
        )

    def _prompt(self, trace: Trace) -> list[Segment]:
        if trace.dialect == self.dialect:  # the very prompt that the policy is given
            return [s for s in trace.segments if s.kind == "prompt"]
        messages = self._dialect.prompt(
            trace.question,
            max_searches=self._dialect.budgets.max_searches,
            today=trace.started_at[:10],
        )
        found = chat_segments(messages, None, self._dialect.prefill)
        return [Segment(**segment) for segment in found]

    def _turn(self, text: str, turn: int, action: Action) -> list[Segment]:
        """Return a turn's segments.

        Raises:
            RejectedError: a model that wrote it would have been cut elsewhere.
        """
        read = self._dialect.parse(text)
        is_whole = self._dialect.first_action_end(text) == len(text)
        if not is_whole or (read.kind, read.text) != (action.kind, action.text):
            reject("does not read as it should")
        return [
            Segment(
                kind=part.kind,
                speaker="assistant",
                text=text[part.start : part.end],
                trainable=True,
                turn=turn,
            )
            for part in self._dialect.split_turn(text)
        ]


def recall_form(dialect: str) -> Callable[[str], str]:
    """Return what puts knowledge into a dialect's form of recalling it.

    Raises:
        RewriterError: the dialect has none.
    """
    form = getattr(get_dialect(dialect), "format_recall", None)
    if form is None:
        msg = (
            f"dialect {dialect!r} has no form for knowledge that is recalled "
            f"(`format_recall`); take {DIALECT}"
        )
        raise RewriterError(msg)
    return form


@dataclass(frozen=True)
class Shown:
    """What a run found, as the rewriter reads it."""

    text: str
    documents: Mapping[int, Document]
    """By the number it is shown with."""

    @classmethod
    def of(cls, trace: Trace) -> Shown:
        """Return the documents of a run's searches and reads, in order, numbered."""
        found = [(r.turn, r.query, r.documents[:DOCUMENTS]) for r in trace.searches]
        found += [(r.turn, r.goal, [r.document]) for r in trace.reads if r.document]
        parts: list[str] = []
        documents: dict[int, Document] = {}
        for _, wanted, some in sorted(found, key=lambda one: one[0]):
            lines = [f"Looked for: {wanted}"] if some else []
            for document in some:
                documents[len(documents) + 1] = document
                text = snippet_window(document_text(document), wanted, DOCUMENT_CHARS)
                lines.append(f"Document {len(documents)}: {document.title}\n{text}")
            parts += lines
        return cls("\n\n".join(parts), documents)


def answers_of(trace: Trace) -> list[str]:
    """Return what counts as the answer: the gold ones, else the run's own."""
    return list(trace.golds) or [trace.answer or ""]
