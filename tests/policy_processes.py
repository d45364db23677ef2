"""Policy training in one process or, run as a script under torchrun, in several."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer, PrinterCallback

from langgraph_deepsearch.trace import Document
from langgraph_deepsearch.training.environment import quiet
from langgraph_deepsearch.training.graph_rollouts import FIGURES
from langgraph_deepsearch.training.memorization import StoredMemory
from langgraph_deepsearch.training.model import (
    load_weights,
    lora_settings,
)
from langgraph_deepsearch.training.rl import train_rl
from langgraph_deepsearch.training.rl_config import RlConfig
from langgraph_deepsearch.training.rl_trainer import PolicyTrainer, policy_arguments
from langgraph_deepsearch.training.rows import IGNORED, TokenRow

REWARDS = [1.0, 0.0, 2.0, -2.0]


class Library:
    """A search provider that finds the same everywhere, and remembers who asked."""

    name = "library"
    returns_full_text = True
    settings = {}
    needs_episode = True

    def __init__(self):
        self.episodes = []

    def search(self, query, k, *, episode=None):
        self.episodes.append(episode)
        return [Document(title="Paris", text="Paris is the capital.", url="http://x/1")]

    async def asearch(self, query, k, *, episode=None):
        return self.search(query, k, episode=episode)


class Prepared:
    """Rollouts that are there already; a process takes its part of them."""

    def __init__(self, columns):
        self.columns = columns

    def __call__(self, prompts, trainer):
        first = trainer.accelerator.process_index * len(prompts)
        return {k: v[first : first + len(prompts)] for k, v in self.columns.items()}


def prepared_columns(rewards, generator):
    count = len(rewards)
    masks = [[1, 1, 0, 0, 1, 1], [1, 0, 1, 1], [1, 1, 1, 0, 1], [1, 1, 1]][:count]
    found = {
        "prompt_ids": [[5, 6, 7], [5, 6, 7], [8, 9], [8, 9]][:count],
        "completion_ids": [
            torch.randint(100, 1000, (len(m),), generator=generator).tolist() for m in masks
        ],
        "env_mask": masks,
        "logprobs": [[-11.0 - 0.1 * n * one for n, one in enumerate(m)] for m in masks],
        "reward": rewards,
    }
    return {**found, **{name: [0.0] * count for name in FIGURES}}


def texts(count):
    """Rows to memorize, no two of the same length."""
    rows = []
    for n in range(count):
        ids = list(range(20 * n + 10, 20 * n + 14 + n))
        rows.append(TokenRow(ids, [IGNORED, *ids[1:]], f"m{n}"))
    return rows


def train_prepared(model, out, values, memorize, rewards=REWARDS):
    """Train two steps on prepared rollouts; return the adapter as one tensor, and norms."""
    config = RlConfig(**values)
    memory = None
    if memorize:
        rank, processes = (int(os.environ.get(n, d)) for n, d in PLACE.items())
        memory = StoredMemory(texts(5), batch=3, rank=rank, processes=processes)
    columns = prepared_columns(rewards, torch.Generator().manual_seed(0))
    trainer = PolicyTrainer(
        config,
        rollouts=Prepared(columns),
        places=8,
        memory=memory,
        model=load_weights(Path(model), config),
        args=policy_arguments(config, 16, Path(out)),
        processing_class=AutoTokenizer.from_pretrained(model),
        peft_config=lora_settings(config),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.connect(NoSync())
    with quiet():
        trainer.train()
    policy = trainer.accelerator.unwrap_model(trainer.model)
    named = sorted(policy.named_parameters())
    adapter = torch.cat([w.detach().flatten() for n, w in named if "lora_" in n])
    log = trainer.state.log_history
    return adapter, [entry["grad_norm"] for entry in log if "grad_norm" in entry]


PLACE = {"RANK": "0", "WORLD_SIZE": "1"}


class NoSync:
    def sync_weights(self):
        pass


def settings(url):
    return {
        "base_url": url,
        "search": Library(),
        "condenser": "none",
        "max_searches": 3,
        "max_turns": 4,
        "max_turn_tokens": 64,
    }


def _prepared(model, out, cases):
    found = [train_prepared(model, out, *case) for case in json.loads(cases)]
    if os.environ["RANK"] == "0":
        torch.save(found, Path(out) / "adapters.pt")
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def _graph(model, out, questions, url, values):
    config = RlConfig(**json.loads(values))
    result = train_rl(questions, model, out, config, settings=settings(url))
    if os.environ["RANK"] == "0":
        print(json.dumps(result.to_json()))


if __name__ == "__main__":
    {"prepared": _prepared, "graph": _graph}[sys.argv[1]](*sys.argv[2:])
