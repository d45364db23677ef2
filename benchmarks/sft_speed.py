"""Fine-tuning's speed and memory, ours beside the reference's way, in one run.

    python benchmarks/sft_speed.py --traces ../shared/data/traces_r1searcher \
        --out runs/sft-speed.json
    python benchmarks/sft_speed.py --shape 7b --length 30000 --out runs/sft-speed-7b.json

The reference's way is transformers' Trainer over padded batches with logits at every
position (SimpleDeepSearcher sft.py), with activations recomputed as its command has it, and
without; ours is what `train_sft` trains with: samples laid end to end, logits at labels alone,
float32 master weights. All train the same model on the same samples in the same order, each in
a process of its own, so that its peak memory is its own, one after the other. The first step
of each is not counted, checkpoints are not written. Eight samples at even ranks of length
stand for all; on two CPU cores that takes a few minutes (`--steps`, `--batch` and `--rounds`
take more).

With `--shape` a randomly initialised model of that size is trained on random tokens of
one length, on a GPU, and the share of its peak arithmetic that was reached is reported. Both
sides then recompute activations, and keep weights and Adam in bfloat16 (`dtype` of `train_sft`,
not its default), so that one card holds them. That path is unmeasured: it was written and
tested at toy size on a CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from langgraph_deepsearch.training.estimate import PEAK_FLOPS, SHAPES, shape_of
from langgraph_deepsearch.training.rows import IGNORED, TokenRow

if TYPE_CHECKING:
    from transformers import Trainer

    from langgraph_deepsearch.training.config import SftConfig

SIDES = ("reference", "reference_kept", "ours")
"""The reference recomputes activations, as its command does, or keeps them."""

BATCH = 4
"""Samples of an optimizer step, both sides."""

REFERENCE_MICRO = 2
"""Samples at once in the reference's command (its README: 2, accumulated)."""

TRAINED_SHARE = 0.4
"""Share of random tokens that carry loss, about that of R1-Searcher's rollouts."""


def rows_of_traces(folder: Path, model: Path, count: int, warm_up: int) -> list[TokenRow]:
    """Return rows of R1-Searcher's rollouts: short ones to warm up with, then real lengths.

    The counted rows stand at even ranks among all rows by length, so that a few of them
    have the lengths of all; their order is random.

    Args:
        folder: the rollouts' files.
        model: whose tokenizer counts.
        count: rows that are counted.
        warm_up: rows before them, the shortest there are.
    """
    from transformers import AutoTokenizer

    from langgraph_deepsearch.curation.imports import import_traces
    from langgraph_deepsearch.training.rows import build_rows

    traces = (
        trace
        for file in sorted(folder.glob("*_*.jsonl"))
        for trace in import_traces(file, "r1_searcher")
    )
    tokenizer = AutoTokenizer.from_pretrained(model)
    rows, report = build_rows(traces, tokenizer, max_length=8192)
    for line in report.lines():
        print(line, file=sys.stderr)
    rows.sort(key=lambda row: len(row.input_ids))
    taken = even_ranks(len(rows), count)
    random.Random(0).shuffle(taken)
    drawn = [rows[rank] for rank in taken]
    for name, some in (("all", rows), ("counted", drawn)):
        print(f"{name}: {length_figures(some)}", file=sys.stderr)
    return rows[:warm_up] + drawn


def even_ranks(size: int, count: int) -> list[int]:
    """Return `count` ranks of `size`, one in the middle of each of as many equal parts.

    >>> even_ranks(100, 4)
    [12, 37, 62, 87]
    """
    return [int((number + 0.5) * size / count) for number in range(count)]


def length_figures(rows: Sequence[TokenRow]) -> dict[str, int]:
    """Return how many rows there are and how long they are."""
    lengths = sorted(len(row.input_ids) for row in rows)
    return {
        "rows": len(lengths),
        "mean": round(sum(lengths) / len(lengths)),
        "median": lengths[len(lengths) // 2],
        "longest": lengths[-1],
        "trained": round(sum(row.trained_tokens for row in rows) / len(rows)),
    }


def random_rows(vocabulary: int, length: int, count: int, seed: int = 0) -> list[TokenRow]:
    """Return rows of random tokens, in stretches that carry loss and stretches that do not."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        ids = [rng.randrange(vocabulary) for _ in range(length)]
        labels = list(ids)
        stretch = max(2, length // 20)
        for start in range(0, length, stretch):
            if rng.random() > TRAINED_SHARE:
                labels[start : start + stretch] = [IGNORED] * len(
                    labels[start : start + stretch]
                )
        labels[-1] = ids[-1]
        rows.append(TokenRow(ids, labels, str(number)))
    return rows


def random_model(shape: str, folder: Path) -> Path:
    """Save a model of that size with random bfloat16 weights, and return its folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    size = SHAPES[shape]
    config = LlamaConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.hidden,
        intermediate_size=size.intermediate,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.key_heads,
        max_position_embeddings=65536,
        tie_word_embeddings=size.is_tied,
        use_cache=False,
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            model = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)
    del model
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return folder


def measure(
    side: str,
    rows: Sequence[TokenRow],
    model: Path,
    *,
    steps: int,
    batch: int,
    is_large: bool = False,
) -> dict[str, Any]:
    """Train for some steps and return tokens a second, peak memory and utilisation.

    Args:
        side: one of `SIDES`.
        rows: at least `steps * batch` samples.
        model: folder of a causal language model.
        steps: optimizer steps that are counted; one more is made before them.
        batch: samples of a step.
        is_large: the model fills a GPU: bfloat16 alone, activations recomputed.
    """
    import torch
    from transformers.trainer_utils import SaveStrategy

    from langgraph_deepsearch.training.config import SftConfig

    used = list(rows[: (steps + 1) * batch])
    clock = step_clock()
    config = SftConfig(
        learning_rate=1e-5,
        batch_size=batch,
        micro_batch_size=1 if is_long(used) else None,
        dtype="bfloat16" if is_large else "mixed",
        gradient_checkpointing=is_large or side == "reference",
    )
    make = _ours if side == "ours" else _reference
    with TemporaryDirectory() as folder:
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        trainer = make(model, used, config, Path(folder))
        trainer.args.save_strategy = SaveStrategy.NO
        trainer.args.train_sampling_strategy = "sequential"
        trainer.add_callback(clock)
        trainer.train()
    told = {"dtype": config.dtype, "checkpointing": config.gradient_checkpointing}
    return {**_figures(used[batch:], clock.seconds, trainer.model), **told}


LONG_TOKENS = 10_000
"""Mean tokens of samples that are trained one at once."""


def is_long(rows: Sequence[TokenRow]) -> bool:
    """Tell whether the samples are too long for several at once."""
    return sum(row.tokens for row in rows) / len(rows) > LONG_TOKENS


def _ours(model: Path, rows: list[TokenRow], config: SftConfig, folder: Path) -> Trainer:
    from langgraph_deepsearch.training.sft import row_trainer

    return row_trainer(model, config, rows, folder)


def _reference(
    model: Path, rows: list[TokenRow], config: SftConfig, folder: Path
) -> Trainer:
    import torch
    from torch.nn.utils.rnn import pad_sequence
    from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

    from langgraph_deepsearch.training.trainer import RowDataset

    def padded(samples: Sequence[TokenRow]) -> dict[str, Any]:
        ids = [torch.tensor(row.input_ids) for row in samples]
        labels = [torch.tensor(row.labels) for row in samples]
        return {
            "input_ids": pad_sequence(ids, batch_first=True),
            "attention_mask": pad_sequence([torch.ones_like(i) for i in ids], True),
            "labels": pad_sequence(labels, True, IGNORED),
        }

    micro = config.micro_batch_size or min(REFERENCE_MICRO, config.batch_size)
    values: dict[str, Any] = {
        "output_dir": str(folder),
        "num_train_epochs": 1,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": config.batch_size // micro,
        "learning_rate": config.learning_rate,
        "bf16": True,
        "use_cpu": not torch.cuda.is_available(),
        "dataloader_pin_memory": False,
        "gradient_checkpointing": config.gradient_checkpointing,
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "error",
        "remove_unused_columns": False,
    }
    kept_in = torch.bfloat16 if config.dtype == "bfloat16" else torch.float32
    return Trainer(
        model=AutoModelForCausalLM.from_pretrained(
            model, dtype=kept_in, attn_implementation="sdpa"
        ),
        args=TrainingArguments(**values),
        train_dataset=RowDataset(rows),
        data_collator=padded,
    )


def step_clock() -> Any:
    """Return a callback that adds up the time of all steps but the first."""
    from transformers import TrainerCallback

    class StepClock(TrainerCallback):
        seconds = 0.0
        started = 0.0

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 1:
                _wait()
                self.started = time.perf_counter()

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            _wait()
            self.seconds = time.perf_counter() - self.started

    return StepClock()


def _wait() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _figures(rows: Sequence[TokenRow], seconds: float, model: Any) -> dict[str, float]:
    import torch

    tokens = sum(len(row.input_ids) for row in rows)
    trained = sum(row.trained_tokens for row in rows)
    shape = shape_of(model.config)
    # Model arithmetic alone: what padding, full logits or recomputing add is waste.
    arithmetic = shape.training_flops([len(row.input_ids) for row in rows], trained)
    cuda = torch.cuda.is_available()
    peak = (
        torch.cuda.max_memory_allocated()
        if cuda
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    figures = {
        "tokens": tokens,
        "trained_tokens": trained,
        "seconds": seconds,
        "tokens_per_second": tokens / seconds,
        "trained_tokens_per_second": trained / seconds,
        "peak_gib": peak / 2**30,
        "flops_per_second": arithmetic / seconds,
    }
    if cuda:
        kind = torch.cuda.get_device_name().lower()
        known = next((flops for name, flops in PEAK_FLOPS.items() if name in kind), None)
        if known:
            figures["model_flop_utilization"] = arithmetic / seconds / known
    return figures


def run_side(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure one side in this process, which holds nothing but model and rows."""
    rows = [TokenRow(**values) for values in json.loads(arguments.rows.read_text())]
    return measure(
        arguments.side,
        rows,
        arguments.model,
        steps=arguments.steps,
        batch=arguments.batch,
        is_large=bool(arguments.shape),
    )


def make_rows(arguments: argparse.Namespace) -> list[TokenRow]:
    """Return the rows of both sides; the first step's come first."""
    counted = arguments.steps * arguments.batch
    if arguments.shape:
        vocabulary = SHAPES[arguments.shape].vocabulary
        return random_rows(vocabulary, arguments.length, counted + arguments.batch)
    return rows_of_traces(arguments.traces, arguments.model, counted, arguments.batch)


def compare(rounds: Sequence[dict[str, dict[str, Any]]]) -> dict[str, dict[str, float]]:
    """Return ours over each other side: the best round of each, as fast as it can."""
    best = {
        side: max((r[side] for r in rounds), key=lambda f: f["trained_tokens_per_second"])
        for side in rounds[0]
    }
    ours = best.pop("ours")
    return {
        side: {
            "speedup": ours["trained_tokens_per_second"]
            / other["trained_tokens_per_second"],
            "memory_share": ours["peak_gib"] / other["peak_gib"],
        }
        for side, other in best.items()
    }


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--traces", type=Path, help="folder of R1-Searcher's rollouts")
    parser.add_argument("--model", type=Path, help="model folder; SmolLM2-135M if absent")
    parser.add_argument("--shape", choices=sorted(SHAPES), help="random model of a size")
    parser.add_argument("--length", type=int, default=30_000, help="tokens with --shape")
    parser.add_argument("--steps", type=int, default=2, help="optimizer steps counted")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if not arguments.shape and not arguments.traces:
        parser.error("give --traces, or --shape for a random model")
    if not arguments.shape and arguments.model is None:
        from langgraph_deepsearch.training.base_model import prepare_base_model

        arguments.model = prepare_base_model()
    return arguments


def main() -> None:
    arguments = parse()
    if arguments.side:
        print(json.dumps(run_side(arguments)))
        return
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    rows = make_rows(arguments)
    # What the reference keeps of long samples no card holds.
    sides = ("reference", "ours") if arguments.shape else SIDES
    rounds: list[dict[str, dict[str, Any]]] = []
    with TemporaryDirectory(dir=arguments.out.parent) as folder:
        file = Path(folder) / "rows.json"
        file.write_text(json.dumps([asdict(row) for row in rows]))
        model = arguments.model
        if arguments.shape:
            model = random_model(arguments.shape, Path(folder) / "model")
        for number in range(arguments.rounds):
            # In turn and not always the same first: what else runs here changes over time.
            order = sides if number % 2 == 0 else sides[::-1]
            rounds.append({side: _in_process(side, file, model) for side in order})
            print(json.dumps(rounds[-1]), file=sys.stderr)
    over = compare(rounds)
    result = {
        "command": " ".join(["python", *sys.argv]),
        "cores": os.cpu_count(),
        "lengths": length_figures(rows[arguments.batch :]),
        "rounds": rounds,
        "over": over,
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for side, figures in over.items():
        speedup, share = figures["speedup"], figures["memory_share"]
        print(f"over {side}: speedup {speedup:.2f}, memory {share:.2f} of it")


def _in_process(side: str, rows: Path, model: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, *sys.argv[1:], "--side", side]
    command += ["--rows", str(rows), "--model", str(model)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    main()
