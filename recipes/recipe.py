"""What a recipe is: a published system as a list of parts that the rooms hold.

A recipe is data. It names the question source, the dialect, the tools, the filters, the
reward and the trainer by the names they have here, gives the settings that the paper used,
and puts the paper's figures beside them. `desk.py` runs it at the size of a desk;
`export.py` writes the full-size settings and commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..training.config import SftConfig, TrainingConfig
from ..training.dpo_config import DpoConfig
from ..training.rl_config import RlConfig

Known = Literal["code", "data", "paper", "secondary", "ours", "none"]
"""How a part is known; see `KNOWN`."""

KNOWN: Mapping[Known, str] = {
    "code": "read in the original's public code",
    "data": "shown by its released data or traces, or read in its code and its data",
    "paper": "the paper or the README says it; there is no code to compare with",
    "secondary": "a third party's summary; the paper itself was not compared",
    "ours": "the original says nothing; the choice is ours",
    "none": "the system has no such part",
}

SAMPLING_UNKNOWN = (
    "how its evaluation samples; here as SimpleDeepSearcher: temperature .6, top-p .95, "
    "top-k 40"
)
"""Said of an original whose sampling was not seen: the settings' defaults are taken."""

EIGHT_DEVICES = "torchrun --nproc_per_node 8 -m langgraph_deepsearch.cli"
"""In a recipe's commands in place of `deepsearch`, where the settings of a training shard it
by DeepSpeed (docs/training.md)."""

JUDGE = "--judge-model openai:gpt-4o-mini"
"""In the evaluations of systems whose tables have the verdicts of that judge (SimpleDeepSearcher
eval/gpt_eval.py:55-96, and the papers after it)."""

Kind = Literal["sft", "dpo", "rl"]
"""Methods of training."""

DeskQuestions = Literal["world", "masked", "mixed"]
"""What a desk stage is trained on: the world's questions, its facts masked (RAMP), or its
questions and open-ended ones together."""


@dataclass(frozen=True, kw_only=True)
class QuestionSource:
    """Where the questions come from."""

    data: str
    """Data sets and how many questions of them."""
    made_by: str = ""
    """Our command that makes or chooses such questions, after `deepsearch`."""
    known: Known = "paper"


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What the model searches and reads with."""

    search: str
    """Full-size search, as `--search` takes it."""
    engine: str
    """What stands behind it in the original: corpus, retriever, number of documents."""
    condenser: str
    """Name of the condenser that turns documents into evidence."""
    open_ended_condenser: str = ""
    """Name of the one for open-ended questions, where they have another."""
    page_condenser: str = ""
    """Name of the one for pages that the model opens by their address."""
    summarizer: str = ""
    """Model of these, where they need one."""
    known: Known = "code"


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What is kept of the runs, and how it is told."""

    rule: str
    """The system's rule, in words."""
    preset: str = ""
    """Our curation preset with it; empty where no runs are curated."""
    preference: str = ""
    """Our rule of preference pairs; empty where there are none."""
    known: Known = "paper"


@dataclass(frozen=True, kw_only=True)
class TrainingStage:
    """One training of one method, with the original's settings."""

    name: str
    config: TrainingConfig
    """Of the full size. Its class says the method."""
    data: str
    """What it is trained on."""
    start: str = ""
    """Name of the stage whose model it begins with; empty: the recipe's model."""
    rounds: int = 1
    """Times it is done, each from the model of the one before."""
    desk_start: str = ""
    """The same at a desk, where a small model must have learned the protocol before."""
    desk_questions: DeskQuestions = "world"
    note: str = ""
    """Where the original's settings and ours differ, or are not known."""
    known: Known = "paper"
    """How the method and its data are known."""
    numbers: Known | None = None
    """How its numbers are, those aside that the note names; empty: as the method."""

    @property
    def numbers_known(self) -> Known:
        """How its numbers are known."""
        return self.numbers or self.known

    @property
    def kind(self) -> Kind:
        """The method."""
        kinds: dict[type, Kind] = {SftConfig: "sft", DpoConfig: "dpo", RlConfig: "rl"}
        return next(kind for known, kind in kinds.items() if isinstance(self.config, known))


@dataclass(frozen=True, kw_only=True)
class PaperResult:
    """One line of a table of the paper."""

    model: str
    measure: str
    """What is measured, and by whom, in the paper's sense of the word."""
    scores: Mapping[str, float]
    """Data set to its figure, in per cent unless the measure says otherwise."""
    setting: str = ""
    """Search engine, corpus, sample."""
    source: str
    """Where the figures stand."""
    known: Known = "paper"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """How the recipe is cut to the size of a desk."""

    departures: tuple[str, ...]
    """Every way in which the desk run is not the paper's, besides its size, its base model
    and its fictional web."""
    search: str = "corpus:{corpus}"
    """Search; `{world}`, `{corpus}` and `{simulator}` are filled in."""
    preset: str = "desk"
    """Curation preset of the runs that a fine-tuning stage is trained on."""
    without: tuple[str, ...] = ()
    """Filters of it that are left out."""
    preference: str = ""
    """Rule of preference pairs in place of the recipe's."""
    roles: str = ""
    """What writes the runs a fine-tuning stage is trained on (`Context.roles`); empty: the
    decomposition teacher, as one agent."""
    warm_start: bool = False
    """Whether a fine-tuning on the teacher's runs goes before the first stage: a model of
    135 million parameters cannot find a protocol by reinforcement alone."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of every run that differ from those all desk runs share."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A published system."""

    name: str
    """Name of its main dialect, and of its file."""
    system: str
    """What its authors call it."""
    paper: str
    repository: str
    idea: str
    """Its method in a sentence or two."""
    model: str
    """What the paper trains, or runs."""
    released: tuple[str, ...] = ()
    """Trained models that can be had."""
    questions: QuestionSource
    dialect: str
    dialect_known: Known
    tools: Tools
    filters: Filters
    reward_known: Known = "none"
    stages: tuple[TrainingStage, ...] = ()
    """In order; none for a system that trains nothing."""
    results: tuple[PaperResult, ...]
    methods: Mapping[str, str] = field(default_factory=dict)
    """Methods of this system alone to the module that has them."""
    unverified: tuple[str, ...] = ()
    """What about the original could not be found out, beyond what single parts say."""
    commands: tuple[str, ...]
    """The full-size run, command by command, in the folder that `export` writes."""
    desk: Desk
    needs: Mapping[str, str] = field(default_factory=dict)
    """Files that the commands read and none of them makes: name to what it is, and how it
    is made where that is not plain."""
    files: Mapping[str, Any] = field(default_factory=dict)
    """Further files that `export` writes for the commands, besides the stages' settings:
    name to what it holds as JSON."""

    @property
    def rewards(self) -> tuple[str, ...]:
        """Names of the rewards its stages are trained by."""
        configs = (stage.config for stage in self.stages)
        return tuple(dict.fromkeys(c.reward for c in configs if isinstance(c, RlConfig)))

    def stage(self, name: str) -> TrainingStage:
        """Return the stage of that name.

        Raises:
            KeyError: there is none.
        """
        return {stage.name: stage for stage in self.stages}[name]

    @property
    def known(self) -> Mapping[str, Known]:
        """How each part is known, by its name; each training says it of itself."""
        return {
            "questions": self.questions.known,
            "dialect": self.dialect_known,
            "tools": self.tools.known,
            "filters": self.filters.known,
            "reward": self.reward_known,
            "figures": self.results[0].known,
        }
