"""KnowAgent's HotpotQA rollouts and the fine-tuning pairs kept from them.

Rollouts: question, answer (the gold one), correct, reward, halted, error, prompt (the
whole text, instruction and examples first). Pairs: input, output (zjunlp/KnowAgent
82bc535).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...evals.metrics import outcome
from ...nodes.dialects import Dialect, get_dialect
from ...questions import question_id
from ...trace import Document, SearchRecord, Segment, Trace, Usage
from .documents import number_sources
from .source import TraceSource
from .turns import given, written

EXAMPLES_END = "\n(END OF EXAMPLES)\nQuestion: "
"""After it: the question on a line, then the steps."""

_OBSERVATION = re.compile(
    r"^Observation (?P<number>\d+):(?P<text>.*?)(?=^ActionPath \d+:|\Z)",
    re.MULTILINE | re.DOTALL,
)


class KnowAgentSource(TraceSource):
    """One line, one rollout; or one object, one fine-tuning pair."""

    name = "knowagent"
    describes = "KnowAgent's rollouts (*_D0.jsonl) and fine-tuning pairs"

    def to_trace(self, record: Mapping[str, Any], identifier: str) -> Trace:
        dialect = get_dialect("know_agent")
        is_pair = "input" in record
        whole = record["input"] + record["output"] if is_pair else record["prompt"]
        head, examples, tail = whole.rpartition(EXAMPLES_END)
        asked, line_break, steps = tail.partition("\n")
        question = asked.strip()
        prompt = f"{head}{examples}{asked}{line_break}"
        segments, searches = split_steps(dialect, steps)
        written_text = "".join(s.text for s in segments if s.trainable)
        answer = dialect.extract_answer(written_text)
        golds = [str(record["answer"])] if record.get("answer") is not None else []
        return Trace(
            id=identifier,
            question_id=question_id(question),
            question=question,
            golds=golds,
            segments=[Segment(kind="prompt", speaker="user", text=prompt), *segments],
            searches=searches,
            sources=number_sources(searches),
            answer=answer,
            stop_reason=_stop_reason(record, answer),
            outcome=outcome(answer, golds) if golds else {},
            dialect=dialect.name,
            usage=Usage(
                turns=segments[-1].turn if segments else 0,
                searches=len(searches),
                estimated=True,
            ),
        )

    def to_record(self, trace: Trace) -> dict[str, Any]:
        prompt, output = trace.segments[0].text, trace.output_text
        record: dict[str, Any] = {
            "question": trace.question,
            "prompt": prompt + output,
            "input": prompt,
            "output": output,
        }
        return record | ({"answer": trace.golds[0]} if trace.golds else {})


def split_steps(dialect: Dialect, steps: str) -> tuple[list[Segment], list[SearchRecord]]:
    """Cut the steps into what the model wrote and what it observed; joined they are all."""
    segments: list[Segment] = []
    searches: list[SearchRecord] = []
    position = turn = 0
    for match in _OBSERVATION.finditer(steps):
        turn += 1
        wrote = steps[position : match.start()]
        action = dialect.parse(wrote)
        segments += written(dialect, wrote, turn)
        # What follows a final answer is the harness's verdict, not a finding.
        kind = "notice" if action.kind == "answer" else "result"
        segments.append(given(dialect, match[0], turn, kind=kind))
        found = [Document(text=match["text"].strip())]
        searches += [
            SearchRecord(turn=turn, query=query, documents=found)
            for query in action.queries
        ]
        position = match.end()
    return [*segments, *written(dialect, steps[position:], turn + 1)], searches


def _stop_reason(record: Mapping[str, Any], answer: str | None) -> Any:
    if answer is not None:
        return "answered"
    return "error" if record.get("error") else "turn_limit"
