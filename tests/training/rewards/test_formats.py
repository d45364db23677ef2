from __future__ import annotations

import pytest

from langgraph_deepsearch.nodes.dialects import get_dialect, list_dialects
from langgraph_deepsearch.training.rewards.formats import (
    PaperFormat,
    deep_researcher_format,
    r1_searcher_format,
    research_format,
    search_r1_format,
    well_formed,
)

QUERY = "<|begin_search_query|>q<|end_search_query|>"
RESULT = "\n\n<|begin_search_result|>found<|end_search_result|>\n\n"
BOX = "So it is.</think>\n\n\\boxed{Paris}"


def run_of(make_run, *, thought="I look it up. ", final=BOX, **changes):
    return make_run(
        [
            ("reason", thought, True),
            ("query", QUERY, True),
            ("result", RESULT, False),
            ("answer", final, True),
        ],
        searches=changes.pop("searches", 1),
        **changes,
    )


def test_a_clean_run_breaks_no_rule(make_run):
    assert PaperFormat()(run_of(make_run)) == []
    assert well_formed(run_of(make_run)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"thought": "<|begin_search_result|>mine<|end_search_result|>"}, "itself"),
        ({"thought": "Wait. " * 4 + "Hmm, hmm. "}, "6 reflections"),
        ({"final": "Paris", "answer": None}, "no final answer"),
        ({"searches": 9}, "9 searches"),
        ({"thought": "na " * 60}, "in turn 1"),
        ({"thought": "broken \ufffd"}, "characters that are none"),
        ({"thought": "word " * 8000}, "tokens in a turn"),
    ],
)
def test_each_rule_of_the_paper_is_found(make_run, changes, said):
    assert any(said in problem for problem in PaperFormat()(run_of(make_run, **changes)))


def test_the_papers_constants_are_its_own_and_can_be_changed(make_run):
    five = run_of(make_run, thought="Wait. Alternatively, wait. Hmm. Wait. ")
    assert PaperFormat()(five) == []
    assert PaperFormat(max_reflections=4)(five)
    assert PaperFormat()(run_of(make_run, searches=8)) == []


def test_kuwait_is_no_reflection(make_run):
    assert PaperFormat()(run_of(make_run, thought="Kuwait, Kuwait again. " * 2)) == []


R1 = (
    "I search. <|begin_of_query|>q<|end_of_query|>\n\n<|begin_of_documents|>\n(1)d\n"
    "<|end_of_documents|>\n\nSo.</think>\n<answer>Paris</answer>"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (R1, None),
        ("I know.</think>\n<answer>Paris</answer>", None),
        (R1.replace("<|end_of_query|>", ""), "unequal"),
        (R1.replace("\n(1)", "\n"), "unequal"),
        (R1.replace("I search", "<think>I search"), "not exactly one thought"),
        (R1 + "<answer>Rome</answer>", "not exactly one answer"),
        (R1.replace("So.", "The assistant says so."), "word assistant"),
        (R1.replace("Paris", "a b c d e f g h i j k"), "more than 10 words"),
        (R1.replace("So.", "所以"), "Chinese"),
        (R1.replace("Paris", "<|begin_of_query|>"), "control tag"),
    ],
)
def test_r1_searchers_rules(make_run, text, said):
    problems = r1_searcher_format(make_run(text))
    assert problems == [] if said is None else any(said in problem for problem in problems)


GOOD = (
    "<think>a</think>\n<search>q</search>\n\n<information>Doc</information>\n\n"
    "<think>b</think><answer>Paris</answer>"
)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (GOOD, True),
        ("<think>a</think><answer>b</answer>", True),
        (GOOD.replace("<think>b</think>", "b"), False),
        (GOOD.replace("<information>Doc</information>", ""), False),
        (GOOD + " and more", False),
        (GOOD.removesuffix("</answer>"), False),
        ("<answer>b</answer>", False),
        ("", False),
    ],
)
def test_search_r1s_state_machine(make_run, text, valid):
    assert (search_r1_format(make_run(text)) == []) == valid


def test_researchs_rules(make_run):
    good = "<think>a</think> <answer>\\boxed{Paris}</answer>"
    assert research_format(make_run(good)) == []
    assert research_format(make_run(good.replace("\\boxed{Paris}", "Paris")))
    assert research_format(make_run("<think>" + good))
    assert research_format(make_run(good, stop_reason="token_limit")) == ["over-length"]


def test_a_turn_without_action_breaks_deep_researchers_rule(make_run):
    assert deep_researcher_format(run_of(make_run)) == []
    assert deep_researcher_format(run_of(make_run, final="I give up", answer=None))


@pytest.mark.parametrize("name", list_dialects())
def test_the_general_rules_work_for_every_dialect(make_run, name):
    dialect = get_dialect(name)
    parts = [
        ("query", dialect.format_query("q"), True),
        ("result", dialect.render_results("found"), False),
        ("answer", dialect.format_answer("Paris"), True),
    ]
    assert well_formed(make_run(parts, dialect=name)) == []
    forged = [("reason", dialect.render_results("mine"), True), *parts]
    assert well_formed(make_run(forged, dialect=name))
    assert well_formed(make_run(parts[:2], dialect=name, stop_reason="turn_limit"))
