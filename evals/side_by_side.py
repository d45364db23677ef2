"""Runs of the same question next to each other, told apart by who wrote what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..trace import Segment, Trace, read_traces
from .markup import Markup, element, join, link
from .metrics import score
from .question_key import QuestionKey, question_key

MOST_EXAMPLES = 6
"""Questions shown."""

MOST_CHARACTERS = 6000
"""Of one segment; a page that long is cut, and the cut is said."""

WRITERS = {"assistant": "model", "tool": "tool", "user": "user", "system": "system"}
"""What a reader calls the speaker of a segment."""


def choose_examples(
    questions: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> list[QuestionKey]:
    """Return the keys of questions worth looking at, of different kinds where possible.

    Half are those that improved most, then those still wrong, then those that got worse;
    with one column, right and wrong ones by turns.

    Args:
        questions: the `questions` of `evaluation.json`.
        columns: one or two columns that every example must have.
    """
    complete = [q for q in questions if all(q.get(column) for column in columns)]
    last = [(q, _f1(q, columns[-1])) for q in complete]
    gain = {_key(q): f1 - _f1(q, columns[0]) for q, f1 in last}
    improved = [q for q, f1 in last if gain[_key(q)] > 0 and f1 > 0]
    improved.sort(key=lambda q: -gain[_key(q)])
    if len(columns) == 1:
        improved = [q for q, f1 in last if f1 == 1]
    wrong = [q for q, f1 in last if f1 < 1 and q not in improved and gain[_key(q)] >= 0]
    worse = [q for q in complete if gain[_key(q)] < 0]
    half = MOST_EXAMPLES // 2
    picked = [*_by_turns(improved)[:half], *_by_turns(wrong)[:2], *_by_turns(worse)[:1]]
    rest = [q for q in (*_by_turns(improved), *wrong, *worse, *complete) if q not in picked]
    unique = {_key(q): None for q in (*picked, *rest)}
    return list(unique)[:MOST_EXAMPLES]


def _key(question: Mapping[str, Any]) -> QuestionKey:
    return question["id"], question["question"]


def _by_turns(questions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return questions so that kinds take turns, order within a kind kept."""
    seen: dict[Any, int] = {}
    ranked = []
    for question in questions:
        kind = question.get("kind")
        seen[kind] = seen.get(kind, 0) + 1
        ranked.append((seen[kind], question))
    return [question for _, question in sorted(ranked, key=lambda pair: pair[0])]


def _f1(question: Mapping[str, Any], column: str) -> float:
    return float(question[column][0]["f1"])


def collect(path: Path, keys: Iterable[QuestionKey]) -> dict[QuestionKey, Trace]:
    """Return the first trace of each question among `keys`; none if the file is absent."""
    wanted = set(keys)
    found: dict[QuestionKey, Trace] = {}
    if not path.is_file():
        return found
    for trace in read_traces(path):
        key = question_key(trace)
        if key in wanted and key not in found:
            found[key] = trace
            if len(found) == len(wanted):
                break
    return found


def comparison(runs: Mapping[str, Trace], *, opened: bool) -> Markup:
    """Return one question with its runs side by side.

    Args:
        runs: heading to run, in reading order.
        opened: whether it is unfolded at first.
    """
    first = next(iter(runs.values()))
    answers = [
        element(
            "span",
            element("span", f"{label} ", class_="muted"),
            _answer(trace),
            class_="answer-line",
        )
        for label, trace in runs.items()
    ]
    summary = element(
        "summary",
        element("span", first.question, class_="question"),
        element(
            "span",
            element("span", "gold ", class_="muted"),
            ", ".join(first.golds),
            class_="answer-line",
        ),
        *answers,
    )
    columns = element(
        "div", *(run_column(label, trace) for label, trace in runs.items()), class_="pair"
    )
    return element("details", summary, columns, class_="example", open=opened)


def _answer(trace: Trace) -> Markup:
    if not trace.answer:
        return element("span", "no answer", class_="wrong")
    f1 = score(trace.answer, trace.golds).f1
    grade = "right" if f1 == 1 else "partly" if f1 > 0 else "wrong"
    return element("span", _cut(trace.answer, 160), f" (F1 {f1:.2f})", class_=grade)


def run_column(label: str, trace: Trace) -> Markup:
    """Return one run as a column: figures, segments, sources."""
    usage = trace.usage
    facts = (
        f"{_number(usage.searches, 'search', 'searches')} · {usage.completion_tokens} tokens · "
        f"{trace.stop_reason.replace('_', ' ')}"
    )
    shown = [
        segment_box(s) for s in trace.segments if s.kind != "prompt" and s.text.strip()
    ]
    return element(
        "section",
        element("h4", label),
        element("p", facts, class_="muted"),
        *shown,
        _children(trace),
        _sources(trace),
    )


def segment_box(segment: Segment) -> Markup:
    """Return a segment, marked by kind and by who wrote it."""
    writer = WRITERS[segment.speaker]
    return element(
        "div",
        element("span", f"{segment.kind} · {writer}", class_="tag"),
        element("div", _cut(segment.text.strip("\n"), MOST_CHARACTERS), class_="said"),
        class_=f"segment kind-{segment.kind} by-{writer}",
    )


def _children(trace: Trace) -> Markup | None:
    if not trace.children:
        return None
    calls = [
        element(
            "li",
            f"turn {child.turn}, {child.step}: {child.model or 'model'}, "
            f"{child.completion_tokens} tokens",
            f" (failed: {child.error})" if child.error else None,
        )
        for child in trace.children
    ]
    title = _number(len(calls), "model call", "model calls") + " inside steps"
    return element(
        "details", element("summary", title), element("ul", *calls), class_="more"
    )


def _sources(trace: Trace) -> Markup | None:
    if not trace.sources:
        return None
    entries = [
        element("li", f"[{source.id}] ", link(source.url, source.title or source.url))
        for source in trace.sources
    ]
    title = _number(len(entries), "source", "sources")
    return element(
        "details", element("summary", title), element("ul", *entries), class_="more"
    )


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _cut(text: str, most: int) -> Markup:
    if len(text) <= most:
        return join(text)
    return join(text[:most], element("em", f" … {len(text) - most} characters more"))
