r"""Automated correction of the answer's form to the dialect's standard template.

The paper corrects small format errors automatically (section 2.3, format
standardization); the reference does part of it in format_ans.py:14-80, where it breaks
nested braces. Only the answer is touched: a search, a result or a thought never changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..nodes.dialects import Dialect
from ..trace import Segment, Trace
from .turn_form import standard_turns

_STATED = re.compile(
    r"\b(?:final\s+)?answer(?:\s+to\s+[^.\n:]{1,120}?)?\s*(?:is|:)\s*:?\s*(?P<answer>[^\n]+)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?:(?<=\w{4})|(?<=[)\"'”’*]))[.!?](?=\s|$)")
"""Not after a short word: "St. Louis" and "J. K. Rowling" are answers."""

MAX_STATED_WORDS = 12
"""A longer stated answer is a sentence, not an answer in another form."""


@dataclass(frozen=True)
class Correction:
    """What to correct.

    Attributes:
        cut_after: remove text after the answer (format_ans.py:14-80).
        cut_before: remove text between the closed thought and the answer (likewise).
        adds_missing: put a clearly stated answer of the last turn into the template.
        turn_form: space thoughts and tool calls as the dialect does (`turn_form.py`).
    """

    cut_after: bool = True
    cut_before: bool = False
    adds_missing: bool = True
    turn_form: bool = False


@dataclass(frozen=True)
class Corrected:
    """A trace after correction, and the kinds of correction made (none: untouched)."""

    trace: Trace
    kinds: tuple[str, ...] = ()


def correct_answer_form(
    trace: Trace, dialect: Dialect, correction: Correction | None = None
) -> Corrected:
    """Bring the final answer into the dialect's standard form.

    An edited segment loses its token ids and log-probabilities, and a trace exact to the
    token becomes exact to the text. Applying it twice changes nothing more. An answer that
    the harness opened (forced at the end of a budget) is left alone.

    Returns:
        The trace, a new object when anything changed, and what was changed.
    """
    rules = correction or Correction()
    if not rules.turn_form:
        return _with_answer_form(trace, dialect, rules)
    standard = standard_turns(trace, dialect)
    done = _with_answer_form(standard, dialect, rules)
    turned = () if standard is trace else ("turn form",)
    return Corrected(done.trace, turned + done.kinds)


def _with_answer_form(trace: Trace, dialect: Dialect, rules: Correction) -> Corrected:
    last = _last_segment(trace)
    if last is None or last.kind not in ("answer", "reason") or _is_forced(trace, last):
        return Corrected(trace)
    spans = dialect.answer_spans(last.text) if last.kind == "answer" else []
    if spans:
        text, kinds = _standardized(trace, last, dialect, spans, rules)
        added: tuple[Segment, ...] = ()
    elif rules.adds_missing and (stated := _stated_answer(trace, last, dialect)):
        text, kinds = last.text, ("missing answer form",)
        added = (_answer_segment(last, f"\n\n{dialect.format_answer(stated)}"),)
    else:
        return Corrected(trace)
    return (
        Corrected(_edited(trace, dialect, text, added), kinds)
        if kinds
        else Corrected(trace)
    )


def _last_segment(trace: Trace) -> Segment | None:
    last = trace.segments[-1] if trace.segments else None
    return last if last is not None and last.trainable else None


def _is_forced(trace: Trace, last: Segment) -> bool:
    before = [s for s in trace.segments[:-1] if s.turn == last.turn]
    return bool(before) and before[-1].kind == "notice"


def _standardized(
    trace: Trace,
    last: Segment,
    dialect: Dialect,
    spans: Sequence[tuple[int, int]],
    rules: Correction,
) -> tuple[str, tuple[str, ...]]:
    text, kinds = last.text, []
    start, end = spans[-1]
    before, form, after = text[:start], text[start:end], text[end:]
    standard = dialect.format_answer(dialect.extract_answer(form) or "")
    # White space is no fault of form, and an edit would cost the sampled token ids.
    if "".join(standard.split()) != "".join(form.split()):
        form = standard
        kinds.append("answer form")
    if len(spans) > 1:
        kinds.append("several answers")
        before = _unwrapped(before, dialect)
    if rules.cut_before and before.strip() and _follows_thought(trace, dialect):
        kinds.append("text before the answer")
        before = "\n\n"
    if rules.cut_after and after.strip():
        kinds.append("text after the answer")
        after = ""
    return before + form + after, tuple(kinds)


def _unwrapped(text: str, dialect: Dialect) -> str:
    # An answer may hold another one: go on until none is left.
    while spans := dialect.answer_spans(text):
        start, end = spans[-1]
        content = dialect.extract_answer(text[start:end]) or ""
        text = text[:start] + content + text[end:]
    return text


def _follows_thought(trace: Trace, dialect: Dialect) -> bool:
    if dialect.thinking_close is None or len(trace.segments) < 2:
        return False
    return trace.segments[-2].text.rstrip().endswith(dialect.thinking_close)


def _stated_answer(trace: Trace, last: Segment, dialect: Dialect) -> str | None:
    turn = "".join(s.text for s in trace.segments if s.turn == last.turn and s.trainable)
    if dialect.extract_answer(turn) is not None or any(tag in turn for tag in dialect.tags):
        return None
    close = dialect.thinking_close
    conclusion = turn.rpartition(close)[2] if close else turn
    matches = list(_STATED.finditer(conclusion))
    if not matches:
        return None
    stated = matches[-1]["answer"]
    if sentence_end := _SENTENCE_END.search(stated):
        stated = stated[: sentence_end.start()]
    stated = stated.strip(' \t.*`"“”')
    is_plain = bool(stated) and not set(stated) & set("{}\\<>|")
    return stated if is_plain and len(stated.split()) <= MAX_STATED_WORDS else None


def _answer_segment(last: Segment, text: str) -> Segment:
    return Segment(
        kind="answer", speaker=last.speaker, text=text, trainable=True, turn=last.turn
    )


def _edited(trace: Trace, dialect: Dialect, text: str, added: tuple[Segment, ...]) -> Trace:
    last = trace.segments[-1]
    if text != last.text:
        sampled = ("token_ids", "logprobs", "end_id", "end_logprob")
        last = last.model_copy(update={"text": text, **dict.fromkeys(sampled)})
    segments = [*trace.segments[:-1], last, *added]
    changes: dict[str, Any] = {
        "segments": segments,
        "answer": dialect.extract_answer(segments[-1].text),
        "exactness": "text" if trace.exactness == "token" else trace.exactness,
    }
    if added and trace.stop_reason == "error" and trace.error is None:
        changes["stop_reason"] = "answered"
    return trace.model_copy(update=changes)
