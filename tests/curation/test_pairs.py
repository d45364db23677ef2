"""Preference pairs: who is preferred, and that both sides are whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.curation.pairing import MOST_RUNS, NoPairsError, make_pairs
from langgraph_deepsearch.curation.pairs import PairFileError, read_pairs
from langgraph_deepsearch.curation.preference import (
    PreferenceRuleError,
    WebThinkerRule,
    get_rule,
)
from langgraph_deepsearch.curation.presets import CurationChoiceError
from langgraph_deepsearch.trace import ChildRecord, Segment, write_traces

WRONG = {"answer": "\n\n\\boxed{Lyon}"}
LONG = " ".join(f"w{i}" for i in range(400)) + "</think>"


def chosen_over(directory):
    return {
        p.question_id: (p.chosen.trace_id, p.rejected.trace_id)
        for p in read_pairs(directory)
    }


def test_webthinkers_order(build, tmp_path):
    runs = [
        build("right", question_id="a", queries="xyz"),
        build("wrong", question_id="a", queries="x", **WRONG),
        build("fewer", question_id="b", queries="x"),
        build("more", question_id="b", queries="xyz"),
        build("short", question_id="c", closing="Paris.</think>"),
        build("long", question_id="c", closing="Paris, " * 60 + "</think>"),
        build("about", question_id="d", closing="So it is Paris now.</think>"),
        build("equal", question_id="d", closing="Paris then, or not.</think>"),
        build("wrong1", question_id="e", **WRONG),
        build("wrong2", question_id="e", queries="xy", **WRONG),
    ]
    report = make_pairs(runs, tmp_path)
    assert chosen_over(tmp_path) == {
        "a": ("right", "wrong"),
        "b": ("fewer", "more"),
        "c": ("short", "long"),
    }
    assert report.by_priority == {"1": 1, "2": 1, "3": 1}
    assert (report.questions, report.without_preference) == (5, 2)
    reasons = [pair.reason for pair in read_pairs(tmp_path)]
    assert reasons[:2] == ["right over wrong", "1 calls over 3"]
    assert reasons[2].endswith("times shorter at equal calls")
    saved = json.loads((tmp_path / "pairs.json").read_text())
    assert saved["pairs"] == 3
    assert saved["source"]


def test_rejected_runs_of_the_strict_rule_fail_the_checks(build, tmp_path):
    strong = [build(f"good {q}", question_id=q) for q in "abc"]
    own = [
        build("wrong", question_id="a", **WRONG),
        build("unclosed", question_id="b", closing="So Paris."),
        build("both", question_id="c", closing="So Lyon.", **WRONG),
    ]
    report = make_pairs(strong, tmp_path, rule="paper_strict", against=own)
    assert chosen_over(tmp_path) == {
        "b": ("good b", "unclosed"),
        "c": ("good c", "both"),
    }
    assert report.without_preference == 1
    assert {pair.rule for pair in read_pairs(tmp_path)} == {"paper_strict"}


def explorer(*segments):
    prompt = Segment(kind="prompt", speaker="user", text="Find it.")
    return ChildRecord(step="explorer", turn=1, segments=[prompt, *segments])


def exploring(clicks):
    """Return an explorer's record as the graph leaves it: a segment a turn, and its result."""
    turn = [
        Segment(kind="reason", speaker="assistant", text="I click.", trainable=True),
        Segment(kind="result", speaker="tool", text="A page."),
    ]
    closing = Segment(kind="answer", speaker="assistant", text="Found.", trainable=True)
    return explorer(*turn * clicks, closing)


def calling(clicks):
    call = Segment(kind="call", speaker="assistant", text="click", trainable=True)
    return explorer(*[call] * clicks)


@pytest.mark.parametrize("child", [exploring, calling])
def test_calls_of_an_explorer_inside_a_search_count(child, build, tmp_path):
    runs = [
        build("many", children=[child(4), child(3)], closing="Paris a.</think>"),
        build("few", children=[child(1)], closing="Paris b.</think>"),
    ]
    make_pairs(runs, tmp_path)
    assert chosen_over(tmp_path) == {"q1": ("few", "many")}
    assert next(read_pairs(tmp_path)).reason == "2 calls over 8"


def test_runs_beyond_those_that_are_compared_are_reported(build, tmp_path):
    runs = [build(f"q/{i:03}", closing=f"Paris {i}.</think>") for i in range(MOST_RUNS + 6)]
    report = make_pairs([*runs, build("z", **WRONG)], tmp_path)
    assert chosen_over(tmp_path) == {"q1": ("q/000", "z")}
    assert report.not_compared == 6
    assert "6 runs not compared" in str(report)
    assert json.loads((tmp_path / "pairs.json").read_text())["not_compared"] == 6


def test_runs_of_two_questions_with_one_id_are_not_paired(build, tmp_path):
    other = {"question": "What is the capital of Italy?", "golds": ["Rome"]}
    runs = [build("0/0", question_id="0"), build("0/1", question_id="0", **other)]
    with pytest.raises(NoPairsError):
        make_pairs(runs, tmp_path)
    figures = json.loads((tmp_path / "pairs.json").read_text())
    assert (figures["questions"], figures["single_run"]) == (2, 2)


def test_the_measure_is_named_or_the_presets(build, tmp_path):
    runs = [
        build("judged", queries="x", outcome={"acc": 0.0, "judge": 1.0}),
        build("held", queries="y", outcome={"acc": 1.0, "judge": 0.0}),
    ]
    for change, better in (
        ({}, "held"),
        ({"measures": ["judge"]}, "judged"),
        ({"preset": "r1_searcher"}, "judged"),
    ):
        make_pairs(runs, tmp_path, **change)
        [pair] = read_pairs(tmp_path)
        assert pair.chosen.trace_id == better


def test_a_stronger_reason_is_taken_first_and_a_run_once(build, tmp_path):
    runs = [
        build("one", queries="x"),
        build("two", queries="xy"),
        build("three", queries="xyz"),
        build("wrong", queries="xyz", **WRONG),
    ]
    make_pairs(runs, tmp_path, per_question=1)
    [pair] = read_pairs(tmp_path)
    assert (pair.chosen.trace_id, pair.rejected.trace_id) == ("one", "wrong")
    make_pairs(runs, tmp_path, per_question=9)
    ids = [
        i for p in read_pairs(tmp_path) for i in (p.chosen.trace_id, p.rejected.trace_id)
    ]
    assert sorted(ids) == ["one", "three", "two", "wrong"]


def test_the_papers_rule_checks_format_and_path(build, tmp_path):
    strong = [
        build("good", question_id="a", model="strong"),
        build("long winded", question_id="b", closing=LONG),
        build("good too", question_id="c"),
        build("right", question_id="d"),
    ]
    own = [
        build("own wrong", question_id="a", **WRONG),
        build("own wrong", question_id="b", **WRONG),
        build("own unclosed", question_id="c", closing="So Paris."),
        build("own fine", question_id="d", closing="Paris it is.</think>"),
    ]
    for number, run in enumerate(own):
        run.id += str(number)
    report = make_pairs(strong, tmp_path, rule="paper", against=own)
    assert chosen_over(tmp_path) == {
        "a": ("good", "own wrong0"),
        "c": ("good too", "own unclosed2"),
    }
    first, second = read_pairs(tmp_path)
    assert first.reason == "wrong answer"
    assert "turn_shape" in second.reason
    assert first.chosen.model == "strong"
    assert report.without_preference == 2


def test_runs_of_two_directories_may_share_ids(build, tmp_path):
    strong = [build(f"q1/{n}", closing=f"Paris {n}.</think>") for n in range(2)]
    own = [build(f"q1/{n}", closing=f"Lyon {n}.</think>", **WRONG) for n in range(2)]
    report = make_pairs(strong, tmp_path, against=[*own, own[0]], per_question=5)
    assert (report.pairs, report.duplicates) == (2, 1)
    assert {(p.chosen.answer, p.rejected.answer) for p in read_pairs(tmp_path)} == {
        ("Paris", "Lyon")
    }


def test_sides_are_whole_traces_with_their_masks_and_tokens(build, tmp_path):
    better, worse = build("a", token_ids=True), build("b", token_ids=True, **WRONG)
    better.segments[0].token_ids, worse.segments[0].token_ids = [5, 6], [5, 6]
    make_pairs([better, worse], tmp_path)
    [pair] = read_pairs(tmp_path)
    assert pair.prompt == better.segments[:1]
    assert all(s.kind != "prompt" for s in (*pair.chosen.segments, *pair.rejected.segments))
    for side, run in (("chosen", better), ("rejected", worse)):
        trace = pair.trace(side)
        assert trace.segments == run.segments
        assert (trace.answer, trace.exactness, trace.golds) == (
            run.answer,
            "token",
            ["Paris"],
        )
    assert pair.chosen.outcome["em"] == 1
    assert pair.rejected.outcome["em"] == 0


def test_prompt_tokens_of_different_models_are_left_out(build, tmp_path):
    better, worse = build("a"), build("b", **WRONG)
    better.segments[0].token_ids, worse.segments[0].token_ids = [5], [7, 8]
    make_pairs([better, worse], tmp_path)
    assert next(read_pairs(tmp_path)).prompt[0].token_ids is None


def test_runs_of_different_prompts_are_no_pair(build, tmp_path):
    other = build("b", **WRONG)
    other.segments[0] = Segment(kind="prompt", speaker="user", text="In one word?")
    with pytest.raises(NoPairsError, match="1 with different prompts"):
        make_pairs([build("a"), other], tmp_path)
    assert json.loads((tmp_path / "pairs.json").read_text())["different_prompts"] == 1
    assert not (tmp_path / "pairs.jsonl").exists()


def test_verdicts_count_and_runs_without_any_are_unusable(build, tmp_path):
    runs = [
        build("liked", golds=(), outcome={"user": 1.0}),
        build("disliked", golds=(), outcome={"user": 0.0}, **WRONG),
        build("unknown", golds=()),
    ]
    report = make_pairs(runs, tmp_path)
    assert chosen_over(tmp_path) == {"q1": ("liked", "disliked")}
    assert report.unusable == 1


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "no traces in the input"),
        ([{"golds": ()}], "no run has a gold answer"),
        ([{}], "1 with one run"),
    ],
)
def test_no_pair_says_why(build, tmp_path, runs, message):
    with pytest.raises(NoPairsError, match=message):
        make_pairs([build(f"t{i}", **fields) for i, fields in enumerate(runs)], tmp_path)


def test_an_earlier_result_survives_a_failure(build, tmp_path):
    make_pairs([build("a"), build("b", **WRONG)], tmp_path)
    before = (tmp_path / "pairs.jsonl").read_bytes()
    with pytest.raises(NoPairsError):
        make_pairs([build("a")], tmp_path)
    assert (tmp_path / "pairs.jsonl").read_bytes() == before


def test_unknown_rules_presets_and_ratios_are_refused(build, tmp_path):
    with pytest.raises(
        PreferenceRuleError, match="known: paper, paper_strict, web_thinker"
    ):
        make_pairs([build()], tmp_path, rule="elo")
    with pytest.raises(CurationChoiceError, match="no curation preset"):
        make_pairs([build()], tmp_path, rule="paper", preset="x")
    for ratio in (1.0, float("nan"), float("inf")):
        with pytest.raises(PreferenceRuleError, match="above 1"):
            get_rule("web_thinker", ratio=ratio)
    assert not list(tmp_path.iterdir())


def test_broken_pair_files_are_named(tmp_path):
    with pytest.raises(PairFileError, match="run `deepsearch pairs`"):
        next(read_pairs(tmp_path))
    file = tmp_path / "pairs.jsonl"
    file.write_text('{"version": 1}\n')
    with pytest.raises(PairFileError, match=r"pairs\.jsonl:1: not a preference pair"):
        next(read_pairs(file))
    for line in ("null", "[]", '{"version": "1"}'):
        file.write_text(f"{line}\n")
        with pytest.raises(PairFileError, match=r"not a preference pair \((it is|version)"):
            next(read_pairs(file))
    file.write_text('{"version": 9}\n')
    with pytest.raises(PairFileError, match="version 9 is newer"):
        next(read_pairs(file))


def test_pairs_become_training_rows_with_results_masked(build, tmp_path, base_tokenizer):
    from langgraph_deepsearch.training.rows import trace_row

    make_pairs([build("a", queries="xy"), build("b", **WRONG)], tmp_path)
    [pair] = read_pairs(tmp_path)
    for side in ("chosen", "rejected"):
        trace = pair.trace(side)
        row = trace_row(trace, base_tokenizer)
        learned = [i for i in row.labels if i != -100]
        text = base_tokenizer.decode(learned)
        assert "is known for" not in text  # the result's words
        assert trace.answer in text


RUNS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 3), st.integers(1, 200)), min_size=2, max_size=6
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(RUNS, st.sampled_from([1, 4]))
def test_preferences_never_run_in_circles_nor_depend_on_order(build, tmp_path, runs, most):
    rule = WebThinkerRule()
    traces = [
        build(
            f"t{i}",
            queries=[f"q{n}" for n in range(calls)],
            closing="Paris " * words + "</think>",
            **({} if right else WRONG),
        )
        for i, (right, calls, words) in enumerate(runs)
    ]
    results = []
    for order in (traces, traces[::-1]):
        try:
            make_pairs(order, tmp_path, rule=rule, per_question=most)
        except NoPairsError:
            results.append(None)
            continue
        results.append(
            [(p.chosen.trace_id, p.rejected.trace_id) for p in read_pairs(tmp_path)]
        )
    assert results[0] == results[1]
    facts = {f"t{i}": run for i, run in enumerate(runs)}
    for better, worse in results[0] or ():
        a, b = facts[better], facts[worse]
        assert a[0]
        assert not b[0] or a[1] < b[1] or (a[1] == b[1] and a[2] < b[2])


def test_the_command_writes_pairs(build, tmp_path):
    from typer.testing import CliRunner

    from langgraph_deepsearch.cli.app import app

    write_traces(tmp_path / "traces.jsonl", [build("a"), build("b", **WRONG)])
    arguments = ["pairs", str(tmp_path), "--out", str(tmp_path / "out"), "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["pairs"] == 1
    assert len(list(read_pairs(tmp_path / "out"))) == 1
