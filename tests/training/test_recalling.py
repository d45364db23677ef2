"""Answering from one's own knowledge: an action, counted, and paid by the group rule."""

from __future__ import annotations

import itertools
import json
from types import SimpleNamespace

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("trl", reason="needs trl: pip install 'langgraph-deepsearch[train]'")
pytest.importorskip("peft", reason="LoRA needs peft")

from tiny_server import TinyServer

from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners
from langgraph_deepsearch.questions import Question, write_questions
from langgraph_deepsearch.trace import Document, read_traces
from langgraph_deepsearch.training.curriculum import PlannedQuestion
from langgraph_deepsearch.training.graph_rollouts import GraphRollouts
from langgraph_deepsearch.training.rewards import get_reward
from langgraph_deepsearch.training.rl import train_rl
from langgraph_deepsearch.training.rl_config import RlConfig

RECALL = "<internal>Paris is the capital of France.</internal>"
SEARCH = "<external>capital of France</external>"
RIGHT, WRONG = "<answer>Paris</answer>", "<answer>Rome</answer>"
SMALL = RlConfig(
    learning_rate=5e-2,
    batch_size=4,
    micro_batch_size=4,
    questions_per_step=1,
    rollouts=4,
    steps=2,
    lora_rank=4,
    dtype="float32",
    threads=1,
    concurrency=1,
    reward="r1_searcher_plus",
)


class Library:
    name = "library"
    returns_full_text = True
    settings = {}

    def search(self, query, k, *, episode=None):
        return [Document(title="France", text="The capital of France is Paris.")]

    async def asearch(self, query, k, *, episode=None):
        return self.search(query, k)


def plan_of(*runs):
    """Say the turns of each run in order; a run starts where the model has written nothing."""
    cycle = itertools.cycle(runs)
    left = []

    def reply(prompt):
        nonlocal left
        if prompt.endswith("<|im_start|>assistant\n"):
            left = list(next(cycle))
        return left.pop(0)

    return reply


RUNS = [
    [RECALL, RIGHT],
    [SEARCH, RIGHT],
    [SEARCH, SEARCH, RIGHT],
    [RECALL, WRONG],
]


@pytest.fixture
def server(tiny_model):
    with TinyServer(tiny_model, plan_of(*RUNS)) as running:
        yield running
    forget_reasoners()


@pytest.fixture
def settings(server):
    return {
        "base_url": server.url,
        "search": Library(),
        "dialect": "r1_searcher_plus",
        "max_turn_tokens": 64,
    }


def test_a_rollout_that_knew_is_paid_more_than_one_that_searched(
    settings, tmp_path, base_tokenizer
):
    question = Question("q", "What is the capital of France?", ("Paris",))
    rollouts = GraphRollouts(
        create_deep_search_agent(**settings),
        [PlannedQuestion(question, "all", "r1_searcher_plus")],
        SMALL,
        base_tokenizer,
        tmp_path / "rollouts",
        model_name=lambda: "tiny",
        settings={},
    )
    found = rollouts(["0"] * 4, SimpleNamespace(state=SimpleNamespace(global_step=0)))
    assert found["recalls"] == [1.0, 0.0, 0.0, 1.0]
    assert found["searches"] == [0.0, 1.0, 2.0, 0.0]
    assert found["answer"] == [1.0, 1.0, 1.0, 0.0]
    assert found["format"] == [0.0] * 4
    # Twice the variance of 0, 1, 2 to the right run that searched least; wrong is not paid.
    assert found["shaping"] == pytest.approx([4 / 3, 0.0, 0.0, 0.0])
    assert found["reward"] == pytest.approx([1 + 4 / 3, 1.0, 1.0, 0.0])
    own = [
        i
        for i, mine in zip(found["completion_ids"][0], found["env_mask"][0], strict=True)
        if mine
    ]
    assert base_tokenizer.decode(own).startswith(RECALL + RIGHT)
    (file,) = (tmp_path / "rollouts").glob("step-*.jsonl")
    knew = next(trace for trace in read_traces(file) if trace.id == "q/0")
    assert [s.kind for s in knew.segments if s.trainable] == ["recall", "answer"]
    assert (knew.usage.recalls, knew.usage.searches) == (1, 0)
    broken = knew.segments[-1].model_copy(update={"text": f"{RIGHT}<internal>"})
    bad = knew.model_copy(update={"segments": [*knew.segments[:-1], broken]})
    others = [trace for trace in read_traces(file) if trace.id in ("q/1", "q/2")]
    parts = get_reward("r1_searcher_plus").score([bad, *others])
    assert parts[0].format == -2.0
    assert [part.shaping for part in parts] == [0.0, 0.5, 0.0]


REPLY = json.dumps(
    {
        "steps": [
            {
                "thought": "The capital is needed.",
                "knowledge": "The capital of France is Paris.",
                "documents": [1],
            }
        ],
        "conclusion": "So it is Paris.",
    }
)


@pytest.mark.slow
def test_a_training_learns_by_heart_what_its_right_rollouts_found(
    settings, tiny_model, tmp_path, fake_server
):
    fake_server.script(lambda prompt: REPLY)
    questions = [Question("q", "What is the capital of France?", ("Paris",))]
    write_questions(tmp_path / "q.jsonl", questions)
    changes = {"rewriter_model": "fake-model", "rewriter_url": fake_server.base_url}
    config = RlConfig(**{**SMALL.to_json(), **changes})
    out = tmp_path / "policy"
    result = train_rl(tmp_path / "q.jsonl", tiny_model, out, config, settings=settings)
    first, second = result.curves["memorization"]
    assert 0 < second < first
    assert result.curves["rewards/recalls/mean"] == [0.5, 0.5]
    kept = sorted((tmp_path / "policy.rollouts").glob("memory-*.jsonl"))
    traces = [trace for file in kept for trace in read_traces(file)]
    assert [trace.id for trace in traces] == ["q/1", "q/1"]
    assert len(fake_server.generations()) == 2

    # The same texts from a file, without asking anybody.
    changes = {"memorization": str(kept[0]), "memorization_batch": 2}
    config = RlConfig(**{**SMALL.to_json(), **changes})
    again = train_rl(
        tmp_path / "q.jsonl", tiny_model, tmp_path / "stored", config, settings=settings
    )
    assert again.curves["memorization"][0] == pytest.approx(first, abs=1e-3)
