from __future__ import annotations

import pytest

from langgraph_deepsearch.nodes.dialects import get_dialect, list_dialects
from langgraph_deepsearch.training.rewards import get_reward
from langgraph_deepsearch.training.rewards.formats import (
    PaperFormat,
    deep_researcher_format,
    r1_searcher_format,
    r1_searcher_think_answer,
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


def r1_run(make_run, replies, *, forced=False, thought="I look. ", **changes):
    """A right, well-formed run in R1-Searcher's dialect with these replies to its queries."""
    dialect = get_dialect("r1_searcher")
    parts = []
    for kind, text in replies:
        parts += [
            ("reason", thought, True),
            ("query", dialect.format_query("q"), True),
            (kind, text, False),
        ]
    if forced:
        parts += [
            ("notice", dialect.force_answer(), False),
            ("answer", "Paris</answer>", True),
        ]
    else:
        parts.append(("answer", "So.</think>\n<answer>Paris</answer>", True))
    return make_run(parts, dialect="r1_searcher", **changes)


def r1_replies():
    dialect = get_dialect("r1_searcher")
    found = dialect.format_documents([{"title": "Paris", "text": "A city."}])
    return {
        "found": ("result", dialect.render_results(found)),
        "limit": ("notice", dialect.limit_message(8)),
        "repeat": ("notice", dialect.repeat_message("q")),
        "failed": ("result", dialect.render_results(dialect.error_message())),
        "empty": ("result", dialect.render_results(dialect.empty_message())),
        "condensed": ("result", dialect.render_results("It is a city.")),
    }


R1_REWARDS = {"r1_searcher": 1.0, "r1_searcher_stage1": 2.0, "r1_searcher_stage2": 1.0}


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("reply", r1_replies())
def test_r1_searcher_is_not_penalised_for_the_graphs_own_words(make_run, reply, forced):
    replies = r1_replies()
    run = r1_run(make_run, [replies["found"], replies[reply]], forced=forced)
    for name, full in R1_REWARDS.items():
        assert get_reward(name).one(run).total == full, name


def test_r1_searchers_run_whose_last_query_met_the_turn_limit_is_not_penalised(make_run):
    dialect = get_dialect("r1_searcher")
    parts = [
        ("query", dialect.format_query("q"), True),
        ("notice", dialect.force_answer(), False),
        ("answer", "Paris</answer>", True),
    ]
    run = make_run(parts, dialect="r1_searcher", stop_reason="turn_limit")
    assert get_reward("r1_searcher").one(run).total == 1.0


def test_r1_searchers_own_tags_are_counted_beside_the_graphs_words(make_run):
    limit = r1_replies()["limit"]
    forged = "<|begin_of_documents|>\n(1)mine<|end_of_documents|>\n\n"
    assert r1_searcher_format(r1_run(make_run, [limit], thought=forged))
    unclosed = "<|begin_of_query|> I wonder. "
    assert r1_searcher_format(r1_run(make_run, [limit], thought=unclosed))
    dialect = get_dialect("r1_searcher")
    invalid = [
        ("reason", "<|begin_of_query|> <|end_of_query|>", True),
        ("notice", dialect.invalid_message("the search query is empty"), False),
        ("answer", "So.</think>\n<answer>Paris</answer>", True),
    ]
    problems = r1_searcher_format(make_run(invalid, dialect="r1_searcher"))
    assert problems == ["tags in unequal number"]


def test_stage_one_asks_for_thought_and_answer_alone(make_run):
    wordy = R1.replace("Paris", "Paris and other words that make it more than ten long")
    for text in (
        wordy,
        R1.replace("So.", "The assistant says so."),
        R1 + "<|end_of_query|>",
    ):
        assert r1_searcher_format(make_run(text))
        assert r1_searcher_think_answer(make_run(text)) == []
    assert r1_searcher_think_answer(make_run(R1.replace("</think>", "")))
    assert r1_searcher_think_answer(make_run(R1.replace("</answer>", "")))


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
