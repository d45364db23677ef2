"""`deepsearch train rl` as a user types it, against a server that takes adapters."""

from __future__ import annotations

import itertools
import json

import pytest
from killed_runs import finish, kill_after_a_checkpoint, start

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("trl", reason="needs trl: pip install 'langgraph-deepsearch[train]'")
pytest.importorskip("peft", reason="LoRA needs peft")

from tiny_server import TinyServer

from langgraph_deepsearch.nodes.models.resolve import forget_reasoners
from langgraph_deepsearch.trace import read_traces

DOWN = "http://127.0.0.1:9/v1"
"""Nothing listens there."""

SETTINGS = {
    "learning_rate": 5e-2,
    "batch_size": 4,
    "micro_batch_size": 4,
    "questions_per_step": 2,
    "rollouts": 2,
    "steps": 3,
    "save_steps": 1,
    "lora_rank": 4,
    "dtype": "float32",
    "threads": 1,
    "concurrency": 1,
    "reward": "search_r1",
}
RUN = "--search corpus:corpus.jsonl --condenser none --set max_searches=2".split()


@pytest.fixture
def server(tiny_model):
    """One that searches once and then answers right and wrong in turn."""
    answers = itertools.cycle(["Lima", "Rome"])

    def reply(prompt):
        if "Santiago is" in prompt or "Lima is" in prompt:
            return f"So.</think>\n\n\\boxed{{{next(answers)}}}"
        return "Look.<|begin_search_query|>capital of Peru<|end_search_query|>"

    with TinyServer(tiny_model, reply) as running:
        yield running
    forget_reasoners()


@pytest.fixture
def train(files, tiny_model):
    """Return the words of the command, with settings changed."""

    def words(out, url="", questions="questions.jsonl", **changes):
        (files / "rl.json").write_text(json.dumps({**SETTINGS, **changes}))
        named = ["--model", tiny_model, "--config", "rl.json", "--json", *RUN]
        where = ["--base-url", url] if url else []
        return ["train", "rl", questions, "--out", out, *named, *where]

    return words


@pytest.mark.parametrize("verb", ["rl", "stages"])
def test_the_model_to_train_is_a_folder(deepsearch, verb):
    shown = deepsearch("train", verb, "--help").out
    assert "Model folder" in shown
    assert "Served model name" not in shown


@pytest.mark.slow
def test_a_policy_is_trained_on_the_servers_rollouts(deepsearch, train, server, files):
    done = deepsearch(*train("run/policy", server.url, steps=2))
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["curves"]["reward"] == [0.5, 0.5]
    assert told["curves"]["rewards/searches/mean"] == [1.0, 1.0]
    assert max(told["curves"]["sampling/sampling_logp_difference/mean"]) < 1e-3
    assert (files / "run" / "policy" / "adapter_config.json").is_file()
    loaded = [name for what, name in server.events if what == "load"]
    assert len(loaded) == 2
    traces = [
        trace
        for file in sorted((files / "run" / "policy.rollouts").glob("step-*.jsonl"))
        for trace in read_traces(file)
    ]
    assert [trace.model for trace in traces] == [loaded[0]] * 4 + [loaded[1]] * 4
    models = json.loads(deepsearch("models", "run", "--json").out)
    assert models["current"] == "policy@1"
    assert models["models"][0]["config"]["settings"]["search"] == "corpus:corpus.jsonl"
    again = deepsearch(*train("run/policy", server.url, steps=2))
    assert json.loads(again.out)["finished_before"]


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_curve(deepsearch, train, server, files):
    slow = "training.graph_rollouts:GraphRollouts.__call__"
    process = start(*train("torn", server.url), slow=slow, pause=1.5)
    kill_after_a_checkpoint(process, files / "torn.checkpoints")
    assert not (files / "torn").exists()
    resumed = json.loads(finish(start(*train("torn", server.url))))
    whole = json.loads(deepsearch(*train("whole", server.url)).out)
    assert resumed["resumed"]
    assert not whole["resumed"]
    assert len(whole["losses"]) == 3
    assert resumed["losses"] == pytest.approx(whole["losses"], abs=1e-3)
    assert resumed["curves"]["reward"] == whole["curves"]["reward"]
    assert len(list((files / "torn.rollouts").glob("step-*.jsonl"))) == 3


@pytest.mark.parametrize(
    ("questions", "said"),
    [
        ("absent.jsonl", "no question file at absent.jsonl"),
        ("malformed.jsonl", "malformed.jsonl:2: not valid JSON"),
        ("empty.jsonl", "empty.jsonl holds no questions"),
        ("unanswered.jsonl", "has no question with an answer"),
    ],
)
def test_questions_that_cannot_be_used(deepsearch, train, server, files, questions, said):
    done = deepsearch(*train("policy", server.url, questions))
    assert done.code == 1
    assert said in done.complaint
    assert not list(files.glob("policy*"))
    assert not server.events


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reward": "moon"}, "unknown reward 'moon'; known: "),
        ({"reward": "web_dancer"}, "'web_dancer' asks a judge: set judge_model"),
        ({"curriculum": "moon"}, "unknown curriculum 'moon'"),
        ({"algorithm": "ppo"}, "setting algorithm is 'ppo'"),
        ({"batch_size": 3}, "multiple of batch_size 3"),
        ({"lora_rank": 0, "policy_sync": "adapter"}, "needs an adapter"),
        ({"speed": 9}, "unknown setting 'speed'"),
    ],
)
def test_settings_that_cannot_work(deepsearch, train, server, files, changes, said):
    done = deepsearch(*train("policy", server.url, **changes))
    assert done.code == 1
    assert said in done.complaint
    assert not list(files.glob("policy*"))


def test_a_server_that_is_down_or_tells_no_ids(deepsearch, train, fake_server, files):
    done = deepsearch(*train("policy", DOWN))
    assert done.code == 1
    assert f"no model server answers at {DOWN}" in done.complaint
    fake_server.no_token_ids = True
    done = deepsearch(*train("policy", fake_server.base_url))
    assert done.code == 1
    assert "gives no token ids with probabilities" in done.complaint
    assert not list(files.glob("policy*"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--search", "corpus:absent.jsonl"], "no corpus file at absent.jsonl"),
        (["--search", "bing"], "unknown search 'bing'"),
        (["--dialect", "esperanto"], "unknown dialect 'esperanto'"),
        (["--set", "max_searches"], "--set takes NAME=VALUE"),
        (["--set", "speed=9"], "there is no setting 'speed'"),
        (["--model", "absent"], "absent holds no model"),
    ],
)
def test_runs_that_cannot_be_made(deepsearch, train, server, files, options, said):
    done = deepsearch(*train("policy", server.url), *options)
    assert done.code == 1
    assert said in done.complaint
    # A folder is not bound to settings that never worked, and no model was trained.
    assert not list(files.glob("policy*"))
    assert not server.events
