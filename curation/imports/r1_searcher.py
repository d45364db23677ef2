"""R1-Searcher's evaluation files: one rollout a line, the whole output in one string.

Keys: question, answer, pred_ans, stop_reason_final, gen_text_store, gpt4o_output
(data/eval_results at 631167c).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...evals.metrics import outcome
from ...nodes.dialects import Dialect, get_dialect
from ...nodes.dialects.r1_searcher import BEGIN_DOCUMENTS, END_DOCUMENTS, END_QUERY
from ...questions import question_id
from ...tools.contracts import read_line
from ...trace import Document, SearchRecord, Segment, Trace, Usage
from .documents import number_sources
from .golds import gold_answers
from .source import TraceSource
from .turns import given, own_prompt, written

_TURN_END = re.compile(
    f"(?P<end>{re.escape(END_QUERY)})"
    f"(?P<result>\n\n{re.escape(BEGIN_DOCUMENTS)}\n(?P<docs>.*?)"
    f"{re.escape(END_DOCUMENTS)}\n\n)",
    re.DOTALL,
)
"""A query's end and the result inserted after it (evaluation/eval_search_loacl.py:278)."""
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
FINISHED = "finished"
"""`stop_reason_final` of a run that ended with an answer."""


class R1SearcherSource(TraceSource):
    """One line, one rollout."""

    name = "r1_searcher"
    describes = "R1-Searcher's eval_results/*.jsonl"

    def to_trace(self, record: Mapping[str, Any], identifier: str) -> Trace:
        question, text = record["question"], record["gen_text_store"]
        # The files' names alone tell which model wrote them.
        dialect = get_dialect("r1_searcher:llama" if "llama" in identifier else self.name)
        segments, searches = split_rollout(text, dialect)
        answer = dialect.extract_answer(segments[-1].text) if segments else None
        golds = gold_answers(record.get("answer"))
        return Trace(
            id=identifier,
            question_id=question_id(question),
            question=question,
            golds=golds,
            segments=[*own_prompt(dialect, question), *segments],
            searches=searches,
            sources=number_sources(searches),
            answer=answer,
            stop_reason="answered" if answer is not None else "turn_limit",
            outcome=_outcome(answer, golds, record.get("gpt4o_output")),
            dialect=dialect.name,
            usage=Usage(
                turns=segments[-1].turn if segments else 0,
                searches=len(searches),
                estimated=True,
            ),
        )

    def to_record(self, trace: Trace) -> dict[str, Any]:
        text = trace.output_text
        answers = _ANSWER.findall(text)
        judge = trace.outcome.get("judge")
        return {
            "question": trace.question,
            "answer": trace.golds[0] if len(trace.golds) == 1 else trace.golds,
            "pred_ans": answers[-1] if answers else "",
            "stop_reason_final": FINISHED if answers else "",
            "gen_text_store": text,
            "gpt4o_output": "" if judge is None else str(judge > 0),
        }


def split_rollout(text: str, dialect: Dialect) -> tuple[list[Segment], list[SearchRecord]]:
    """Cut a whole output into segments and the searches it made; joined they are it."""
    segments: list[Segment] = []
    searches: list[SearchRecord] = []
    position = 0
    for turn, match in enumerate(_TURN_END.finditer(text), 1):
        wrote = text[position : match.end("end")]
        segments += written(dialect, wrote, turn)
        segments.append(given(dialect, match["result"], turn))
        query = " ".join(dialect.parse(wrote).queries)
        documents = parse_documents(match["docs"])
        searches.append(SearchRecord(turn=turn, query=query, documents=documents))
        position = match.end()
    return [*segments, *written(dialect, text[position:], len(searches) + 1)], searches


def parse_documents(block: str) -> list[Document]:
    r"""Return the documents of `(1)…\n(2)…\n`; ids are left empty.

    >>> [d.title for d in parse_documents('(1)"Title: A ""B"" Text:  C."\n(2)None\n')]
    ['A "B"', '']
    """
    documents: list[Document] = []
    rest = block.removeprefix("(1)")
    while rest and rest != block:
        # Only the next number ends a passage: one may hold a line "(3)" of its own.
        line, _, rest = rest.partition(f"\n({len(documents) + 2})")
        documents.append(read_line(line.removesuffix("\n")))
    return documents


def _outcome(answer: str | None, golds: list[str], judged: Any) -> dict[str, float]:
    scores = outcome(answer, golds) if golds else {}
    verdict = {"True": 1.0, "False": 0.0}.get(str(judged).strip())
    return scores if verdict is None else {**scores, "judge": verdict}
