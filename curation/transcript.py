"""Views of a trace's text that filters share: what the model wrote, and what it read."""

from __future__ import annotations

from ..evals.asked_queries import queries as queries
from ..evals.metrics import tokens
from ..nodes.dialects import Dialect
from ..trace import Document, Segment, Trace

THINKING_OPENERS = ("<think>",)
"""Tags that open a thought; a thought may open in any turn (Qwen and DeepSeek templates)."""


def written_turns(trace: Trace) -> list[list[Segment]]:
    """Return the model's own segments turn by turn; turns without any are left out."""
    turns = ([s for s in turn if s.trainable] for turn in trace.turns())
    return [turn for turn in turns if turn]


def turn_texts(trace: Trace) -> list[str]:
    """Return what the model wrote in each turn."""
    return ["".join(s.text for s in turn) for turn in written_turns(trace)]


def model_text(trace: Trace) -> str:
    """Return everything the model wrote, without what it was given."""
    return "".join(s.text for s in trace.segments if s.trainable)


def prose(trace: Trace) -> list[Segment]:
    """Return what the model wrote but queries and other calls, which may quote any page."""
    return [s for s in trace.segments if s.trainable and s.kind not in ("query", "call")]


def words_of(text: str, *, by_spaces: bool = False) -> list[str]:
    """Return a text's words; in scripts without spaces a character is a word.

    Args:
        text: any text.
        by_spaces: cut at white space alone, as the reference does everywhere.

    >>> words_of("Paris 巴黎"), words_of("Paris 巴黎", by_spaces=True)
    (['Paris', '巴', '黎'], ['Paris', '巴黎'])
    """
    return text.split() if by_spaces or text.isascii() else tokens(text)


def read_text(trace: Trace) -> str:
    """Return the results the model was shown."""
    return "\n".join(s.text for s in trace.segments if s.kind == "result")


def retrieved_text(trace: Trace) -> str:
    """Return the titles and texts of all documents that were found or read."""
    return "\n".join(f"{d.title}\n{d.text or d.snippet}" for d in _documents(trace))


def holds_evidence(trace: Trace) -> bool:
    """Tell whether a trace holds the text of all documents that became evidence.

    Imported runs may name documents without their text, and the pages that an explorer
    opened are among the sources alone.
    """
    known = {document.id for document in _documents(trace) if document.text}
    return bool(known) and all(s.id in known for s in trace.sources if s.used)


def _documents(trace: Trace) -> list[Document]:
    found = [d for record in trace.searches for d in record.documents]
    return found + [record.document for record in trace.reads if record.document]


def result_tags(dialect: Dialect) -> tuple[str, ...]:
    """Return the dialect's tags around results."""
    return _tags_in(dialect, dialect.wrap_result("x"))


def answer_tags(dialect: Dialect) -> tuple[str, ...]:
    """Return the dialect's tags around the final answer; none for a boxed answer."""
    return _tags_in(dialect, dialect.format_answer("x"))


def _tags_in(dialect: Dialect, text: str) -> tuple[str, ...]:
    return tuple(tag for tag in dialect.tags if tag in text)


def distinct_documents(trace: Trace) -> int:
    """Count the distinct documents of all searches, by url, else by title."""
    documents = (d for search in trace.searches for d in search.documents)
    return len({d.url or d.title or d.text for d in documents})
