"""The standard form of turns whose thought came beside the text.

A reasoning model behind a chat API gives its thought in a field of its own; the model client
puts it between `<think>` tags in front of the call. In a dialect with tool calls (WebDancer's
long chain of thought) the tags stand on lines of their own: a model that is to be trained on
such runs must see that form. Nothing that the model wrote changes, only the white space
around its thought and its call.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ..nodes.dialects import Dialect
from ..nodes.dialects.parts.tool_calls import THINK, ToolCallDialect
from ..trace import Segment, Trace


def standard_turns(trace: Trace, dialect: Dialect) -> Trace:
    """Return the trace with its thoughts and calls spaced as the dialect has them.

    Only runs exact to the message are touched: any other is what its model wrote, to the
    byte. The same object comes back when nothing changes.
    """
    if trace.exactness != "message" or not isinstance(dialect, ToolCallDialect):
        return trace
    segments: list[Segment] = []
    for (_, is_own), group in groupby(trace.segments, lambda s: (s.turn, s.trainable)):
        part = list(group)
        segments += _restated(part, dialect) if is_own else part
    if segments == trace.segments:
        return trace
    return trace.model_copy(update={"segments": segments})


def _restated(turn: Sequence[Segment], dialect: ToolCallDialect) -> Sequence[Segment]:
    text = "".join(segment.text for segment in turn)
    standard = standard_turn(text, dialect)
    if standard is None or standard == text:
        return turn
    first = turn[0]
    return [
        Segment(
            kind=part.kind,
            speaker=first.speaker,
            text=standard[part.start : part.end],
            trainable=True,
            turn=first.turn,
        )
        for part in dialect.split_turn(standard)
    ]


def standard_turn(text: str, dialect: ToolCallDialect) -> str | None:
    r"""Return a turn in its standard spacing, None if it is no thought and one action.

    >>> from ..nodes.dialects import get_dialect
    >>> standard_turn("<think>So.</think>\n\n<answer>x</answer>", get_dialect("web_dancer"))
    '<think>\nSo.\n</think>\n<answer>x</answer>'
    """
    before, closed, after = text.partition(THINK.close)
    action = dialect.parse(text)
    if not closed or action.kind not in ("search", "read", "answer"):
        return None
    thought, said = before.lstrip(), after.strip()
    tag = dialect.answer_tag if action.kind == "answer" else dialect.query_tag
    is_all = tag.spans(said) == [(0, len(said))]
    if not thought.startswith(THINK.open) or not is_all:
        return None
    thought = thought.removeprefix(THINK.open).strip("\n")
    form = dialect.format_turn(thought, action)
    return form[: form.index(tag.open, form.index(THINK.close))] + said
