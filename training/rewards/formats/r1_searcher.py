"""R1-Searcher's rules for the form (reward_server_qwen_zero.py:183-250).

The original's retriever answers every query with numbered passages. Here a limit or a
failure may stand in their place, or nothing found: that is the graph's text, and no run
is penalised for it.
"""

from __future__ import annotations

import re

from ....curation.transcript import model_text
from ....trace import Trace

BEGIN_QUERY, END_QUERY = "<|begin_of_query|>", "<|end_of_query|>"
BEGIN_DOCUMENTS, END_DOCUMENTS = "<|begin_of_documents|>", "<|end_of_documents|>"
"""Wire strings (evaluation/eval_search_loacl.py)."""

COUNTED = (
    f"{BEGIN_DOCUMENTS}\n",
    f"{END_DOCUMENTS}\n\n",
    BEGIN_QUERY,
    END_QUERY,
    BEGIN_DOCUMENTS,
    END_DOCUMENTS,
    f"{BEGIN_DOCUMENTS}\n(1)",
)
"""Seven patterns that must occur equally often; which seven beyond the tags themselves
and the numbered opening is unverified."""

MAX_ANSWER_WORDS = 10
"""A longer answer is penalised (the same)."""

REPLY = f"{BEGIN_DOCUMENTS}\n(1){END_DOCUMENTS}\n\n"
"""Stands in the count for whatever the graph put behind a query: each pattern once."""

_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_QUERY = re.compile(f"{re.escape(BEGIN_QUERY)}(.+?){re.escape(END_QUERY)}", re.DOTALL)
_CHINESE = re.compile("[\u4e00-\u9fff]")


def r1_searcher_format(trace: Trace) -> list[str]:
    """Return what R1-Searcher's reward server would penalise."""
    text, counted = trace.output_text, _counted_text(trace)
    answers = _ANSWER.findall(text)
    checks = (
        (
            len({counted.count(pattern) for pattern in COUNTED}) > 1,
            "tags in unequal number",
        ),
        ("ssistant" in text, "the word assistant"),
        (any(_has_tag(answer) for answer in answers), "a control tag in the answer"),
        (
            any(len(answer.split()) > MAX_ANSWER_WORDS for answer in answers),
            f"an answer of more than {MAX_ANSWER_WORDS} words",
        ),
        (_CHINESE.search(model_text(trace)) is not None, "Chinese outside the documents"),
    )
    found = [problem for is_wrong, problem in checks if is_wrong]
    return found + r1_searcher_think_answer(trace)


def r1_searcher_think_answer(trace: Trace) -> list[str]:
    """Return what is wrong with a run's thought and answer: one of each is wanted.

    All that the first stage's reward asks of the form. The prompt's opening `<think>` is
    not part of the output, so the output must hold none and exactly one `</think>`.
    """
    text = trace.output_text
    checks = (
        (
            text.count("<think>") != 0 or text.count("</think>") != 1,
            "not exactly one thought",
        ),
        (not _one_answer(text), "not exactly one answer"),
    )
    return [problem for is_wrong, problem in checks if is_wrong]


def r1_searcher_searched(trace: Trace) -> bool:
    """Tell whether the model wrote a well-formed search, whatever came of it."""
    written = (s.text for s in trace.segments if s.trainable)
    queries = (query for text in written for query in _QUERY.findall(text))
    return any(query.strip() and not _has_tag(query) for query in queries)


def _counted_text(trace: Trace) -> str:
    """Return what tags are counted in: the model's text, each query answered in form.

    A notice that answers no query (an action that could not be read, an answer that is
    forced) is not counted.
    """
    parts, is_asked = [], False
    for segment in trace.segments:
        if segment.trainable:
            parts.append(segment.text)
            is_asked = segment.kind == "query"
        elif is_asked:
            parts.append(REPLY)
            is_asked = False
    return "".join(parts)


def _one_answer(text: str) -> bool:
    return text.count("<answer>") == text.count("</answer>") == 1


def _has_tag(text: str) -> bool:
    tags = (BEGIN_QUERY, END_QUERY, BEGIN_DOCUMENTS, END_DOCUMENTS)
    return any(tag in text for tag in tags)
