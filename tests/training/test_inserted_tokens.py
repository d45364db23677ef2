"""No token that the model did not write ever carries loss: SFT, DPO, RL, every dialect."""

from __future__ import annotations

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

    def _add(self, kind, text, *, mine, speaker):
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
            )
        )

    def _inserted(self, text, speaker):
        if self.dialect.layout == "inline" or speaker == "assistant":
            return self._ids(text)
        return self._ids(f"<|im_end|>\n<|im_start|>{speaker}\n{text}<|im_end|>\n")

    def write(self, kind, text):
        self._add(kind, text, mine=True, speaker="assistant")

    def put(self, kind, text, speaker=None):
        self._add(kind, text, mine=False, speaker=speaker or self.dialect.result_speaker)
        self.turn += 1
        if self.dialect.layout == "turns" and self.dialect.prefill:
            self._add("notice", self.dialect.prefill, mine=False, speaker="assistant")

    def step(self, kind, said, found):
        dialect = self.dialect
        self.write("reason", said)
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
        self.write("answer", self.dialect.format_answer(said))

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


def check(tokenizer, trace, ids, mask):
    """What is trained is what the model wrote, and all else stands there untrained."""
    own = [i for i, mine in zip(ids, mask, strict=True) if mine]
    end = tokenizer.eos_token_id
    if trace.stop_reason == "answered" and own[-1] == end:
        own = own[:-1]
    assert decode(tokenizer, own) == written(trace)
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
    check(base_tokenizer, trace, row.input_ids, mask)
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
        check(base_tokenizer, trace, side.input_ids, mask)
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
    ids = [*row.prompt_ids, *row.completion_ids]
    mask = [0] * len(row.prompt_ids) + row.env_mask
    check(base_tokenizer, trace, ids, mask)
    sampled = [i for s in trace.segments if s.trainable for i in s.token_ids]
    own = [i for i, m in zip(row.completion_ids, row.env_mask, strict=True) if m]
    assert own[: len(sampled)] == sampled
    for value, mine in zip(row.logprobs, row.env_mask, strict=True):
        assert value in ((-0.5, None) if mine else (0.0,))
    assert None not in row.logprobs[:-1]  # an end token's alone is unknown


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


def test_an_end_the_model_did_not_sample_is_not_reinforced(base_tokenizer):
    trace = run("simple_deep_searcher", base_tokenizer, [], "answered", "e", True)
    assert policy_row(trace, base_tokenizer).logprobs[-1] is None
    limit = len(trace.segments[-1].token_ids)
    trace.settings = {"limits": {"turn_tokens": limit}}
    assert None not in policy_row(trace, base_tokenizer).logprobs
