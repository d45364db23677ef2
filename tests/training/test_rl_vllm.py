"""Reinforcement against vLLM itself: real steps of the packaged model, probabilities alike."""

from __future__ import annotations

import copy
import re
import shutil
from functools import partial

import pytest
from real_vllm import NEEDS_VLLM

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("trl", reason="needs trl: pip install 'langgraph-deepsearch[train]'")
pytest.importorskip("peft", reason="LoRA needs peft")

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from langgraph_deepsearch.questions import Question, write_questions
from langgraph_deepsearch.trace import Document, read_traces
from langgraph_deepsearch.training import rl_trainer
from langgraph_deepsearch.training.adapter_sync import AdapterSync
from langgraph_deepsearch.training.policy_weights import whole_weights
from langgraph_deepsearch.training.rewards import Reward, presets
from langgraph_deepsearch.training.rl import train_rl
from langgraph_deepsearch.training.rl_config import RlConfig

pytestmark = [*NEEDS_VLLM, pytest.mark.timeout(1500)]

ROUNDING = 2
"""How many times what bfloat16 alone costs two computations of one policy may differ by: the
server rounds, and so does the trainer, in other orders."""

SETTINGS = {
    "condenser": "none",
    "max_searches": 1,
    "max_turns": 2,
    "max_turn_tokens": 40,
}


class Library:
    name = "library"
    returns_full_text = True
    settings = {}

    def search(self, query, k, *, episode=None):
        return [Document(title="Peru", text="Lima is the capital.", url="http://x/1")]

    async def asearch(self, query, k, *, episode=None):
        return self.search(query, k)


def variety(trace):
    """A reward that an untrained model's runs differ by: the share of words said once."""
    words = " ".join(s.text for s in trace.segments if s.trainable).split()
    return len(set(words)) / max(1, len(words))


def logprobs(model, trace):
    """Return a model's log-probabilities of every token that the policy wrote."""
    ids = [i for s in trace.segments for i in s.token_ids or ()]
    with torch.no_grad():
        chosen = model(torch.tensor([ids])).logits[0, :-1].float().log_softmax(-1)
    every = [0.0, *chosen.gather(1, torch.tensor(ids[1:])[:, None])[:, 0].tolist()]
    written, at = [], 0
    for segment in trace.segments:
        count = len(segment.token_ids or ())
        written += every[at : at + count] if segment.trainable else ()
        at += count
    return written


def served(trace):
    """Return the server's log-probabilities of the same tokens."""
    return [x for s in trace.segments if s.trainable for x in s.logprobs or ()]


def mean_gap(traces, one, other):
    """Return the mean difference a token of two computations of log-probabilities."""
    pairs = [p for t in traces for p in zip(one(t), other(t), strict=True)]
    return sum(abs(a - b) for a, b in pairs) / len(pairs)


def keep_exact(monkeypatch, kept):
    """Have every policy that is saved lie in a folder of the test's, in float32 too."""
    save = rl_trainer.save_policy

    def keeping(folder, state, policy, seed):
        save(folder, state, policy, seed)
        adapter = policy.peft_config["default"]
        exact = whole_weights(state, adapter.lora_alpha / adapter.r)
        shutil.copytree(folder, kept / folder.name)
        whole = {name: weight.detach().float() for name, weight in exact}
        torch.save(whole, kept / folder.name / "exact.pt")

    monkeypatch.setattr(rl_trainer, "save_policy", keeping)


def exact_policy(rounded, tmp_path):
    """Return the second version as the trainer had it."""
    exact = copy.deepcopy(rounded)
    exact.load_state_dict(torch.load(tmp_path / "kept/2/exact.pt"))
    return exact


ROUTES = {"adapter": "/v1/load_lora_adapter", "weights": "/collective_rpc"}


def policy_of(sync, base_model, tmp_path, name):
    """Return the second version as it was brought to the server, in float32."""
    if sync == "weights":
        return AutoModelForCausalLM.from_pretrained(
            tmp_path / "kept" / "2", dtype=torch.float32
        )
    plain = AutoModelForCausalLM.from_pretrained(base_model, dtype=torch.float32)
    return PeftModel.from_pretrained(
        plain, tmp_path / "policy.rollouts" / "adapters" / name
    ).merge_and_unload()


@pytest.mark.parametrize("sync", list(ROUTES))
def test_real_steps_on_vllm(base_model, tmp_path, monkeypatch, record_property, sync):
    monkeypatch.setitem(presets.REWARDS, "variety", Reward("variety", variety))
    # Its versions are looked at below; closing removes them.
    monkeypatch.setattr(AdapterSync, "close", lambda _: None)
    keep_exact(monkeypatch, tmp_path / "kept")
    path = tmp_path / "questions.jsonl"
    asked = ["What is the capital of Peru?", "Who wrote Hamlet?", "Name a river."]
    write_questions(path, [Question(f"q{n}", q, ("Lima",)) for n, q in enumerate(asked)])
    config = RlConfig(
        learning_rate=1e-2,
        batch_size=8,
        questions_per_step=2,
        rollouts=4,
        steps=2,
        lora_rank=8,
        policy_sync=sync,
        dtype="mixed",
        max_length=1024,
        concurrency=8,
        reward="variety",
    )
    settings = {**SETTINGS, "search": Library()}
    out = tmp_path / "policy"
    result = train_rl(path, base_model, out, config, settings=settings)

    assert len(result.losses) == 2
    gap = result.curves["sampling/sampling_logp_difference/mean"]
    record_property("logprob_difference", gap)

    # Every version was brought to the running server, an adapter under a name of its own.
    log = (tmp_path / "policy.rollouts" / "server.log").read_text(errors="replace")
    # Weights also at the start, as a check, and at the end, when the model is given back.
    times = {"adapter": 2, "weights": 4}[sync]
    assert len(re.findall(rf"POST {ROUTES[sync]} HTTP\S* 200", log)) == times
    steps = [
        list(read_traces(file))
        for file in sorted((tmp_path / "policy.rollouts").glob("step-*.jsonl"))
    ]
    names = [{trace.model for trace in traces} for traces in steps]
    assert [len(found) for found in names] == [1, 1]
    assert (names[0] != names[1]) == (sync == "adapter")
    assert all(trace.exactness == "token" for traces in steps for trace in traces)

    # The second step was sampled from the second version, and not from the first.
    [second] = names[1]
    plain = AutoModelForCausalLM.from_pretrained(base_model, dtype=torch.float32)
    without = mean_gap(steps[1], served, partial(logprobs, plain))
    policy = policy_of(sync, base_model, tmp_path, second).eval()
    exact = partial(logprobs, policy)
    own = mean_gap(steps[1], served, exact)
    rounded = copy.deepcopy(policy).to(torch.bfloat16)
    rounding = mean_gap(steps[1], exact, partial(logprobs, rounded))
    if sync == "weights":  # the server's weights are rounded too
        trained = partial(logprobs, exact_policy(policy, tmp_path))
        rounding += mean_gap(steps[1], trained, exact)
    told = (
        f"second step against float32: its own version {own:.4f}, the first {without:.4f}"
    )
    print(f"\n{told}; bfloat16 alone {rounding:.4f}; server against trainer {gap}")
    record_property("own_version", own)
    record_property("first_version", without)
    record_property("rounding", rounding)
    assert max(gap) < ROUNDING * rounding
    assert own < ROUNDING * rounding
    assert without > 5 * own
