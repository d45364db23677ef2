"""Selection of questions by how their rollouts went."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.curation.by_rollouts import (
    APPENDIX_D,
    RolloutRule,
    SelectionError,
    difficulty_level,
    select_questions,
)
from langgraph_deepsearch.questions import read_questions
from langgraph_deepsearch.trace import TraceFileError, write_traces

WRONG = {"answer": "\n\n\\boxed{Lyon}"}


def rollouts(build, question, verdicts, /, **fields):
    """Return a question's rollouts, right where the pattern has a 1."""
    return [
        build(
            f"{question}/{i}",
            question_id=question,
            rollout=i,
            **fields,
            **({} if verdict == "1" else WRONG),
        )
        for i, verdict in enumerate(verdicts)
    ]


def test_two_questions_with_one_id_are_selected_apart(build, tmp_path):
    runs = rollouts(build, "0", "0001") + rollouts(build, "1", "0001")
    runs += rollouts(build, "0", "0111", question="Which city is the capital of France?")
    found = select_questions(runs, tmp_path / "rl.jsonl", RolloutRule(1, 3, of=4))
    kept = read_questions(tmp_path / "rl.jsonl")
    assert (found.questions, found.by_right["1"], found.by_right["3"]) == (3, 2, 1)
    assert len({question.question for question in kept}) == 2
    assert sum(question.id == "1" for question in kept) == 1
    assert all(question.id.startswith("0 ") for question in kept if question.id != "1")


def test_a_judge_may_say_what_is_right(build, tmp_path):
    runs = rollouts(build, "q", "0000", outcome={"acc": 0.0, "judge": 1.0})
    runs[0] = runs[0].model_copy(update={"outcome": {"acc": 0.0, "judge": 0.0}})
    rule = RolloutRule(1, 3, of=4)
    with pytest.raises(SelectionError):
        select_questions(runs, tmp_path / "rl.jsonl", rule)
    found = select_questions(runs, tmp_path / "rl.jsonl", rule, measures=("judge", "acc"))
    assert (found.kept, found.by_right["3"]) == (1, 1)


def test_questions_never_replace_the_traces_they_come_from(build, tmp_path):
    file = tmp_path / "traces.jsonl"
    write_traces(file, rollouts(build, "q", "0001"))
    before = file.read_bytes()
    with pytest.raises(TraceFileError, match="another --out"):
        select_questions(tmp_path, file, RolloutRule(1, 3, of=4))
    assert file.read_bytes() == before


def test_one_to_six_of_eight_stay_hardest_first(build, tmp_path):
    patterns = {
        "none": "00000000",
        "one": "00000001",
        "early": "10000000",
        "six": "11111100",
        "seven": "11111110",
        "all": "11111111",
        "few": "0101",
    }
    runs = [r for q, p in patterns.items() for r in rollouts(build, q, p)]
    found = select_questions(runs, tmp_path / "rl.jsonl")
    kept = read_questions(tmp_path / "rl.jsonl")
    assert [q.id for q in kept] == ["one", "early", "six"]
    assert kept[0].golds == ("Paris",)
    assert kept[0].metadata == {
        "rollouts": 8, "right": 1, "accuracy": 0.125, "first_right": 8, "level": "easy",
    }  # fmt: skip
    assert (found.questions, found.kept, found.too_few_rollouts) == (7, 3, 1)
    assert found.by_right == {
        "0": 1,
        "1": 2,
        "2": 0,
        "3": 0,
        "4": 0,
        "5": 0,
        "6": 1,
        "7": 1,
        "8": 1,
    }
    saved = json.loads((tmp_path / "rl.jsonl.report.json").read_text())
    assert saved["by_right"] == found.by_right
    assert saved["rule"] == {"least": 1, "most": 6, "of": 8, "levels": []}


def test_only_the_first_rollouts_count(build, tmp_path):
    runs = rollouts(build, "q", "0000000011")
    with pytest.raises(SelectionError, match="no question has 1 to 6 of 8"):
        select_questions(runs, tmp_path / "q.jsonl")
    select_questions(runs[::-1], tmp_path / "q.jsonl", RolloutRule(of=10))
    assert read_questions(tmp_path / "q.jsonl")[0].metadata["right"] == 2


def test_hardest_first_by_the_figures_that_are_written(build, tmp_path):
    patterns = {"late": "10000000" + "1" * 8, "early": "11100000" + "0" * 8}
    runs = [r for q, p in patterns.items() for r in rollouts(build, q, p)]
    select_questions(runs, tmp_path / "q.jsonl")
    kept = [(q.id, q.metadata["accuracy"]) for q in read_questions(tmp_path / "q.jsonl")]
    assert kept == [("late", 0.125), ("early", 0.375)]


def test_a_questions_own_level_is_kept_under_another_name(build, tmp_path):
    source = {"level": "hard", "type": "bridge"}
    select_questions(
        rollouts(build, "q", "00000001", metadata=source), tmp_path / "q.jsonl"
    )
    [first] = read_questions(tmp_path / "q.jsonl")
    assert (first.metadata["level"], first.metadata["source_level"]) == ("easy", "hard")
    again = rollouts(build, "q", "0" * 9 + "1", metadata=dict(first.metadata))
    select_questions(again, tmp_path / "q2.jsonl", RolloutRule(1, 6, 10))
    [second] = read_questions(tmp_path / "q2.jsonl")
    assert (second.metadata["level"], second.metadata["source_level"]) == ("medium", "hard")
    assert second.metadata["type"] == "bridge"
    first.metadata.pop("source_level")  # of a source that gives no level
    third = rollouts(build, "q", "00000001", metadata=dict(first.metadata))
    select_questions(third, tmp_path / "q3.jsonl")
    assert "source_level" not in read_questions(tmp_path / "q3.jsonl")[0].metadata


def test_levels_by_rollouts_until_the_first_right_one(build, tmp_path):
    patterns = {
        "easy": "0" * 8 + "1",
        "medium": "0" * 9 + "1",
        "medium20": "0" * 19 + "1",
        "hard": "0" * 20 + "1",
        "never": "0" * 20,
        "unknown": "0" * 12,
    }
    runs = [r for q, p in patterns.items() for r in rollouts(build, q, p)]
    rule = RolloutRule(least=None, levels=("medium", "hard"))
    found = select_questions(runs, tmp_path / "q.jsonl", rule)
    levels = {q.id: q.metadata["level"] for q in read_questions(tmp_path / "q.jsonl")}
    assert levels == {
        "never": "hard",
        "hard": "hard",
        "medium20": "medium",
        "medium": "medium",
    }
    assert found.by_level == {"easy": 1, "medium": 2, "hard": 2, "unknown": 1}


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 10))
def test_more_rollouts_never_change_a_known_level(verdicts, more):
    first = verdicts.index(True) + 1 if True in verdicts else None
    level = difficulty_level(first, len(verdicts))
    later = [*verdicts, *[False] * more]
    assert level is None or difficulty_level(first, len(later)) == level


def test_two_files_of_the_same_indices_add_up(build, tmp_path):
    first = rollouts(build, "q", "0000")
    second = rollouts(build, "q", "1000")
    for run in second:
        run.id += "b"
    write_traces(tmp_path / "a.jsonl", first)
    write_traces(tmp_path / "b.jsonl", second)
    found = select_questions(
        [tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "q.jsonl"
    )
    assert found.by_right["1"] == 1
    assert len(found.inputs) == 2


def test_verdicts_stand_in_for_golds_and_unjudged_runs_are_counted(build, tmp_path):
    judged = [
        build(f"j{i}", golds=(), outcome={"judge": float(i == 0)}, rollout=i)
        for i in range(2)
    ]
    rest = [build("u", golds=(), rollout=2)]
    found = select_questions([*judged, *rest], tmp_path / "q.jsonl", RolloutRule(1, 1, 2))
    assert (found.kept, found.unjudged) == (1, 1)


def test_rules_and_results_that_cannot_be_are_said_in_one_line(build, tmp_path):
    with pytest.raises(SelectionError, match="from 3 to 2"):
        RolloutRule(3, 2, 8)
    with pytest.raises(SelectionError, match="known: easy, medium, hard"):
        RolloutRule(levels=("tough",))
    with pytest.raises(SelectionError, match="no question has 8 judged rollouts"):
        select_questions([build()], tmp_path / "q.jsonl")
    with pytest.raises(SelectionError, match="no traces in the input"):
        select_questions([], tmp_path / "q.jsonl")
    rule = RolloutRule(least=None, levels=("hard",))
    with pytest.raises(
        SelectionError, match=r"no question is hard: levels are \{'easy': 1\}"
    ):
        select_questions([build()], tmp_path / "q.jsonl", rule)
    assert not (tmp_path / "q.jsonl").exists()
    assert RolloutRule(1, 6, 8) == APPENDIX_D


def test_the_command_selects(build, tmp_path):
    from typer.testing import CliRunner

    from langgraph_deepsearch.cli.app import app

    write_traces(tmp_path / "traces.jsonl", rollouts(build, "q", "01"))
    base = ["select", str(tmp_path), "--out", str(tmp_path / "q.jsonl")]
    done = CliRunner().invoke(app, [*base, "--right", "1-1", "--of", "2"])
    assert done.exit_code == 0, done.output
    assert "1 of 1 questions kept" in done.output
    done = CliRunner().invoke(app, [*base, "--level", "easy", "--json"])
    assert json.loads(done.output)["kept"] == 1
    assert CliRunner().invoke(app, [*base, "--right", "six"]).exit_code != 0
