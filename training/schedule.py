"""Several trainings in a row, each from the model of the one before.

MaskSearch trains on masked passages first and on the downstream task then (arXiv
2505.20285, section 2). A schedule names the stages, their methods and settings, and which
data each takes; files are given when it is run. A stage that is finished is not run again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from .base_model import is_adapter_dir
from .config import ConfigError, SftConfig, find_config, load_config
from .dpo_config import DpoConfig
from .environment import process_count
from .merge import merge_beside
from .result import TrainingError, TrainingResult
from .rl_config import RlConfig

Method = Literal["sft", "dpo", "rl"]

STAGE_KEYS = frozenset({"name", "method", "config", "data", "where"})

CONFIGS: dict[Method, type[SftConfig | DpoConfig | RlConfig]] = {
    "sft": SftConfig,
    "dpo": DpoConfig,
    "rl": RlConfig,
}
"""What a stage's settings file holds, by method."""

DATA_FOLDER = "data"
"""Folder of a schedule's run with what stages took of a larger file."""


@dataclass(frozen=True)
class ScheduledStage:
    """One training of a schedule."""

    name: str
    method: Method
    config: str
    """A settings file, beside the schedule or from here, or the name of a shipped one."""
    data: str
    """Name of what it is trained on: traces, pairs or questions."""
    where: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Metadata to the values that are taken, e.g. `{"masks": [1]}`; all of it if empty."""


@dataclass(frozen=True)
class Schedule:
    """Stages in their order."""

    name: str
    stages: tuple[ScheduledStage, ...]

    @property
    def data_names(self) -> list[str]:
        """Names of the files it needs, in order."""
        return list(dict.fromkeys(stage.data for stage in self.stages))


@dataclass(frozen=True)
class StageResult:
    """What a stage gave."""

    stage: ScheduledStage
    training: TrainingResult
    model: Path
    """The whole model that the next stage starts from."""


def load_schedule(path: str | os.PathLike[str]) -> Schedule:
    """Read a schedule from its JSON file; a shipped one may be named alone.

    Raises:
        ConfigError: there is no such file, or it is no schedule; also where a stage's
            settings cannot be read.
    """
    source = find_config(path)
    try:
        values = json.loads(source.read_text(encoding="utf-8"))
    except ValueError as error:
        msg = f"{source}: not readable as JSON ({error})"
        raise ConfigError(msg) from error
    stages = values.get("stages") if isinstance(values, dict) else None
    if not isinstance(stages, list) or not stages:
        msg = f"{source}: no schedule; it must be one object with a list `stages`"
        raise ConfigError(msg)
    made = tuple(
        _stage(stage, f"{source}: stage {n}", source.parent)
        for n, stage in enumerate(stages, 1)
    )
    if len({stage.name for stage in made}) < len(made):
        msg = f"{source}: two stages have one name; make names unique"
        raise ConfigError(msg)
    return Schedule(source.stem, made)


def _stage(values: Any, where: str, folder: Path) -> ScheduledStage:
    if not isinstance(values, dict) or not {"name", "method", "config", "data"} <= set(
        values
    ):
        msg = f"{where} needs name, method, config and data"
        raise ConfigError(msg)
    unknown = sorted(set(values) - STAGE_KEYS)
    if unknown:
        msg = f"{where}: unknown key {unknown[0]!r}; known: {', '.join(sorted(STAGE_KEYS))}"
        raise ConfigError(msg)
    if values["method"] not in CONFIGS:
        msg = (
            f"{where}: method {values['method']!r} is none of {', '.join(get_args(Method))}"
        )
        raise ConfigError(msg)
    taken = values.get("where", {})
    if not isinstance(taken, dict) or not all(isinstance(v, list) for v in taken.values()):
        msg = f"{where}: `where` must map a metadata key to a list of values"
        raise ConfigError(msg)
    stage = ScheduledStage(**{**values, "config": _beside(values["config"], folder)})
    load_config(stage.config, CONFIGS[stage.method])
    return stage


def _beside(config: Any, folder: Path) -> str:
    """Return the path of a settings file in the schedule's folder, else what was named."""
    beside = folder / str(config)
    return str(beside) if beside.is_file() else str(config)


def run_schedule(
    schedule: Schedule,
    data: Mapping[str, Path],
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    settings: Mapping[str, Any] | None = None,
    on_stage: Callable[[ScheduledStage], None] | None = None,
) -> list[StageResult]:
    """Train stage by stage; run again, it goes on where it stopped.

    Args:
        schedule: the stages.
        data: file of each name that the stages use.
        model: folder of the model that the first stage starts from.
        out: folder of the run; stage n's model is in `<out>/<n>-<name>`.
        settings: settings of every run (`Context`) of stages by reinforcement.
        on_stage: called before each stage.

    Raises:
        ConfigError: a file is not given or absent.
        TrainingError: there are several processes, a stage finds nothing to train on, or
            its training says so.
    """
    if process_count() > 1:
        msg = (
            "a schedule trains in one process; under torchrun run its stages one by one, "
            "with `deepsearch train sft` and `deepsearch train rl`"
        )
        raise TrainingError(msg)
    _check_data(schedule, data)
    folder, parent = Path(out), Path(model)
    results: list[StageResult] = []
    for number, stage in enumerate(schedule.stages, 1):
        if on_stage:
            on_stage(stage)
        place = folder / f"{number}-{stage.name}"
        source = _taken(stage, Path(data[stage.data]), folder / DATA_FOLDER)
        result = _train(stage, source, parent, place, settings or {})
        parent = merge_beside(place, parent) if is_adapter_dir(place) else place
        results.append(StageResult(stage, result, parent))
    return results


def _check_data(schedule: Schedule, data: Mapping[str, Path]) -> None:
    missing = [name for name in schedule.data_names if name not in data]
    if missing:
        msg = (
            f"schedule {schedule.name!r} needs a file for {missing[0]!r}: "
            f"--data {missing[0]}=FILE"
        )
        raise ConfigError(msg)
    unknown = sorted(set(data) - set(schedule.data_names))
    if unknown:
        msg = (
            f"schedule {schedule.name!r} has no data called {unknown[0]!r}; it uses: "
            f"{', '.join(schedule.data_names)}"
        )
        raise ConfigError(msg)
    absent = [name for name in schedule.data_names if not Path(data[name]).is_file()]
    if absent:
        msg = f"no file at {data[absent[0]]} for {absent[0]!r}: check the path"
        raise ConfigError(msg)


def _taken(stage: ScheduledStage, source: Path, folder: Path) -> Path:
    """Return the file of what the stage takes of its data, all of it by default."""
    if not stage.where:
        return source
    with source.open(encoding="utf-8") as file:
        lines = [line for line in file if line.strip() and _fits(line, stage, source)]
    if not lines:
        wanted = ", ".join(f"{key} in {values}" for key, values in stage.where.items())
        msg = f"stage {stage.name!r} finds nothing with {wanted} in {source}"
        raise TrainingError(msg)
    target = folder / f"{stage.name}.jsonl"
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_text("".join(lines), encoding="utf-8")
    partial.replace(target)
    return target


def _fits(line: str, stage: ScheduledStage, source: Path) -> bool:
    try:
        record = json.loads(line)
        # A trace keeps what its question's source says under `metadata`.
        told = {**record, **(record.get("metadata") or {})}
    except (ValueError, AttributeError, TypeError) as error:
        msg = f"{source}: a line is no JSON object ({error}); mend the file"
        raise TrainingError(msg) from error
    return all(told.get(key) in values for key, values in stage.where.items())


def _train(
    stage: ScheduledStage,
    source: Path,
    parent: Path,
    out: Path,
    settings: Mapping[str, Any],
) -> TrainingResult:
    if stage.method == "sft":
        from .sft import train_sft

        return train_sft(source, parent, out, load_config(stage.config, SftConfig))
    if stage.method == "dpo":
        from .dpo import train_dpo

        return train_dpo(source, parent, out, load_config(stage.config, DpoConfig))
    from .rl import train_rl

    chosen = load_config(stage.config, RlConfig)
    return train_rl(source, parent, out, chosen, settings=settings)
