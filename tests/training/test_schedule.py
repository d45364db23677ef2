"""Trainings in a row: MaskSearch's two stages, and what a schedule file may say."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest

from langgraph_deepsearch.trace import read_traces, write_traces
from langgraph_deepsearch.training.config import ConfigError, SftConfig, load_config
from langgraph_deepsearch.training.curriculum import get_curriculum
from langgraph_deepsearch.training.result import TrainingError
from langgraph_deepsearch.training.rl_config import RlConfig
from langgraph_deepsearch.training.schedule import load_schedule, run_schedule

SHIPPED = ("stages_mask_search_sft", "stages_mask_search_desk", "stages_mask_search_rl")
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="training needs torch")


def stage(**changes):
    made = {"name": "a", "method": "sft", "config": "sft_desk", "data": "traces"}
    return {key: v for key, v in {**made, **changes}.items() if v is not None}


@pytest.fixture
def schedule(tmp_path):
    """Return a function from stages to the schedule in a file."""

    def make(*stages):
        path = tmp_path / "stages.json"
        path.write_text(json.dumps({"stages": list(stages)}))
        return load_schedule(path)

    return make


@pytest.mark.parametrize("name", SHIPPED)
def test_masked_passages_come_before_the_task(name):
    shipped = load_schedule(name)
    assert shipped.data_names == ["ramp", "task"]
    assert shipped.stages[-1].data == "task"
    assert all(one.data == "ramp" for one in shipped.stages[:-1])


@pytest.mark.parametrize("name", SHIPPED[:2])
def test_few_masks_come_first(name):
    *ramp, _ = load_schedule(name).stages
    assert [one.where["masks"] for one in ramp] == [[1], [2], [3], [4]]


def test_reinforcement_has_the_curriculum_in_its_first_stage():
    ramp, task = load_schedule(SHIPPED[2]).stages
    first, second = (load_config(one.config, RlConfig) for one in (ramp, task))
    assert (first.algorithm, first.reward) == ("dapo", "mask_search")
    assert [s.values for s in get_curriculum(first.curriculum).stages] == [
        *((1,), (2,), (3,), (4,))
    ]
    assert get_curriculum(second.curriculum).stages[0].key == ""


def test_o2_searchers_settings_ship():
    policy = load_config("rl_o2_searcher", RlConfig)
    assert (policy.algorithm, policy.reward) == ("grpo", "o2_searcher")
    assert (policy.rollouts, policy.questions_per_step, policy.steps) == (8, 32, 151)
    cold = load_config("sft_o2_searcher", SftConfig)
    assert (cold.epochs, cold.learning_rate, cold.max_length) == (2, 1e-5, 10240)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not readable as JSON"),
        ("[]", "no schedule"),
        ('{"stages": []}', "no schedule"),
        (json.dumps({"stages": [stage(data=None)]}), "stage 1 needs name, method"),
        (json.dumps({"stages": [stage(mehtod="x")]}), "unknown key 'mehtod'"),
        (json.dumps({"stages": [stage(method="ppo")]}), "method 'ppo' is none of sft"),
        (json.dumps({"stages": [stage(where={"masks": 1})]}), "to a list of values"),
        (json.dumps({"stages": [stage(config="none")]}), "no settings file none"),
        (json.dumps({"stages": [stage(config="rl_desk")]}), "unknown setting"),
        (json.dumps({"stages": [stage(), stage()]}), "two stages have one name"),
    ],
)
def test_a_wrong_file_gets_one_line(tmp_path, text, said):
    path = tmp_path / "stages.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_schedule(path)


def test_settings_beside_a_schedule_are_read_from_anywhere(tmp_path):
    own = {**load_config("sft_desk").to_json(), "epochs": 7}
    (tmp_path / "own.json").write_text(json.dumps(own))
    path = tmp_path / "stages.json"
    path.write_text(json.dumps({"stages": [stage(config="own.json")]}))
    (read,) = load_schedule(path).stages
    assert load_config(read.config, SftConfig).epochs == 7


def test_a_schedule_is_no_work_for_several_processes(schedule, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="run its stages one by one"):
        run_schedule(schedule(stage()), {}, tmp_path, tmp_path / "out")


def test_files_are_asked_for_by_their_names(schedule, tmp_path):
    plan = schedule(stage())
    with pytest.raises(ConfigError, match="needs a file for 'traces': --data traces=FILE"):
        run_schedule(plan, {}, tmp_path, tmp_path / "out")
    with pytest.raises(ConfigError, match="has no data called 'task'; it uses: traces"):
        both = {"traces": tmp_path, "task": tmp_path}
        run_schedule(plan, both, tmp_path, tmp_path / "out")
    with pytest.raises(ConfigError, match=r"no file at .*gone"):
        run_schedule(plan, {"traces": tmp_path / "gone"}, tmp_path, tmp_path / "out")


def test_a_stage_that_finds_nothing_says_so(schedule, traces_file, tmp_path):
    plan = schedule(stage(where={"masks": [1, 2]}))
    with pytest.raises(TrainingError, match=r"'a' finds nothing with masks in \[1, 2\]"):
        run_schedule(plan, {"traces": traces_file}, tmp_path, tmp_path / "out")


@pytest.fixture
def settings_file(tmp_path):
    def make(name, **values):
        path = tmp_path / f"{name}.json"
        quick = {"batch_size": 2, "warmup": 0.0, "threads": 1, "learning_rate": 1e-2}
        path.write_text(json.dumps({**quick, **values}))
        return str(path)

    return make


@needs_torch
def test_each_stage_starts_from_the_model_before(
    schedule, settings_file, make_trace, tiny_model, tmp_path
):
    traces = tmp_path / "ramp.jsonl"
    write_traces(traces, (make_trace(n, metadata={"masks": 1 + n % 2}) for n in range(8)))
    config = settings_file("quick")
    plan = schedule(
        stage(name="one", config=config, where={"masks": [1]}),
        stage(name="two", config=config, where={"masks": [2]}),
    )
    seen = []
    first, second = run_schedule(
        plan, {"traces": traces}, tiny_model, tmp_path / "out", on_stage=seen.append
    )
    assert [one.name for one in seen] == ["one", "two"]
    assert first.training.parent.startswith("tiny@")
    assert second.training.parent.startswith("1-one@")
    assert second.model == tmp_path / "out" / "2-two"
    assert len(first.training.losses) == len(second.training.losses) == 2
    taken = list(read_traces(tmp_path / "out" / "data" / "two.jsonl"))
    assert [t.metadata["masks"] for t in taken] == [2, 2, 2, 2]
    again = run_schedule(plan, {"traces": traces}, tiny_model, tmp_path / "out")
    assert all(one.training.finished_before for one in again)


@needs_torch
def test_an_adapter_is_merged_before_the_next_stage(
    schedule, settings_file, traces_file, tiny_model, tmp_path
):
    pytest.importorskip("peft", reason="LoRA needs peft")
    from transformers import AutoModelForCausalLM

    plan = schedule(
        stage(name="lora", config=settings_file("lora", lora_rank=4, dtype="float32")),
        stage(name="whole", config=settings_file("quick")),
    )
    first, second = run_schedule(
        plan, {"traces": traces_file}, tiny_model, tmp_path / "out"
    )
    assert (tmp_path / "out" / "1-lora" / "adapter_config.json").is_file()
    assert first.model == tmp_path / "out" / "1-lora-merged"
    assert second.training.parent.startswith("1-lora-merged@")
    name = "model.layers.0.self_attn.q_proj.weight"
    base, merged = (
        AutoModelForCausalLM.from_pretrained(path).state_dict()[name]
        for path in (tiny_model, first.model)
    )
    assert not base.equal(merged)
