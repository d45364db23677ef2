"""`--plan`: what a training on given data will take, printed before it starts."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..trace import read_traces
from .config import SftConfig
from .estimate import Estimate, Load, ModelShape, estimate, model_shape
from .other_data import read_samples, sample_texts
from .run import split_rows
from .sft_data import holds_chats, training_file, training_rows
from .sharding import ZERO_3, ZERO_3_OFFLOAD, sharding_of
from .tokenizer import load_tokenizer

PAPER_SAMPLES = 871
"""Traces the paper's curation left (SimpleDeepSearcher, section 3)."""

CHARS_PER_TOKEN = 4
"""For lengths where no tokenizer of the model is at hand; an estimate."""


@dataclass(frozen=True)
class TrainingPlan:
    """The estimates of a training: as set, and by ZeRO-3 with and without offload."""

    model: str
    shape: ModelShape
    load: Load
    steps: int
    devices: int
    kind: str
    estimates: tuple[Estimate, ...]
    """The first is what the settings say."""
    exact: bool
    """Whether tokens were counted with the model's tokenizer."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        named = asdict(self)
        named["parameters"] = self.shape.parameters
        named["estimates"] = [
            {**asdict(one), "device_gib": one.device_gib, "fits": one.fits}
            for one in self.estimates
        ]
        return named

    def text(self) -> str:
        """Return the plan for people."""
        counted = "tokens" if self.exact else "tokens (estimated from text)"
        lines = [
            f"{self.model}: {self.shape.parameters / 1e9:.2f} billion parameters; "
            f"{self.load.samples} samples, {self.load.tokens} {counted}, the longest "
            f"{self.load.longest}, {self.load.trained_tokens} trained; {self.steps} steps "
            f"on {self.devices} × {self.kind}",
            *(
                f"{'instead' if number else 'as set'}, {one.line()}"
                for number, one in enumerate(self.estimates)
            ),
            "estimates from shapes, not measured; a tenth of each device is left free",
        ]
        return "\n".join(lines)


def plan_sft(
    traces: str | Path,
    model: str | Path,
    config: SftConfig,
    *,
    devices: int = 8,
    kind: str = "h100",
) -> TrainingPlan:
    """Plan a fine-tuning.

    Args:
        traces: what would be trained on.
        model: its folder, or a size (`7b`, `32b`) where it is not here.
        config: the settings.
        devices: how many.
        kind: of what kind, a key of `estimate.PEAK_FLOPS`.

    Raises:
        TraceFileError: the traces cannot be read.
        RowError: a trace or other sample cannot become a row.
        ShapeError: the model's shape is not known.
        ConfigError: DeepSpeed's settings cannot be read.
        BatchSizeError: the batch size does not divide between the devices.
        TrainingError: nothing is left to train on beside what is held out.
    """
    shape = model_shape(model)
    limit = config.length_limit(shape.context)
    load, exact = _load(training_file(Path(traces)), Path(model), config, limit)
    ways = dict.fromkeys((sharding_of(config), ZERO_3, ZERO_3_OFFLOAD))
    estimates = tuple(
        estimate(shape, config, load, devices=devices, kind=kind, sharding=way)
        for way in ways
    )
    steps = max(1, round(load.samples * config.epochs / config.batch_size))
    return TrainingPlan(str(model), shape, load, steps, devices, kind, estimates, exact)


@dataclass(frozen=True)
class _Size:
    """Tokens of a sample, or characters where no tokenizer is at hand."""

    tokens: int
    trained: int
    group: str
    """What is held out together with it."""


def _load(
    traces: Path, model: Path, config: SftConfig, limit: int | None
) -> tuple[Load, bool]:
    """Return what is trained on, and whether it was counted with the model's tokenizer."""
    if (model / "tokenizer_config.json").is_file():
        tokenizer = load_tokenizer(model)
        rows, _ = training_rows(traces, tokenizer, config, max_length=limit)
        sizes = [_Size(row.tokens, row.trained_tokens, row.group) for row in rows]
    else:
        sizes = _guessed_sizes(traces, config, limit)
    kept, _ = split_rows(sizes, config)
    whole = [size.tokens for size in kept]
    own = sum(size.trained for size in kept)
    load = Load(len(kept), sum(whole), own, max(whole, default=0))
    return load, (model / "tokenizer_config.json").is_file()


def _guessed_sizes(traces: Path, config: SftConfig, limit: int | None) -> list[_Size]:
    sizes = _fitting(_lengths(traces), limit)
    if not config.other_data:
        return sizes
    others = _fitting(_other_lengths(Path(config.other_data)), limit)
    count = min(len(others), round(len(sizes) * config.other_ratio))
    return sizes + random.Random(config.seed).sample(others, count)


def _fitting(lengths: Iterable[_Size], limit: int | None) -> list[_Size]:
    """Return the tokens of each sample that fits, and of what is trained in it."""
    found = (
        _Size(one.tokens // CHARS_PER_TOKEN, one.trained // CHARS_PER_TOKEN, one.group)
        for one in lengths
    )
    return [size for size in found if limit is None or size.tokens <= limit]


def _lengths(path: Path) -> Iterator[_Size]:
    """Yield the characters of each trace, and of what the model wrote in it."""
    if holds_chats(path):
        yield from _other_lengths(path)
        return
    for trace in read_traces(path):
        written = sum(len(s.text) for s in trace.segments if s.trainable)
        whole = sum(len(s.text) for s in trace.segments)
        yield _Size(whole, written, trace.question_id or trace.question)


def _other_lengths(path: Path) -> Iterator[_Size]:
    """Yield the same of chats and other samples."""
    for number, sample in enumerate(read_samples(path), 1):
        name = f"{path.name}:{number}"
        texts = sample_texts(sample, name)
        own = sum(len(text) for text, is_own in texts if is_own)
        yield _Size(sum(len(text) for text, _ in texts), own, name)
