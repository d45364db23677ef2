"""No token that the model did not write ever carries loss: SFT, DPO, RL, every dialect."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.curation import pairs
from langgraph_deepsearch.nodes.dialects import (
    get_dialect,
    list_dialects,
    list_variants,
)
from langgraph_deepsearch.trace import Segment, Trace
from langgraph_deepsearch.training.pair_rows import build_pair_rows
from langgraph_deepsearch.training.policy_rows import policy_row
from langgraph_deepsearch.training.rows import IGNORED, RowError, trace_row
from langgraph_deepsearch.training.spans import trace_spans

DIALECTS = [
    *(way for name in list_dialects() for way in (name, *list_variants(name))),
    str(Path(__file__).with_name("turns_dialect.py")),
]
CHARACTER = st.characters(categories=["L", "N", "P", "Zs"], max_codepoint=0x24F)
WORDS = st.text(CHARACTER, min_size=1, max_size=25).filter(
    lambda text: text.strip() and not set(text) & set("<>|{}\\")
)
STEP = st.one_of(
    st.tuples(st.just("search"), WORDS, WORDS),
    st.tuples(st.just("limit"), WORDS, WORDS),
    st.tuples(st.just("repeat"), WORDS, WORDS),
    st.tuples(st.just("invalid"), WORDS, WORDS),
)
ENDS = st.sampled_from(["answered", "forced", "cut"])


class Builder:
    """Writes a run as the graph does: the model's turns, and what is put between them."""

    def __init__(self, name, tokenizer, stored):
        self.name = name
        self.dialect = get_dialect(name)
        self.tokenizer = tokenizer
        self.stored = stored
        self.turn = 1
        messages = self.dialect.prompt("Where?", max_searches=3, today="2026-01-01")
        self.segments = [
            Segment(kind="prompt", speaker=m["role"], text=m["content"]) for m in messages
        ]
        if self.dialect.prefill:
            self._add("prompt", self.dialect.prefill, mine=False, speaker="assistant")

    def _ids(self, text):
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _add(self, kind, text, *, mine, speaker, ends=False):
        ids = None
        if self.stored and kind != "prompt":
            # An unusual spelling, one token a character, as only a server would know.
            ids = (
                [i for c in text for i in self._ids(c)]
                if mine
                else self._inserted(text, speaker)
            )
        self.segments.append(
            Segment(
                kind=kind,
                speaker=speaker,
                text=text,
                trainable=mine,
                turn=0 if kind == "prompt" else self.turn,
                token_ids=ids,
                logprobs=[-0.5] * len(ids) if mine and ids is not None else None,
                end_id=self.tokenizer.eos_token_id if ends and ids is not None else None,
                end_logprob=-0.25 if ends and ids is not None else None,
            )
        )

    def _inserted(self, text, speaker):
        if self.dialect.layout == "inline" or speaker == "assistant":
            return self._ids(text)
        return self._ids(f"<|im_end|>\n<|im_start|>{speaker}\n{text}<|im_end|>\n")

    def write(self, kind, text, *, ends=False):
        self._add(kind, text, mine=True, speaker="assistant", ends=ends)

    def put(self, kind, text, speaker=None):
        self._add(kind, text, mine=False, speaker=speaker or self.dialect.result_speaker)
        self.turn += 1
        if self.dialect.layout == "turns" and self.dialect.prefill:
            self._add("notice", self.dialect.prefill, mine=False, speaker="assistant")

    def step(self, kind, said, found):
        dialect = self.dialect
        self.write("reason", said, ends=kind == "invalid")
        if kind != "invalid":
            self.write("query", dialect.format_query(said))
        texts = {
            "search": lambda: dialect.render_results(found),
            "limit": lambda: dialect.limit_message(3),
            "repeat": lambda: dialect.repeat_message(said),
            "invalid": lambda: dialect.invalid_message("no action"),
        }
        self.put("result" if kind == "search" else "notice", texts[kind]())

    def end(self, how, said):
        if how == "forced":
            speaker = "assistant" if self.dialect.layout == "inline" else "user"
            self.put("notice", self.dialect.force_answer(), speaker)
        text = self.dialect.format_answer(said)
        # Cut at its closing tag, or ended by the model where there is none.
        is_cut = self.dialect.first_action_end(text) is not None
        self.write("answer", text, ends=how == "answered" and not is_cut)

    def trace(self, how, name):
        return Trace(
            id=name,
            question="Where?",
            segments=self.segments,
            stop_reason="answered" if how == "answered" else "turn_limit",
            answer="x",
            dialect=self.name,
        )


def run(name, tokenizer, steps, how, said, stored, trace_id="t"):
    builder = Builder(name, tokenizer, stored)
    for step in steps:
        builder.step(*step)
    builder.end(how, said)
    return builder.trace(how, trace_id)


def decode(tokenizer, ids):
    return tokenizer.decode(ids, clean_up_tokenization_spaces=False)


def written(trace):
    return "".join(s.text for s in trace.segments if s.trainable)


def expressible(tokenizer, trace):
    """The small model's vocabulary lacks some characters; those texts are left out."""
    texts = [s.text for s in trace.segments if s.kind != "prompt"]
    spelled = [
        decode(tokenizer, [i for c in text for i in tokenizer(c)["input_ids"]]) == text
        for text in texts
    ]
    return all(spelled) and all(
        decode(tokenizer, tokenizer(text)["input_ids"]) == text for text in texts
    )


def is_turns(trace):
    return get_dialect(trace.dialect).layout == "turns"


def ends_taught(trace):
    """How many end tokens are taught: the answer's, and each turn's that a message follows."""
    count = int(trace.stop_reason == "answered")
    if is_turns(trace):
        count += sum(
            one.trainable and not other.trainable and other.speaker != "assistant"
            for one, other in pairwise(trace.segments)
        )
    return count


def check(tokenizer, trace, ids, mask, ends):
    """What is trained is what the model wrote, and all else stands there untrained."""
    end = tokenizer.eos_token_id
    own = [i for i, mine in zip(ids, mask, strict=True) if mine]
    assert own.count(end) == ends
    assert decode(tokenizer, [i for i in own if i != end]) == written(trace)
    others = decode(tokenizer, [i for i, m in zip(ids, mask, strict=True) if not m])
    for segment in trace.segments:
        if not segment.trainable:
            assert segment.text.strip() in others


CASES = given(
    steps=st.lists(STEP, max_size=3),
    how=ENDS,
    said=WORDS,
    stored=st.booleans(),
)
OPTIONS = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", DIALECTS, ids=lambda name: Path(name).stem)
@OPTIONS
@CASES
def test_fine_tuning_trains_what_the_model_wrote_alone(
    base_tokenizer, name, steps, how, said, stored
):
    trace = run(name, base_tokenizer, steps, how, said, stored)
    assume(expressible(base_tokenizer, trace))
    row = trace_row(trace, base_tokenizer)
    mask = [label != IGNORED for label in row.labels]
    assert all(
        label in (IGNORED, i) for label, i in zip(row.labels, row.input_ids, strict=True)
    )
    check(base_tokenizer, trace, row.input_ids, mask, ends_taught(trace))
    spans = trace_spans(trace, base_tokenizer)
    assert all(s.stored for s in spans if s.trainable and s.kind != "end") == stored


@pytest.mark.parametrize("name", DIALECTS, ids=lambda name: Path(name).stem)
@OPTIONS
@CASES
def test_preferences_are_masked_alike_on_both_sides(
    base_tokenizer, name, steps, how, said, stored
):
    chosen = run(name, base_tokenizer, steps, how, said, stored, "chosen")
    rejected = run(name, base_tokenizer, steps[:1], "forced", said, not stored, "rejected")
    assume(expressible(base_tokenizer, chosen) and expressible(base_tokenizer, rejected))
    pair = pairs.make_pair(chosen, rejected, rule="paper", reason="")
    (row,), report = build_pair_rows([pair], base_tokenizer)
    for trace, side in ((chosen, row.chosen), (rejected, row.rejected)):
        mask = [label != IGNORED for label in side.labels]
        check(base_tokenizer, trace, side.input_ids, mask, ends_taught(trace))
    assert report.trained_tokens == row.chosen.trained_tokens + row.rejected.trained_tokens


@pytest.mark.parametrize("name", DIALECTS, ids=lambda name: Path(name).stem)
@OPTIONS
@CASES
def test_reinforcement_trains_sampled_tokens_alone(
    base_tokenizer, name, steps, how, said, stored
):
    trace = run(name, base_tokenizer, steps, how, said, stored)
    assume(expressible(base_tokenizer, trace))
    if not stored:
        with pytest.raises(RowError, match="log-probabilities"):
            policy_row(trace, base_tokenizer)
        return
    row = policy_row(trace, base_tokenizer)
    assert len(row.completion_ids) == len(row.env_mask) == len(row.logprobs)
    sampled, values, is_whole = sampled_by(trace)
    own = zip(row.completion_ids, row.env_mask, row.logprobs, strict=True)
    assert [(i, value) for i, mine, value in own if mine] == list(
        zip(sampled, values, strict=True)
    )
    assert all(v == 0.0 for v, m in zip(row.logprobs, row.env_mask, strict=True) if not m)
    if is_whole:
        ids = [*row.prompt_ids, *row.completion_ids]
        mask = [0] * len(row.prompt_ids) + row.env_mask
        ends = sum(s.end_id is not None for s in trace.segments)
        check(base_tokenizer, trace, ids, mask, ends)


def sampled_by(trace):
    """The tokens that the model sampled, as far as one row can hold them as they were read."""
    sampled, values = [], []
    for segment in trace.segments:
        if segment.trainable:
            sampled += segment.token_ids
            values += segment.logprobs
        if segment.end_id is not None:
            sampled.append(segment.end_id)
            values.append(segment.end_logprob)
            if not is_turns(trace) and segment is not trace.segments[-1]:
                return sampled, values, False
    return sampled, values, True


def test_a_run_over_the_limit_is_trained_on_nothing(base_tokenizer):
    trace = run(
        "simple_deep_searcher", base_tokenizer, [("search", "a b", "c d")], "cut", "e", True
    )
    whole = policy_row(trace, base_tokenizer)
    length = len(whole.prompt_ids) + 10
    short = policy_row(trace, base_tokenizer, max_length=length)
    assert short.completion_ids == whole.completion_ids[:10]
    assert short.trained_tokens == 0
    with pytest.raises(RowError, match="the prompt alone"):
        policy_row(trace, base_tokenizer, max_length=5)


def test_the_end_that_was_sampled_is_reinforced_and_no_other(base_tokenizer):
    trace = run("simple_deep_searcher", base_tokenizer, [], "answered", "e", True)
    last = trace.segments[-1]
    row = policy_row(trace, base_tokenizer)
    assert row.completion_ids[-1] == base_tokenizer.eos_token_id
    assert (row.env_mask[-1], row.logprobs[-1]) == (1, -0.25)
    last.end_id, last.end_logprob = base_tokenizer.convert_tokens_to_ids(OTHER_END), None
    other = policy_row(trace, base_tokenizer)
    assert other.completion_ids == [*row.completion_ids[:-1], last.end_id]
    assert other.logprobs[-1] is None
    last.end_id = None
    cut = policy_row(trace, base_tokenizer)
    assert cut.completion_ids == row.completion_ids[:-1]


OTHER_END = "<|endoftext|>"
"""Models may end by several tokens; this one is not the tokenizer's own."""


def test_fine_tuning_takes_the_end_that_was_sampled(base_tokenizer):
    trace = run("simple_deep_searcher", base_tokenizer, [], "answered", "e", True)
    assert trace_row(trace, base_tokenizer).labels[-1] == base_tokenizer.eos_token_id
    last = trace.segments[-1]
    last.end_id = base_tokenizer.convert_tokens_to_ids(OTHER_END)
    assert trace_row(trace, base_tokenizer).labels[-1] == last.end_id
    last.token_ids = [10**6]  # of another vocabulary, and so is its end
    assert trace_row(trace, base_tokenizer).labels[-1] == base_tokenizer.eos_token_id
    last.text, last.token_ids, last.end_id = "", [], 10**6  # nothing decodes by any
    assert trace_row(trace, base_tokenizer).labels[-1] == base_tokenizer.eos_token_id


def test_an_end_that_came_too_soon_is_trained_in_the_context_it_was_sampled_in(
    base_tokenizer,
):
    end = base_tokenizer.eos_token_id
    steps = [("search", "a b", "c d"), ("invalid", "hm", ""), ("search", "e f", "g h")]
    inline = run("r1_searcher", base_tokenizer, steps, "answered", "x", True)
    silent = next(s.turn for s in inline.segments if s.end_id is not None)
    row = policy_row(inline, base_tokenizer)
    seen = [i for s in inline.segments if s.turn <= silent for i in s.token_ids or ()]
    notice = inline.turns()[silent - 1][-1]
    assert row.completion_ids == [*seen[: -len(notice.token_ids)], end]
    assert row.env_mask[-1] == 1
    # Fine-tuning does not teach it: the run went on without it.
    own = [label for label in trace_row(inline, base_tokenizer).labels if label != IGNORED]
    assert own.count(end) == 1

    turns = run("web_dancer", base_tokenizer, steps, "answered", "x", True)
    whole = policy_row(turns, base_tokenizer)
    sampled = [i for s in turns.segments if s.trainable for i in s.token_ids]
    own = [i for i, m in zip(whole.completion_ids, whole.env_mask, strict=True) if m]
    assert [i for i in own if i != end] == sampled
    assert own.count(end) == 1  # that of the silent turn; the others were cut at their call
    assert whole.completion_ids.count(end) >= 3  # and have the template's, untrained


def test_a_turn_of_nothing_but_its_end_is_reinforced(base_tokenizer):
    end = base_tokenizer.eos_token_id
    trace = run("r1_searcher", base_tokenizer, [("invalid", "hm", "")], "forced", "x", True)
    silent = next(s for s in trace.segments if s.end_id is not None)
    silent.text, silent.token_ids, silent.logprobs = "", [], None
    row = policy_row(trace, base_tokenizer)
    assert (row.completion_ids, row.env_mask, row.logprobs) == ([end], [1], [-0.25])


def test_a_torn_turn_is_not_taught_to_end(base_tokenizer):
    end = base_tokenizer.eos_token_id
    steps = [("search", "a b", "c d"), ("search", "e f", "g h")]
    for stored in (True, False):
        trace = run("web_dancer", base_tokenizer, steps, "forced", "x", stored)
        row = trace_row(trace, base_tokenizer)
        assert [label for label in row.labels if label == end] == [end] * 2
        torn = next(s for s in trace.segments if s.kind == "query")
        torn.torn = True
        assert trace_row(trace, base_tokenizer).labels.count(end) == 1
        assert trace_row(trace, base_tokenizer).input_ids == row.input_ids
