"""Settings of training and their files."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ..errors import DeepSearchError
from .rows import TooLong

CONFIG_DIR = Path(__file__).parent / "configs"
"""The shipped files: `sft_desk`, `sft_paper` and its sizes, `dpo_paper`, `rl_…`, and
DeepSpeed's `zero3` and `zero3_offload`."""

Precision = Literal["bfloat16", "mixed", "float32"]
"""bfloat16: weights and optimizer in bfloat16, the least memory, for large learning
rates. mixed: float32 master weights, bfloat16 arithmetic; small learning rates need it,
since a bfloat16 weight cannot hold their steps. float32: all of it."""


class ConfigError(DeepSearchError):
    """A settings file is absent, or holds something that is no setting."""


@dataclass(frozen=True)
class TrainingConfig:
    """What every method of training shares; the defaults are those of a small machine."""

    learning_rate: float = 2e-4
    epochs: float = 1.0
    batch_size: int = 8
    """Sequences of one optimizer step, over all processes."""
    micro_batch_size: int | None = None
    """Sequences at once in one process, laid end to end without padding; bounds memory.
    None: on a CPU as many as make about 1,280 tokens, else the whole step's share."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = 0.03
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = 0.0
    adam_beta2: float = 0.999
    """Decay of AdamW's mean of squared gradients. At 0.999 some hundred steps still reckon
    with the first, large ones; 0.95, usual for language models, forgets them."""
    max_grad_norm: float = 1.0
    max_length: int | None = None
    """Most tokens of a sample; None: the model's context length."""
    too_long: TooLong = "drop"
    dtype: Precision = "mixed"
    gradient_checkpointing: bool = False
    lora_rank: int = 0
    """0: all weights are trained. Else an adapter in float32, over a model that is frozen
    in bfloat16 unless `dtype` is float32."""
    lora_alpha: int | None = None
    """None: twice the rank."""
    lora_dropout: float = 0.0
    frozen_layers: int = 0
    """Lowest layers that stay as they are, and with them the embeddings: no gradient has
    to go down that far. Of full training only."""
    deepspeed: str | None = None
    """A DeepSpeed configuration: `zero3`, `zero3_offload`, or a file."""
    evaluation_fraction: float = 0.0
    """Share of the questions held out, with all rows of each; their loss, a mean over all
    their labels, is measured after every epoch."""
    save_steps: int | None = None
    """Steps between checkpoints; None: five in the run."""
    threads: int | None = None
    """CPU threads; None: one for each core, shared between processes."""
    seed: int = 0

    def __post_init__(self) -> None:
        _check_types(self)
        positive = ("learning_rate", "epochs", "batch_size", "max_grad_norm")
        optional = ("micro_batch_size", "max_length", "save_steps", "threads")
        wrong = [n for n in positive if getattr(self, n) <= 0]
        wrong += [n for n in optional if (v := getattr(self, n)) is not None and v <= 0]
        if wrong:
            msg = f"setting {wrong[0]} must be more than 0"
            raise ConfigError(msg)
        for name in ("warmup", "adam_beta2", "evaluation_fraction", "lora_dropout"):
            if not 0 <= getattr(self, name) < 1:
                msg = f"setting {name} is a share: from 0 to below 1"
                raise ConfigError(msg)
        if self.lora_rank < 0:
            msg = "setting lora_rank must be 0 (full training) or more"
            raise ConfigError(msg)
        if self.frozen_layers < 0 or (self.frozen_layers and self.lora_rank):
            msg = "setting frozen_layers must be 0 or more, and 0 with lora_rank"
            raise ConfigError(msg)

    def length_limit(self, context: int | None) -> int | None:
        """Return the most tokens of a sample, None where nothing bounds it.

        Args:
            context: the model's context length.
        """
        return min((n for n in (self.max_length, context) if n is not None), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a file holds them."""
        return asdict(self)

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Return every setting's default."""
        return asdict(cls())


@dataclass(frozen=True)
class SftConfig(TrainingConfig):
    """How to fine-tune. The defaults are those of the desk run on a small machine."""

    other_data: str | None = None
    """A file of other samples to mix in: chats, prompts with outputs, or traces."""
    other_ratio: float = 0.0
    """Other samples for each trace; 0.25: one for every four."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.other_ratio < 0 or bool(self.other_ratio) != bool(self.other_data):
            msg = "settings other_data and other_ratio (more than 0) go together"
            raise ConfigError(msg)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a file holds them; what is not mixed in is not named."""
        named = super().to_json()
        unused = () if self.other_data else ("other_data", "other_ratio")
        return {name: value for name, value in named.items() if name not in unused}


Config = TypeVar("Config", bound=TrainingConfig)


def load_config(
    path: str | os.PathLike[str] | None = None, kind: type[Config] = SftConfig
) -> Config:
    """Read settings from a JSON or TOML file; a shipped one may be named alone.

    Args:
        path: the file, or the name of a shipped one (`sft_desk`, `sft_paper`,
            `dpo_paper`); the defaults if None.
        kind: the settings' class.

    Raises:
        ConfigError: the file is absent or unreadable, a key is unknown, or a value is of
            the wrong type.
    """
    if path is None:
        return kind()
    source = find_config(path)
    return parse_config(read_settings(source), str(source), kind)


def find_config(path: str | os.PathLike[str]) -> Path:
    """Return the file that a path or a shipped name means.

    Raises:
        ConfigError: there is none.
    """
    source = Path(path)
    if source.is_file():
        return source
    shipped = CONFIG_DIR / f"{source.name.removesuffix('.json')}.json"
    if source.parent == Path() and shipped.is_file():
        return shipped
    names = ", ".join(sorted(file.stem for file in CONFIG_DIR.glob("*.json")))
    msg = f"no settings file {source}; give a JSON or TOML file, or one of: {names}"
    raise ConfigError(msg)


def read_deepspeed(config: TrainingConfig) -> dict[str, Any] | None:
    """Return DeepSpeed's own settings, None where it is not used.

    Raises:
        ConfigError: the file is absent, unreadable or no object.
    """
    if not config.deepspeed:
        return None
    path = find_config(config.deepspeed)
    settings = read_settings(path)
    if not isinstance(settings, dict):
        msg = f"{path}: must be one object of DeepSpeed's settings"
        raise ConfigError(msg)
    return settings


def read_settings(source: Path) -> Any:
    """Return what a JSON or TOML file holds.

    Raises:
        ConfigError: it is neither, or in another encoding.
    """
    try:
        text = source.read_text(encoding="utf-8")
        return tomllib.loads(text) if source.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        form = "TOML" if source.suffix == ".toml" else "JSON"
        msg = f"{source}: not readable as {form} ({error})"
        raise ConfigError(msg) from error


def parse_config(
    values: Any, source: str = "settings", kind: type[Config] = SftConfig
) -> Config:
    """Return settings from a mapping; `source` names it in errors."""
    if not isinstance(values, Mapping):
        msg = f"{source}: must be one object of settings"
        raise ConfigError(msg)
    known = [entry.name for entry in fields(kind)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        msg = f"{source}: unknown setting {unknown[0]!r}; known: {', '.join(known)}"
        raise ConfigError(msg)
    try:
        return kind(**values)
    except ConfigError as error:
        msg = f"{source}: {error}"
        raise ConfigError(msg) from error


def _check_types(config: TrainingConfig) -> None:
    for name, hint in get_type_hints(type(config)).items():
        value = getattr(config, name)
        if not _fits(value, hint):
            expected = str(hint).replace("typing.", "").replace("<class '", "").rstrip("'>")
            msg = f"setting {name} is {value!r}; expected {expected}"
            raise ConfigError(msg)


def _fits(value: Any, hint: Any) -> bool:
    if hint is type(None):
        return value is None
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is dict:
        return isinstance(value, dict)
    if get_args(hint):
        return any(_fits(value, option) for option in get_args(hint))
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)
