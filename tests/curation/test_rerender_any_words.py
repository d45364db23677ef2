"""Whatever a trace says, in another dialect it is what a model could write there, or refused."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.curation.rerender import RerenderError, rerender
from langgraph_deepsearch.nodes.dialects import (
    Action,
    get_dialect,
    list_dialects,
    list_variants,
)
from langgraph_deepsearch.nodes.dialects.base import Result
from langgraph_deepsearch.nodes.models.base import chat_segments
from langgraph_deepsearch.trace import SearchRecord, Segment, Trace
from langgraph_deepsearch.training.rows import IGNORED, trace_row

EXAMPLE = Path(__file__).parents[2] / "examples" / "dialects" / "question_mark.py"
EVERY = [name for main in list_dialects() for name in (main, *list_variants(main))]
INLINE = [n for n in (*EVERY, str(EXAMPLE)) if get_dialect(n).layout == "inline"]
TAGS = sorted({tag for name in EVERY for tag in get_dialect(name).tags})
PIECES = st.sampled_from([*TAGS, "\\boxed{", "}", "{", "<", "</", "\n", " ", "Lima", "東"])
WILD = st.lists(PIECES, max_size=8).map("".join)
"""Words that some dialect could take for something."""

PLAIN = (
    st.text(alphabet="abcÉ東 ?.,'0", min_size=1, max_size=30)
    .map(lambda text: " ".join(text.split()))
    .filter(bool)
)


def runs(words):
    """Return (thought, query, evidence) of each search, the last thought, and the answer."""
    searches = st.lists(st.tuples(words, words, words), max_size=3)
    return st.tuples(searches, words, words)


def built(dialect_name, run):
    """Return the trace of a run, as the graph leaves it in that dialect."""
    dialect, (searches, closing, answer) = get_dialect(dialect_name), run
    prompt = chat_segments(dialect.prompt("Who?", max_searches=5), None, dialect.prefill)
    segments = [Segment(**segment) for segment in prompt]
    records = []
    turns = [(thought, Action("search", queries=(q,))) for thought, q, _ in searches]
    turns.append((closing, Action("answer", text=answer)))
    for number, (thought, action) in enumerate(turns, 1):
        text = dialect.format_turn(thought, action)
        # Only what the source itself reads as that turn is a trace of it.
        end, read = dialect.first_action_end(text), dialect.parse(text)
        assume((read.kind, read.queries) == (action.kind, action.queries))
        assume(end == len(text) or (end is None and action.kind == "answer"))
        for part in dialect.split_turn(text):
            said = text[part.start : part.end]
            segments.append(written(part.kind, said, number))
        if action.kind == "search":
            query, evidence = searches[number - 1][1:]
            result = dialect.render_results(dialect.join_results([Result(evidence, query)]))
            speaker = dialect.result_speaker
            segments.append(
                Segment(kind="result", speaker=speaker, text=result, turn=number)
            )
            records.append(SearchRecord(turn=number, query=query))
    return Trace(
        id="t1",
        question="Who?",
        segments=segments,
        searches=records,
        answer=dialect.extract_answer(text),
        stop_reason="answered",
        dialect=dialect_name,
        settings={"limits": {"searches": 5}},
    )


def written(kind, text, turn):
    return Segment(kind=kind, speaker="assistant", text=text, trainable=True, turn=turn)


def assert_a_model_could_write_it(trace, source, tokenizer):
    """Every turn is cut where it ends; queries, answer and what was read are the source's."""
    dialect = get_dialect(trace.dialect)
    turns = ["".join(s.text for s in turn if s.trainable) for turn in trace.turns()]
    for text in turns:
        end = dialect.first_action_end(text)
        assert end == len(text) or (end is None and text is turns[-1])
        parts = dialect.split_turn(text)
        assert "".join(text[p.start : p.end] for p in parts) == text
    queries = [dialect.parse(text).queries for text in turns[:-1]]
    assert queries == [(record.query,) for record in source.searches]
    assert [r.query for r in trace.searches] == [r.query for r in source.searches]
    assert dialect.extract_answer(turns[-1]) == source.answer == trace.answer
    row = trace_row(trace, tokenizer)
    trained = [label for label in row.labels if label != IGNORED]
    assert tokenizer.decode(trained) == "".join(turns) + tokenizer.eos_token
    assert all(
        label in (IGNORED, i) for label, i in zip(row.labels, row.input_ids, strict=True)
    )


ONCE = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
PAIRS = {"source": st.sampled_from(INLINE), "target": st.sampled_from(INLINE)}


@ONCE
@given(**PAIRS, run=runs(PLAIN))
def test_plain_words_are_never_refused(base_tokenizer, source, target, run):
    trace = built(source, run)
    again = rerender(trace, target)
    assert_a_model_could_write_it(again, trace, base_tokenizer)
    results = [s.text for s in again.segments if s.kind == "result"]
    searches = zip(run[0], again.turns()[:-1], results, strict=True)
    for (thought, _, evidence), turn, result in searches:
        assert thought in turn[0].text
        assert evidence in result


@ONCE
@given(**PAIRS, run=runs(WILD))
def test_words_that_hold_tags_are_the_same_actions_or_refused(
    base_tokenizer, source, target, run
):
    trace = built(source, run)
    try:
        again = rerender(trace, target)
    except RerenderError:
        return
    assert_a_model_could_write_it(again, trace, base_tokenizer)
