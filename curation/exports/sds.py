"""SimpleDeepSearcher's training records (format_key.py:35-107, sft.py:84-95)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...nodes.dialects import dialect_of
from ...trace import Segment, Trace
from ..inputs import question_key

NO_CORRECT_RUN = 100
"""`min_search` of a question without a correct run (response_curation.py:432-436)."""


def to_sds(trace: Trace, min_searches: Mapping[str, int]) -> dict[str, Any]:
    """Return one record.

    `gen` is what the model wrote, `doc_gen` what was inserted; joined in order they are
    the output. `search_query` and `doc` say what was searched and found.

    Args:
        trace: the run.
        min_searches: `question_key` to the fewest searches of the question's correct
            runs.
    """
    return {
        "question": trace.question,
        "answer": trace.golds,
        "input": "\n\n".join(m["content"] for m in trace.prompt_messages),
        "output": [part for turn in trace.turns() for part in _turn(trace, turn)],
        "metric": _metric(trace),
        "search_count": len(trace.searches),
        "min_search": min_searches.get(question_key(trace), NO_CORRECT_RUN),
        "id": trace.id,
        "output_text": trace.output_text,
    }


def _turn(trace: Trace, segments: list[Segment]) -> list[dict[str, str]]:
    parts: list[dict[str, str]] = []
    for segment in segments:
        key = "gen" if segment.trainable else "doc_gen"
        if key == "doc_gen":
            parts += _searched(trace, segment)
        if parts and key == "gen" and key in parts[-1]:
            parts[-1][key] += segment.text
        else:
            parts.append({key: segment.text})
    queries = [q for s in segments if s.kind == "query" for q in _queries(trace, s)]
    position = next((i for i, part in enumerate(parts) if "gen" not in part), len(parts))
    return [*parts[:position], *({"search_query": q} for q in queries), *parts[position:]]


def _queries(trace: Trace, segment: Segment) -> tuple[str, ...]:
    return dialect_of(trace).parse(segment.text).queries


def _searched(trace: Trace, segment: Segment) -> list[dict[str, str]]:
    if segment.kind != "result":
        return []
    return [
        {"doc": json.dumps([d.model_dump() for d in s.documents], ensure_ascii=False)}
        for s in trace.searches
        if s.turn == segment.turn
    ]


def _metric(trace: Trace) -> dict[str, Any]:
    outcome = trace.outcome
    scores = {name: outcome.get(name, 0.0) for name in ("acc", "em", "f1")}
    return {"is_valid_answer": bool(trace.answer), **scores, "math_equal": 0}
