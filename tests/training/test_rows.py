from __future__ import annotations

import doctest

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.trace import Segment
from langgraph_deepsearch.training import rows
from langgraph_deepsearch.training.rows import IGNORED, RowError, build_rows, trace_row

# The base model's vocabulary lacks tokens for control characters and the rarest planes.
CHARACTER = st.characters(categories=["L", "M", "N", "P", "S", "Zs"], max_codepoint=0xFFFF)
TEXT = st.text(CHARACTER | st.sampled_from("\n\t"), min_size=1, max_size=40).filter(
    lambda text: "<|" not in text
)
WRITTEN = st.lists(
    st.tuples(st.sampled_from(["reason", "query", "answer"]), TEXT, st.just(True))
    | st.tuples(st.sampled_from(["result", "notice"]), TEXT, st.just(False)),
    min_size=1,
    max_size=8,
)


def segment(kind, text, trainable, ids=None):
    speaker = "assistant" if trainable else "tool"
    return Segment(
        kind=kind, speaker=speaker, text=text, trainable=trainable, token_ids=ids
    )


def with_segments(make_trace, written, **changes):
    prompt = make_trace(0).segments[0]
    return make_trace(0, segments=[prompt, *written], **changes)


def expressible(tokenizer, parts):
    return all(
        tokenizer.decode([i for c in spelling for i in tokenizer(c)["input_ids"]]) == text
        for _, text, _ in parts
        for spelling in ([text], text)
    )


def labelled(row):
    return [label for label in row.labels if label != IGNORED]


@settings(max_examples=150, deadline=None)
@given(parts=WRITTEN, stored=st.booleans(), answered=st.booleans())
def test_trained_tokens_are_what_the_model_wrote_plus_the_end_token(
    base_tokenizer, make_trace, parts, stored, answered
):
    assume(expressible(base_tokenizer, parts))

    def ids(text):
        # A server's ids are a valid but unusual spelling: one token a character.
        if not stored:
            return None
        return [
            i
            for c in text
            for i in base_tokenizer(c, add_special_tokens=False)["input_ids"]
        ]

    written = [segment(kind, text, mine, ids(text)) for kind, text, mine in parts]
    stop = "answered" if answered else "turn_limit"
    trace = with_segments(make_trace, written, stop_reason=stop)
    row = trace_row(trace, base_tokenizer)

    ends = answered and written[-1].trainable
    mine = [s for s in written if s.trainable]
    expected = "".join(s.text for s in mine)
    trained = labelled(row)
    if ends:
        assert trained.pop() == base_tokenizer.eos_token_id
    assert base_tokenizer.decode(trained, clean_up_tokenization_spaces=False) == expected
    if stored:
        assert trained == [i for s in mine for i in s.token_ids]
    assert len(row.input_ids) == len(row.labels)
    assert all(
        label in (IGNORED, i) for i, label in zip(row.input_ids, row.labels, strict=True)
    )


@settings(max_examples=50, deadline=None)
@given(parts=WRITTEN)
def test_the_row_reads_as_the_rendered_prompt_and_the_run(
    base_tokenizer, make_trace, parts
):
    trace = with_segments(
        make_trace, [segment(*p) for p in parts], stop_reason="turn_limit"
    )
    rendered = base_tokenizer.apply_chat_template(
        trace.prompt_messages, add_generation_prompt=True, tokenize=False
    )
    text = base_tokenizer.decode(
        trace_row(trace, base_tokenizer).input_ids, clean_up_tokenization_spaces=False
    )
    assert text == rendered + trace.output_text


def test_stored_prompt_ids_are_used_as_they_are(base_tokenizer, make_trace):
    trace = make_trace(1)
    text = base_tokenizer.apply_chat_template(trace.prompt_messages, tokenize=False)
    other_template = base_tokenizer(text + "<|im_start|>assistant\nOpening:")["input_ids"]
    trace.segments[0].token_ids = other_template
    row = trace_row(trace, base_tokenizer)
    assert row.input_ids[: len(other_template)] == other_template
    assert set(row.labels[: len(other_template)]) == {IGNORED}


def test_ids_of_another_vocabulary_are_not_used(base_tokenizer, make_trace):
    plain = trace_row(make_trace(1), base_tokenizer)
    for foreign in ([5, 6, 7], [10**6, 3]):
        trace = make_trace(1)
        for part in trace.segments:
            part.token_ids = foreign
        assert trace_row(trace, base_tokenizer) == plain


def test_an_end_token_that_is_stored_is_not_doubled(base_tokenizer, make_trace):
    trace = make_trace(1)
    end = base_tokenizer.eos_token_id
    last = trace.segments[-1]
    last.token_ids = [*base_tokenizer(last.text)["input_ids"], end]
    row = trace_row(trace, base_tokenizer)
    assert row.input_ids.count(end) == trace_row(
        make_trace(1), base_tokenizer
    ).input_ids.count(end)
    assert labelled(row)[-1] == end


@pytest.mark.parametrize(
    "reason", ["token_limit", "turn_limit", "deadline", "context_limit"]
)
def test_a_forced_or_cut_off_answer_is_not_taught_to_end(
    base_tokenizer, make_trace, reason
):
    row = trace_row(make_trace(1, stop_reason=reason), base_tokenizer)
    assert labelled(row)[-1] != base_tokenizer.eos_token_id


def test_a_torn_answer_is_not_taught_to_end(base_tokenizer, make_trace):
    trace = make_trace(1)
    trace.segments[-1].torn = True
    row = trace_row(trace, base_tokenizer)
    assert trace.stop_reason == "answered"
    assert labelled(row)[-1] != base_tokenizer.eos_token_id


def test_too_long_samples_are_left_out_and_named(base_tokenizer, make_trace):
    long = with_segments(
        make_trace,
        [segment("result", "word " * 900, False), segment("answer", "done", True)],
        id="long",
    )
    kept, report = build_rows([make_trace(1), long], base_tokenizer, max_length=600)
    assert [row.trace_id for row in kept] == ["t1"]
    assert report.too_long == report.skipped == ["long"]
    assert any("long" in line and "left out" in line for line in report.lines())
    with pytest.raises(
        RowError, match=r"trace long has \d+ tokens, more than max_length 600"
    ):
        build_rows([long], base_tokenizer, max_length=600, too_long="error")


def test_results_can_be_shortened_to_fit_without_touching_what_the_model_wrote(
    base_tokenizer, make_trace
):
    long = with_segments(
        make_trace,
        [segment("result", "a b c d " * 300, False), segment("answer", "the answer", True)],
    )
    whole = trace_row(long, base_tokenizer)
    (row,), report = build_rows(
        [long], base_tokenizer, max_length=400, too_long="truncate_results"
    )
    assert len(row.input_ids) == 400
    assert labelled(row) == labelled(whole)
    assert report.shortened == [long.id]


def test_a_trace_in_which_the_model_wrote_nothing_is_named(base_tokenizer, make_trace):
    empty = with_segments(make_trace, [segment("result", "text", False)], id="empty")
    kept, report = build_rows([empty], base_tokenizer)
    assert kept == []
    assert report.untrainable == ["empty"]


def test_a_trace_without_prompt_is_an_error(base_tokenizer, make_trace):
    trace = make_trace(1, segments=[segment("answer", "x", True)])
    with pytest.raises(RowError, match="no prompt segment"):
        trace_row(trace, base_tokenizer)


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(rows).failed == 0
