"""Rollouts: everything once, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from scripted import ANSWER, query

from langgraph_deepsearch.graph.plan import Rates, plan_rollouts
from langgraph_deepsearch.graph.progress import describe
from langgraph_deepsearch.graph.rollout import (
    Rollout,
    RolloutEngine,
    RolloutError,
    check_manifest,
)
from langgraph_deepsearch.nodes.models.base import ModelError
from langgraph_deepsearch.questions import Question
from langgraph_deepsearch.run_lock import BusyError
from langgraph_deepsearch.trace import ChildRecord, read_traces, write_traces

QUESTIONS = [
    Question(f"q{n}", f"What is the capital of Peru, {n}?", ("Lima",)) for n in range(5)
]


def ids(path):
    return sorted(trace.id for trace in read_traces(path))


EVERY = sorted(f"q{n}/{r}" for n in range(5) for r in range(3))


def test_questions_times_rollouts_all_once(agent_of, tmp_path):
    agent, *_ = agent_of(query("peru"), ANSWER)
    seen = []
    engine = RolloutEngine(
        agent,
        tmp_path,
        concurrency=4,
        scorer=lambda answer, golds: {"em": float(answer in golds)},
        on_progress=lambda p: seen.append(describe(p)),
    )
    progress = engine.run(QUESTIONS, 3)
    assert (progress.done, progress.failed, progress.searches) == (15, 0, 15)
    assert ids(tmp_path) == EVERY
    assert all(trace.outcome == {"em": 1.0} for trace in read_traces(tmp_path))
    assert "0:00 left" in seen[-1]


def test_running_again_runs_nothing_twice(agent_of, tmp_path):
    agent, model, _ = agent_of(ANSWER)
    RolloutEngine(agent, tmp_path).run(QUESTIONS[:2], 3)
    calls = len(model.seen)
    progress = RolloutEngine(agent, tmp_path).run(QUESTIONS, 3)
    assert (progress.already, progress.done) == (6, 9)
    assert len(model.seen) == calls + 9
    assert ids(tmp_path) == EVERY


def test_a_rollouts_seed_is_its_own_and_stays():
    seeds = {Rollout(q, r).seed(0) for q in QUESTIONS for r in range(3)}
    assert len(seeds) == 15
    assert Rollout(QUESTIONS[0], 1).seed(0) == Rollout(QUESTIONS[0], 1).seed(0)
    assert Rollout(QUESTIONS[0], 1).seed(0) != Rollout(QUESTIONS[0], 1).seed(1)


def test_failures_are_listed_and_retried(agent_of, tmp_path, monkeypatch):
    agent, model, _ = agent_of(ANSWER)
    original = type(model)._reply
    down = {"q1": True}

    def reply(self, messages):
        if down["q1"] and "Peru, 1" in messages[0].text:
            msg = "the server went away"
            raise ModelError(msg)
        return original(self, messages)

    monkeypatch.setattr(type(model), "_reply", reply)
    progress = RolloutEngine(agent, tmp_path, concurrency=1).run(QUESTIONS)
    assert (progress.done, progress.failed) == (4, 1)
    failure = json.loads((tmp_path / "failures.jsonl").read_text())
    line = "the server went away"
    assert failure == {"id": "q1/0", "type": "ModelError", "error": line}
    down["q1"] = False
    RolloutEngine(agent, tmp_path).run(QUESTIONS)
    assert ids(tmp_path) == [f"q{n}/0" for n in range(5)]


def test_whatever_breaks_a_rollout_ends_no_other(agent_of, tmp_path, monkeypatch):
    agent, *_ = agent_of(ANSWER)
    engine = RolloutEngine(agent, tmp_path, concurrency=1)
    original = engine._one

    async def broken_once(rollout):
        if rollout.question.id == "q1":
            raise KeyError("hops")
        return await original(rollout)

    monkeypatch.setattr(engine, "_one", broken_once)
    progress = engine.run(QUESTIONS)
    assert (progress.done, progress.failed) == (4, 1)
    failure = json.loads((tmp_path / "failures.jsonl").read_text())
    assert failure == {"id": "q1/0", "type": "KeyError", "error": "KeyError: 'hops'"}
    assert isinstance(progress.last_error, KeyError)


def test_what_stops_everything_says_what_it_came_from(agent_of, tmp_path, monkeypatch):
    agent, *_ = agent_of(ANSWER)
    engine = RolloutEngine(agent, tmp_path, concurrency=1)

    async def broken(rollout):
        raise KeyError(rollout.id)

    monkeypatch.setattr(engine, "_one", broken)
    with pytest.raises(RolloutError, match="the last: KeyError: 'q3/1'") as stopped:
        engine.run(QUESTIONS, 2)
    assert isinstance(stopped.value.__cause__, KeyError)


def test_a_full_disk_is_one_error(agent_of, tmp_path, monkeypatch):
    agent, *_ = agent_of(ANSWER)

    def full(path, trace):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("langgraph_deepsearch.graph.rollout.append_trace", full)
    with pytest.raises(OSError, match="No space left"):
        RolloutEngine(agent, tmp_path, concurrency=1).run(QUESTIONS)


@pytest.mark.parametrize(
    "other",
    [
        Question("q0", "What is the capital of Chile?", ("Lima",)),
        Question("q0", QUESTIONS[0].question, ("Santiago",)),
    ],
    ids=["text", "golds"],
)
def test_an_id_that_another_question_had_is_refused(other, agent_of, tmp_path):
    agent, model, _ = agent_of(ANSWER)
    RolloutEngine(agent, tmp_path).run(QUESTIONS[:1])
    calls = len(model.seen)
    with pytest.raises(RolloutError, match=r"runs of another question 'q0'.*another --out"):
        RolloutEngine(agent, tmp_path).run([other, QUESTIONS[1]])
    assert len(model.seen) == calls


HOLD = """
    import sys, time
    from pathlib import Path
    from langgraph_deepsearch.run_lock import run_lock
    with run_lock(Path(sys.argv[1])):
        print("held", flush=True)
        time.sleep(60)
"""


def test_a_second_process_gets_one_line_until_the_first_is_gone(agent_of, tmp_path):
    agent, model, _ = agent_of(ANSWER)
    script = [sys.executable, "-c", textwrap.dedent(HOLD), str(tmp_path / "traces.jsonl")]
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match="another process is at work on"):
            RolloutEngine(agent, tmp_path).run(QUESTIONS)
        assert not model.seen
        holder.kill()
    assert RolloutEngine(agent, tmp_path).run(QUESTIONS).done == 5
    assert [path.name for path in tmp_path.iterdir()] == ["traces.jsonl"]


def test_a_dead_server_stops_everything_and_keeps_what_is_done(
    agent_of, tmp_path, monkeypatch
):
    agent, model, _ = agent_of(ANSWER)
    RolloutEngine(agent, tmp_path).run(QUESTIONS[:1])

    def reply(self, messages):
        msg = "no model server at http://127.0.0.1:9"
        raise ModelError(msg)

    monkeypatch.setattr(type(model), "_reply", reply)
    with pytest.raises(
        RolloutError,
        match=r"failures in a row, the last: no model server.*1 of 50 rollouts are kept",
    ):
        RolloutEngine(agent, tmp_path, concurrency=2).run(QUESTIONS, 10)
    assert ids(tmp_path) == ["q0/0"]


def test_resuming_with_other_settings_is_refused(tmp_path):
    check_manifest(tmp_path, {"seed": 0, "model": "a"})
    check_manifest(tmp_path, {"seed": 0, "model": "a"})
    with pytest.raises(RolloutError, match="started with model='a', now it is 'b'"):
        check_manifest(tmp_path, {"seed": 0, "model": "b"})


def test_a_directory_from_before_a_setting_was_added_had_its_default(tmp_path):
    check_manifest(tmp_path, {"seed": 0, "training": {"epochs": 2}})
    now = {"seed": 0, "training": {"epochs": 2, "decay": 0.0}, "pages": 10}
    defaults = {"training": {"epochs": 1, "decay": 0.0}, "pages": 10}
    check_manifest(tmp_path, now, defaults)
    with pytest.raises(RolloutError, match="started with pages=10, now it is 20"):
        check_manifest(tmp_path, {**now, "pages": 20}, defaults)
    changed = {"epochs": 2, "decay": 0.1}
    with pytest.raises(RolloutError, match=r"training\.decay=0\.0, now it is 0\.1"):
        check_manifest(tmp_path, {**now, "training": changed}, defaults)
    with pytest.raises(RolloutError, match="started with pages=None"):
        check_manifest(tmp_path, now)


def test_a_plan_counts_what_is_left(agent_of, tmp_path):
    plan = plan_rollouts(QUESTIONS, 3, 4, tmp_path, {})
    assert (plan.rollouts, plan.searches) == (15, 35)
    agent, *_ = agent_of(query("peru"), ANSWER)
    RolloutEngine(agent, tmp_path).run(QUESTIONS, 1)
    plan = plan_rollouts(QUESTIONS, 3, 4, tmp_path, {})
    assert (plan.rollouts, plan.searches) == (10, 10)
    assert "5 traces" in plan.source


def test_a_plan_counts_the_model_that_notes_learnings(tmp_path):
    closed, open_ended = (
        plan_rollouts(
            QUESTIONS, 3, 4, tmp_path, {"dialect": "o2_searcher", "open_ended": value}
        )
        for value in (False, True)
    )
    assert open_ended.child_calls > closed.child_calls == 0


def test_a_plan_counts_what_is_left_of_these_questions(agent_of, tmp_path):
    agent, *_ = agent_of(query("peru"), ANSWER)
    RolloutEngine(agent, tmp_path).run(QUESTIONS[:2], 1)
    plan = plan_rollouts(QUESTIONS[2:], 1, 4, tmp_path, {})
    assert plan.rollouts == 3
    other = [Question("q0", "Another question?", ("Lima",))]
    with pytest.raises(RolloutError, match="runs of another question"):
        plan_rollouts(other, 1, 4, tmp_path, {})


def test_a_plan_counts_the_model_that_reads_documents(agent_of, tmp_path, monkeypatch):
    plain = plan_rollouts(QUESTIONS, 3, 4, tmp_path, {"condenser": "extractive"})
    assert (plain.child_calls, plain.child_completion_tokens) == (0, 0)
    model = {"condenser": "reason_in_documents"}
    plan = plan_rollouts(QUESTIONS, 3, 4, tmp_path, model)
    assert plan.child_calls == plan.searches == 35
    assert plan.hours > plain.hours
    assert "inside steps 35 calls" in plan.text()
    monkeypatch.setenv("DEEPSEARCH_CONDENSER", "extractive")
    assert plan_rollouts(QUESTIONS, 3, 4, tmp_path, {}).child_calls == 0
    agent, *_ = agent_of(query("peru"), ANSWER)
    RolloutEngine(agent, tmp_path).run(QUESTIONS, 1)
    [first, *rest] = read_traces(tmp_path)
    call = ChildRecord(step="condense", turn=1, completion_tokens=30, prompt_tokens=70)
    usage = {"child_completion_tokens": 30, "child_prompt_tokens": 70}
    paid = first.usage.model_copy(update=usage)
    with_calls = [t.model_copy(update={"children": [call], "usage": paid}) for t in rest]
    write_traces(tmp_path / "traces.jsonl", [first, *with_calls])
    plan = plan_rollouts(QUESTIONS, 3, 4, tmp_path, model)
    found = (plan.child_calls, plan.child_completion_tokens, plan.child_prompt_tokens)
    assert found == (8, 240, 560)


OPEN_ENDED = Question("open", "What drives Peru?", ("Copper.",), {"kind": "open_ended"})


def test_an_open_ended_question_is_condensed_in_the_dialects_own_way(agent_of, tmp_path):
    agent, *_ = agent_of("<answer>Lima</answer>", condenser=None, dialect="o2_searcher")
    RolloutEngine(agent, tmp_path).run([QUESTIONS[0], OPEN_ENDED], 1)
    chosen = {t.question_id: t.settings["condenser"] for t in read_traces(tmp_path)}
    assert chosen == {"q0": "none", "open": "learnings"}


def test_a_plan_counts_the_learnings_of_open_ended_questions(tmp_path):
    settings = {"dialect": "o2_searcher"}
    assert plan_rollouts(QUESTIONS, 1, 4, tmp_path, settings).child_calls == 0
    assert plan_rollouts([OPEN_ENDED], 1, 4, tmp_path, settings).child_calls > 0


def test_a_plan_tells_money_and_time_at_the_rates_given(tmp_path):
    rates = Rates(1000.0, prompt_price=2.0, completion_price=8.0, search_price=5.0)
    model = {"condenser": "reason_in_documents"}
    plan = plan_rollouts(QUESTIONS, 20, 4, tmp_path, model, rates)
    read = plan.prompt_tokens + plan.child_prompt_tokens
    written = plan.completion_tokens + plan.child_completion_tokens
    cost = read * 2 / 1e6 + written * 8 / 1e6 + plan.searches * 5 / 1e3
    assert plan.cost == pytest.approx(cost, rel=1e-3)
    assert plan.hours == pytest.approx(written / 1000 / 3600, rel=1e-3)
    assert f"cost {plan.cost:.2f}" in plan.text()
    assert "cost" not in plan_rollouts(QUESTIONS, 3, 4, tmp_path, {}).text()


SLOW = """
    import sys, time
    sys.path.insert(0, {tests!r})
    from scripted import *
    from langgraph_deepsearch import create_deep_search_agent
    from langgraph_deepsearch.graph.rollout import RolloutEngine
    from langgraph_deepsearch.questions import Question

    class Slow(FewPages):
        async def asearch(self, text, k, *, episode=None):
            import asyncio
            await asyncio.sleep(0.15)
            return self.search(text, k)

    model = ScriptedModel(replies=[query("peru"), ANSWER], seen=[])
    agent = create_deep_search_agent(model, search=Slow(), condenser="extractive")
    questions = [Question(f"q{{n}}", f"Peru, {{n}}?", ("Lima",)) for n in range(60)]
    RolloutEngine(agent, {out!r}, concurrency=3).run(questions)
    print("finished", flush=True)
"""


def test_kill_nine_in_the_middle_loses_nothing_and_doubles_nothing(tmp_path):
    tests = str(__import__("pathlib").Path(__file__).parents[1])
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(SLOW).format(tests=tests, out=str(tmp_path / "out")))
    path = tmp_path / "out" / "traces.jsonl"
    kills = 0
    for _ in range(20):
        process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE)
        already = path.read_bytes().count(b"\n") if path.exists() else 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            now = path.read_bytes().count(b"\n") if path.exists() else 0
            if kills < 2 and now >= already + 8:
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.02)
        process.communicate(timeout=60)
        if process.returncode == 0:
            break
    assert kills == 2
    assert ids(path) == sorted(f"q{n}/0" for n in range(60))


async def test_a_slow_search_holds_up_nobody_else(agent_of, tmp_path):
    agent, _, search = agent_of(query("peru"), ANSWER)
    others, done = len(QUESTIONS) - 1, asyncio.Event()

    async def slow_for_one(text, k, *, episode=None):
        # The first to search gets its pages only when all others have finished: with a
        # barrier between steps, or a search at a time, nobody would.
        if not search.queries:
            search.queries.append(text)
            await asyncio.wait_for(done.wait(), 30)
        return search.search(text, k)

    def progressed(progress):
        if progress.done == others:
            done.set()

    search.asearch = slow_for_one
    engine = RolloutEngine(agent, tmp_path, concurrency=2, on_progress=progressed)
    progress = await engine.arun(QUESTIONS)
    assert (progress.done, progress.failed) == (len(QUESTIONS), 0)
    assert ids(tmp_path) == sorted(f"{q.id}/0" for q in QUESTIONS)
    assert not any(s.error for t in read_traces(tmp_path) for s in t.searches)


async def test_as_many_runs_as_asked_for_are_under_way(agent_of, tmp_path):
    agent, _, search = agent_of(query("peru"), ANSWER)
    under_way, most, full = 0, 0, asyncio.Event()

    async def counted(text, k, *, episode=None):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 4:
            full.set()
        await asyncio.wait_for(full.wait(), 30)
        under_way -= 1
        return search.search(text, k)

    search.asearch = counted
    progress = await RolloutEngine(agent, tmp_path, concurrency=4).arun(QUESTIONS, 2)
    assert (progress.done, most) == (10, 4)
