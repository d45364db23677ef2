"""`--plan`: what a training on given data will take, printed before it starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..trace import read_traces
from .config import TrainingConfig
from .estimate import Estimate, Load, ModelShape, estimate, model_shape

PAPER_SAMPLES = 871
"""Traces the paper's curation left (SimpleDeepSearcher, section 3)."""

CHARS_PER_TOKEN = 4
"""For lengths where no tokenizer of the model is at hand; an estimate."""


@dataclass(frozen=True)
class TrainingPlan:
    """The estimates of a training, with and without offload."""

    model: str
    shape: ModelShape
    load: Load
    steps: int
    devices: int
    kind: str
    estimates: tuple[Estimate, ...]
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
            *(one.line() for one in self.estimates),
            "estimates from shapes, not measured; a tenth of each device is left free",
        ]
        return "\n".join(lines)


def plan_sft(
    traces: str | Path,
    model: str | Path,
    config: TrainingConfig,
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
        ShapeError: the model's shape is not known.
    """
    shape = model_shape(model)
    load, exact = _load(Path(traces), Path(model), config)
    both = [
        estimate(shape, config, load, devices=devices, kind=kind, offload=offload)
        for offload in (False, True)
    ]
    steps = max(1, round(load.samples * config.epochs / config.batch_size))
    return TrainingPlan(str(model), shape, load, steps, devices, kind, tuple(both), exact)


def _load(traces: Path, model: Path, config: TrainingConfig) -> tuple[Load, bool]:
    if (model / "tokenizer_config.json").is_file():
        from transformers import AutoTokenizer

        from .sft_data import read_rows

        rows, report = read_rows(
            traces,
            AutoTokenizer.from_pretrained(model),
            max_length=config.max_length,
            too_long=config.too_long,
        )
        longest = max((len(row.input_ids) for row in rows), default=0)
        return Load(len(rows), report.tokens, report.trained_tokens, longest), True
    lengths = list(_lengths(traces))
    whole = [length // CHARS_PER_TOKEN for length, _ in lengths]
    own = sum(length // CHARS_PER_TOKEN for _, length in lengths)
    fitting = [n for n in whole if config.max_length is None or n <= config.max_length]
    return Load(len(fitting), sum(fitting), own, max(fitting, default=0)), False


def _lengths(path: Path) -> Iterator[tuple[int, int]]:
    """Yield the characters of each sample, and of what the model wrote in it."""
    from .other_data import read_samples, sample_messages
    from .sft_data import holds_chats

    if holds_chats(path):
        for number, sample in enumerate(read_samples(path), 1):
            messages = sample_messages(sample, f"{path.name}:{number}")
            sizes = [len(str(message.get("content") or "")) for message in messages]
            own = (m["role"] == "assistant" for m in messages)
            yield sum(sizes), sum(n for n, is_own in zip(sizes, own, strict=True) if is_own)
        return
    for trace in read_traces(path):
        written = sum(len(s.text) for s in trace.segments if s.trainable)
        yield sum(len(s.text) for s in trace.segments), written
