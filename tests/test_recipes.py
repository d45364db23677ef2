"""Every recipe names only things that exist, says where its figures stand, and runs."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import subprocess
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from rich.console import Console
from systems import TWELVE

from langgraph_deepsearch.cli.app import app
from langgraph_deepsearch.context import Context
from langgraph_deepsearch.curation.preference import get_rule
from langgraph_deepsearch.curation.presets import get_preset
from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.nodes.condensers.factory import FACTORIES
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.recipes.describe import (
    MARKS,
    describe,
    legend,
    markdown_table,
    methods_table,
    result_line,
)
from langgraph_deepsearch.recipes.export import export_recipe, settings_file
from langgraph_deepsearch.recipes.recipe import EIGHT_DEVICES, KNOWN, Recipe
from langgraph_deepsearch.recipes.registry import RecipeError, get_recipe, list_recipes
from langgraph_deepsearch.recipes.script import run_script
from langgraph_deepsearch.recipes.sizes import SIZES, desk_config
from langgraph_deepsearch.tools.factory import make_search
from langgraph_deepsearch.trace import read_traces
from langgraph_deepsearch.training.config import load_config
from langgraph_deepsearch.training.curriculum import get_curriculum
from langgraph_deepsearch.training.rewards import get_reward
from langgraph_deepsearch.training.rl_config import RlConfig
from langgraph_deepsearch.training.schedule import load_schedule

ROOT = Path(__file__).parents[1]
NAMES = list_recipes()
RECIPES = {name: get_recipe(name) for name in NAMES}

QUICK = "search_r1"
"""Run in the quick suite: warm start, then reinforcement."""

each_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=NAMES)


def test_there_is_one_for_every_system():
    assert set(NAMES) == TWELVE


@each_recipe
def test_its_parts_exist(recipe: Recipe, monkeypatch):
    monkeypatch.setenv("SERPER_API_KEY", "none")
    assert recipe.name == get_dialect(recipe.dialect).name
    assert make_search(recipe.tools.search).name
    assert recipe.tools.condenser in FACTORIES
    dialect, open_ended = get_dialect(recipe.dialect), recipe.tools.open_ended_condenser
    assert recipe.tools.condenser == dialect.condenser
    assert open_ended == dialect.open_ended_condenser
    assert recipe.tools.page_condenser in ("", dialect.page_condenser)
    if recipe.filters.preset:
        assert get_preset(recipe.filters.preset).filters
    if recipe.filters.preference:
        assert get_rule(recipe.filters.preference).name == recipe.filters.preference
    for module in recipe.methods.values():
        assert find_spec(module), module


@each_recipe
def test_its_stages_can_be_configured(recipe: Recipe):
    names = [stage.name for stage in recipe.stages]
    assert len(set(names)) == len(names)
    for number, stage in enumerate(recipe.stages):
        for start in (stage.start, stage.desk_start):
            assert not start or start in names[:number]
        assert stage.data
        if isinstance(stage.config, RlConfig):
            curriculum = get_curriculum(stage.config.curriculum)
            for one in curriculum.stages:
                assert get_reward(one.reward or stage.config.reward).source
        elif stage.kind == "dpo":
            assert recipe.filters.preference
    assert (recipe.reward_known == "none") == (not recipe.rewards)


@each_recipe
def test_the_papers_figures_stand_beside_it(recipe: Recipe):
    assert re.fullmatch(r"arXiv \d{4}\.\d{5}", recipe.paper)
    assert re.search(r"\b[0-9a-f]{7}\b", recipe.repository), "the commit that was read"
    assert recipe.results
    for result in recipe.results:
        assert result.source
        assert result.known in ("data", "paper", "secondary")
        assert result.scores
        assert all(0 < score <= 100 for score in result.scores.values())
    assert set(recipe.known.values()) <= set(KNOWN)


@each_recipe
def test_its_desk_run_can_be_configured(recipe: Recipe):
    desk = recipe.desk
    assert desk.departures
    assert get_preset(desk.preset).without(desk.without)
    Context(**desk.settings, roles=desk.roles or None)
    spec = desk.search.format(
        world="http://127.0.0.1:1", corpus="c", simulator="http://x/v1"
    )
    assert "{" not in spec
    trains_by_runs = any(stage.kind == "sft" for stage in recipe.stages)
    assert not recipe.stages or trains_by_runs or desk.warm_start


def shown_commands(recipe: Recipe):
    """Yield every `deepsearch …` of a recipe's commands, those in comments too, and stops."""
    for line in recipe.commands:
        if line.startswith("# stop "):
            yield line
        for part in line.replace(EIGHT_DEVICES, "deepsearch").split("; "):
            start = part.find("deepsearch ")
            if start >= 0:
                yield part[start:]


def scheduled(recipe: Recipe, schedule):
    """Return the settings files that a schedule of a recipe names."""
    return {stage["config"] for stage in recipe.files[str(schedule)]["stages"]}


@each_recipe
def test_a_training_that_is_sharded_has_several_processes(recipe: Recipe):
    settings = {settings_file(stage): stage.config.to_json() for stage in recipe.stages}
    trainings = [
        line for line in recipe.commands if re.search(r"\btrain (sft|dpo|rl) ", line)
    ]
    for line in trainings:
        (named,) = re.findall(r"--config (\S+)", line)
        sharded = bool({**settings, **recipe.files}[named].get("deepspeed"))
        assert line.startswith(f"{EIGHT_DEVICES} " if sharded else "deepsearch "), line


class Terminals:
    """What runs while a recipe's commands are given one after the other."""

    def __init__(self) -> None:
        self.models: dict[str, str] = {}
        """URL to the name of the model that is served there."""
        self.searches: set[str] = set()
        self.folders: list[str] = []
        """Where trained models lie."""
        self.names: set[str] = set()
        self.beside_training: set[str] = set()
        """Models that were up while another was trained."""

    def serve(self, model: str, name: str, port: int) -> None:
        self.has_model(model)
        assert f"http://127.0.0.1:{port}" not in self.searches
        url, name = f"http://127.0.0.1:{port}/v1", name or Path(model).name
        assert name not in self.names, "a server that was not swapped would answer"
        assert self.models.get(url) not in self.beside_training, (
            "it is to be stopped before"
        )
        self.names.add(name)
        self.models[url] = name

    def stop(self, name: str, port: str) -> None:
        assert self.models.pop(f"http://127.0.0.1:{port}/v1") == name

    def train(self, model: str, out: str) -> None:
        self.has_model(model)
        self.folders.append(out)
        self.beside_training |= set(self.models.values())

    def serve_search(self, port: int) -> None:
        assert f"http://127.0.0.1:{port}/v1" not in self.models
        self.searches.add(f"http://127.0.0.1:{port}")

    def has_model(self, folder: str) -> None:
        """Check that a model's folder is given or was trained."""
        trained = any(Path(folder).is_relative_to(made) for made in self.folders)
        assert folder.startswith("models/") or trained, folder

    def answers(self, model: str, url: str) -> None:
        """Check that a model is served at a URL, or is a provider's."""
        if ":" not in model:
            assert self.models.get(url or "http://127.0.0.1:8000/v1") == model, model

    def finds(self, search: str) -> None:
        """Check that the server of a search is up, where it has one."""
        _, _, url = search.partition(":")
        if url.startswith("http://127.0.0.1"):
            served = (*self.searches, *self.models)
            assert any(url.startswith(one) for one in served), search


def asked(given, config):
    """Yield the models that a command asks, each with its server."""
    url = given.get("base_url", "")
    yield given.get("summarizer_model"), given.get("summarizer_url") or url
    yield given.get("writer_model"), given.get("writer_url") or url
    if ":" not in (given.get("judge_model") or ""):  # one of a provider is served by it
        yield given.get("judge_model"), given.get("judge_url") or url
    if isinstance(config, RlConfig):
        yield config.rewriter_model, config.rewriter_url
        yield config.judge_model, config.judge_url


@each_recipe
def test_every_model_it_names_is_served_and_the_last_one_evaluated(recipe: Recipe):
    up, evaluated, evaluations = Terminals(), set(), []
    for line in shown_commands(recipe):
        if stopped := re.match(r"# stop (\S+) on port (\d+)", line):
            up.stop(*stopped.groups())
            continue
        path, given = parsed(line)
        config = {settings_file(s): s.config for s in recipe.stages}.get(
            str(given.get("config"))
        )
        if path == "serve":
            up.serve(given["model"], given["name"], given["port"])
            served = given["model"]
        elif path == "search serve":
            up.serve_search(given["port"])
        elif path.startswith("train"):
            up.train(given["model"], str(given["directory"]))
        elif given.get("model"):
            up.answers(given["model"], given.get("base_url", ""))
        elif "base_url" in given:
            assert (given["base_url"] or "http://127.0.0.1:8000/v1") in up.models, line
        for model, url in asked(given, config):
            if model:
                up.answers(model, url)
        up.finds(given.get("search") or "")
        if path == "evaluate":
            evaluated.add(served)
            evaluations.append(given["directory"])
    assert len(set(evaluations)) == len(evaluations) > 0
    last = up.folders[-1] if up.folders else "models/"
    assert any(model.startswith(last) for model in evaluated)


@each_recipe
def test_a_figure_by_a_judge_is_measured_by_one(recipe: Recipe):
    is_judged = any("judge" in result.measure for result in recipe.results)
    asked = [parsed(line) for line in shown_commands(recipe) if not line.startswith("#")]
    judges = [bool(given["judge_model"]) for path, given in asked if path == "evaluate"]
    assert all(judges) if is_judged else not any(judges)


def parsed(line: str):
    """Return a command's name, groups included, and what it was given."""
    command = typer.main.get_command(app)
    name, *words = shlex.split(line)
    path = []
    while hasattr(command, "commands"):
        name, *words = words
        assert name in command.commands, line
        command = command.commands[name]
        path.append(name)
    return " ".join(path), command.make_context(name, words).params


@each_recipe
def test_its_commands_are_taken(recipe: Recipe):
    commands = [line for line in shown_commands(recipe) if not line.startswith("#")]
    assert commands
    settings = {settings_file(stage) for stage in recipe.stages} | set(recipe.files)
    named = set()
    for line in commands:
        path, given = parsed(line)
        if given.get("config"):
            named.add(str(given["config"]))
        if given.get("schedule"):
            named |= {str(given["schedule"]), *scheduled(recipe, given["schedule"])}
        if path == "curate":
            assert get_preset(given["preset"])
        if given.get("dialect"):
            assert given["dialect"].partition(":")[0] == recipe.dialect
            get_dialect(given["dialect"])
    assert named == settings


@each_recipe
def test_export_writes_settings_that_training_reads(recipe: Recipe, tmp_path):
    paths = export_recipe(recipe, tmp_path)
    assert paths == export_recipe(recipe, tmp_path)
    for stage in recipe.stages:
        read = load_config(tmp_path / settings_file(stage), type(stage.config))
        assert read == stage.config
    for name, content in recipe.files.items():
        assert json.loads((tmp_path / name).read_text()) == content
        assert "stages" in content or load_config(tmp_path / name).to_json() == content
    script = (tmp_path / "run.sh").read_text()
    assert all(command in script for command in recipe.commands)
    (tmp_path / "run.sh").write_text("mine")
    with pytest.raises(RecipeError, match="has been changed"):
        export_recipe(recipe, tmp_path)


def read_and_made(line: str):
    """Return the data files that a command reads, and what it writes."""
    words = shlex.split(line)
    made = {word for before, word in pairwise(words) if before in ("--out", ">", ">>")}
    plain = (re.sub(r"^(dense:|\w+=)|\?model=.*$", "", word) for word in words)
    return {w for w in plain if re.search(r"\.jsonl?$", w)} - made, made


@each_recipe
def test_files_that_no_command_makes_are_named(recipe: Recipe):
    made = {settings_file(stage) for stage in recipe.stages} | set(recipe.files)
    needed = set()
    given = [line for line in recipe.commands if not line.startswith("#")]
    for line in [*(one for one in given if one.startswith("sed")), *shown_commands(recipe)]:
        if "search serve" in line or not line.startswith("#"):
            read, written = read_and_made(line)
            needed |= {f for f in read if not any(Path(f).is_relative_to(m) for m in made)}
            made |= written
    assert needed == set(recipe.needs)


@each_recipe
def test_the_script_waits_for_every_server_by_its_name(recipe: Recipe):
    lines = run_script(recipe).splitlines()
    for line in (c for c in recipe.commands if c.startswith("#")):
        after = lines[lines.index(line) + 1 :]
        waits = [shlex.split(one) for one in after[: after.index("")]]
        asked = line.count("deepsearch serve ") + line.count("deepsearch search serve ")
        assert len(waits) == asked + line.startswith("# stop ")
        for _, words, check, *rest in waits:
            assert words.removeprefix("in another terminal: ") in line
            assert rest[0] in words or check == "answers"


def test_web_thinkers_rounds_wait_for_the_model_of_the_round():
    script = run_script(RECIPES["web_thinker"])
    first, second = script.index("--out runs-1"), script.index("--out runs-2")
    last = script.index("--out evaluation")
    assert script.index(" is_served policy 8000") < first
    assert first < script.index(" is_stopped policy 8000") < script.index("--out dpo-1")
    assert script.index("--out dpo-1") < script.index(" is_served policy-1 8000") < second
    assert second < script.index(" is_served policy-2 8000") < last


class OneModel(BaseHTTPRequestHandler):
    """Lists a model as vLLM does."""

    def do_GET(self) -> None:
        found = self.path == "/v1/models"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(b'{"object":"list","data":[{"id":"policy"}]}' if found else b"")

    def log_message(self, *_) -> None:
        """Say nothing."""


@pytest.mark.skipif(not shutil.which("curl"), reason="the script asks with curl")
def test_the_scripts_checks_tell_servers_apart():
    server = ThreadingHTTPServer(("127.0.0.1", 0), OneModel)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    port = server.server_port
    head, _, _ = run_script(RECIPES["web_thinker"]).partition("\n# in other terminals")
    checks = (
        f"wait_for it is_served policy {port}; wait_for it answers {port}; "
        f"wait_for it is_stopped policy-1 {port}; "
        f"if is_served policy-1 {port} || is_served poli {port} || is_stopped policy {port}; "
        "then exit 3; fi; answers 1 || echo well"
    )
    try:
        ran = subprocess.run(
            ["sh", "-c", f"{head}\n{checks}"], capture_output=True, text=True, timeout=20
        )
    finally:
        server.shutdown()
        server.server_close()
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "well\n", "")


@each_recipe
def test_the_script_says_what_it_needs(recipe: Recipe):
    head, _, _ = run_script(recipe).partition("set -eu")
    assert all(f"#   {name}: {what}" in head for name, what in recipe.needs.items())
    text = "\n".join(recipe.commands)
    assert all(f"#   {m}\n" in head for m in re.findall(r"models/[\w.-]+", text))
    assert ("SERPER_API_KEY" in head) == ("--search serper" in text)


@each_recipe
def test_a_retriever_is_the_originals_and_keeps_its_index(recipe: Recipe):
    for line in shown_commands(recipe):
        if line.startswith("deepsearch search serve"):
            _, given = parsed(line)
            model = Path(given["spec"].partition("?model=")[2]).name
            assert model
            assert model in recipe.tools.engine or recipe.name == "o2_searcher"
            assert str(given["cache_dir"]) == "index"
            assert f'"{given["spec"]}"' in line, "the question mark is the shell's too"


@pytest.mark.parametrize(
    ("name", "sampling"),
    [
        ("simple_deep_searcher", "temperature=0.6 top_p=0.95 sampling_top_k=40"),
        (
            "search_o1",
            "temperature=0.7 top_p=0.8 sampling_top_k=20 repetition_penalty=1.05",
        ),
        ("r1_searcher", "temperature=0"),
        ("search_r1", "temperature=0.7"),
        ("web_dancer", "temperature=0.6 top_p=0.95 repetition_penalty=1.1"),
    ],
)
def test_an_evaluation_samples_as_the_original(name, sampling):
    lines = [c for c in RECIPES[name].commands if c.startswith("deepsearch evaluate")]
    assert lines
    for line in lines:
        assert set(sampling.split()) <= set(parsed(line)[1]["pairs"])


def test_llama_is_evaluated_with_the_budgets_of_evaluation():
    (line,) = (c for c in RECIPES["r1_searcher"].commands if "evaluation-llama" in c)
    assert {"top_k=5", "max_turns=9"} <= set(parsed(line)[1]["pairs"])


def test_an_exported_schedule_reads_the_exported_settings(tmp_path):
    recipe = RECIPES["mask_search"]
    export_recipe(recipe, tmp_path)
    changed = {**recipe.stage("rl").config.to_json(), "steps": 7}
    (tmp_path / "rl.json").write_text(json.dumps(changed))
    stages = load_schedule(tmp_path / "rl_stages.json").stages
    assert [Path(stage.config).name for stage in stages] == ["ramp_rl.json", "rl.json"]
    assert load_config(stages[0].config, RlConfig) == recipe.stage("ramp_rl").config
    assert load_config(stages[1].config, RlConfig).steps == 7


@each_recipe
def test_a_desk_changes_sizes_and_keeps_the_method(recipe: Recipe):
    for stage in recipe.stages:
        cut, full = desk_config(stage.config, SIZES["desk"]), stage.config
        assert type(cut) is type(full)
        assert cut.deepspeed is None
        for name in ("algorithm", "reward", "curriculum", "kl", "kl_in", "beta"):
            assert getattr(cut, name, None) == getattr(full, name, None)
        if isinstance(full, RlConfig):
            assert cut.upper_clip == full.upper_clip
            assert bool(cut.resampling_rounds) == bool(full.resampling_rounds)


def figures(name, model, measure):
    """Return every figure of a model by a measure, over all lines of a recipe."""
    lines = [
        r
        for r in RECIPES[name].results
        if r.model == model and r.measure.startswith(measure)
    ]
    return {data: score for line in lines for data, score in line.scores.items()}


@pytest.mark.parametrize(
    ("name", "model", "measure", "scores"),
    [
        ("r1_searcher", "Qwen2.5-7B", "judge", (75.0, 65.0, 54.4, 31.4)),
        ("r1_searcher", "Llama-3.1-8B-Instruct", "judge", (74.6, 54.4, 62.8, 28.2)),
        ("r1_searcher", "Qwen2.5-7B, on the web", "judge", (62.4,)),
        (
            "simple_deep_searcher",
            "R1-Distill-Qwen-32B",
            "F1",
            (69.0, 32.9, 80.5, 52.2, 42.0),
        ),
        ("simple_deep_searcher", "Qwen2.5-32B", "judge", (81.2, 33.0, 80.0, 60.8, 40.8)),
        ("simple_deep_searcher", "Qwen2.5-7B", "judge", (79.8, 29.4, 76.8, 55.3, 36.9)),
    ],
)
def test_figures_of_every_released_model_are_there(name, model, measure, scores):
    assert tuple(figures(name, model, measure).values()) == scores


def test_masked_runs_are_curated_as_the_docs_say():
    page = (ROOT / "docs" / "mask-search.md").read_text(encoding="utf-8")
    choice = "--preset direct --without supported_answer"
    assert f"deepsearch curate runs/cot --out runs/cot-curated {choice}" in page
    command = next(c for c in RECIPES["mask_search"].commands if "curate ramp-runs" in c)
    assert command.endswith(choice)


def test_the_description_says_all_of_it():
    text = describe(RECIPES["simple_deep_searcher"])
    for said in ("arXiv 2505.16834", "reference", "REINFORCE++", "5e-07", "Bamboogle 83.4"):
        assert said in text
    for result in RECIPES["simple_deep_searcher"].results:
        assert result_line(result) in text


@each_recipe
def test_the_description_explains_each_mark_once(recipe: Recipe):
    text = describe(recipe)
    for known, meaning in KNOWN.items():
        assert text.count(meaning) <= 1
        assert (f"  {MARKS[known]} {meaning}" in text) == (f"  {MARKS[known]} " in text)


def cell(name: str, column: str) -> str:
    """Return what the table says of a recipe in a column."""
    head, _, row = markdown_table([RECIPES[name]]).splitlines()
    return dict(zip(head.split(" | "), row.split(" | "), strict=True))[column]


@pytest.mark.parametrize(
    ("name", "column", "said"),
    [
        ("mask_search", "trainer", "(✓) SFT, SFT, DAPO, DAPO (numbers ✗)"),
        ("web_dancer", "trainer", "(✓) SFT, DAPO (numbers ✗)"),
        ("web_thinker", "trainer", "(✓) DPO × 2 (numbers ✗)"),
        ("simple_deep_searcher", "trainer", "✓ SFT; (✓) DPO; (✓) REINFORCE++ (numbers ✗)"),
        ("search_o1", "trainer", "–"),
        ("deep_researcher", "tools", "✓ `serper` + `none` + `paging_reader`"),
        ("web_dancer", "tools", "✓ `serper` + `none` + `goal_extractor`"),
        ("mask_search", "filters", "? `direct`"),
    ],
)
def test_the_table_is_true_to_the_originals(name, column, said):
    assert cell(name, column) == said


def test_a_figure_has_its_own_mark():
    row = markdown_table([RECIPES["r1_searcher"]]).splitlines()[-1]
    assert row.endswith("✓✓ 75 judge (gpt-4o-mini) on HotpotQA, Qwen2.5-7B |")
    assert RECIPES["zero_search"].filters.known == "secondary"


def test_the_better_run_of_a_pair_is_a_fine_tuned_models():
    recipe = RECIPES["simple_deep_searcher"]
    (line,) = (c for c in recipe.commands if c.startswith("deepsearch pairs"))
    _, given = parsed(line)
    (own,) = given["traces"]
    (made,) = (c for c in recipe.commands if f"--out {own} " in c)
    assert "--model strong " in made
    assert any(
        "models/QwQ-32B-SimpleDeepSearcher --name strong" in c for c in recipe.commands
    )
    assert any("fine-tuned" in departure for departure in recipe.desk.departures)
    assert not any("wording" in one for one in recipe.unverified)


def test_the_documented_table_is_the_recipes():
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert markdown_table(RECIPES.values()) in page
    assert methods_table(RECIPES.values()) in page
    assert legend() in page
    assert set(MARKS) == set(KNOWN)


def test_a_recipe_of_ones_own_is_named_by_its_file(tmp_path):
    own = tmp_path / "mine.py"
    text = (ROOT / "examples" / "recipes" / "search_o1.py").read_text(encoding="utf-8")
    own.write_text(text.replace('system="Search-o1"', 'system="Mine"'), encoding="utf-8")
    assert get_recipe(str(own)).system == "Mine"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("moon", None, "unknown recipe 'moon'; known: deep_researcher, "),
        ("absent.py", None, "no recipe file at "),
        ("none.py", "x = 1", "exposes no recipe"),
        ("broken.py", "1 / 0", "cannot be loaded: ZeroDivisionError"),
    ],
)
def test_what_is_no_recipe_is_one_line(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(RecipeError, match=said):
        get_recipe(str(tmp_path / name) if name.endswith(".py") else name)


# The desk run. Every stage is real: the graph, the world over HTTP, curation, TRL.


@pytest.fixture(scope="session")
def desk_model(tmp_path_factory, base_tokenizer) -> Path:
    """A random two-layer Llama with room for the prompts of every dialect."""
    torch = pytest.importorskip("torch", reason="training needs torch")
    from desk_policy import CONTEXT
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(base_tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        tie_word_embeddings=True,
    )
    path = tmp_path_factory.mktemp("models") / "desk"
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(path)
    base_tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def run_desk(desk_model, tmp_path):
    """Return a function that runs a recipe at the smallest size in `tmp_path`."""
    for package in ("trl", "peft"):
        pytest.importorskip(package, reason="needs langgraph-deepsearch[train]")
    from desk_policy import DeskPolicy

    from langgraph_deepsearch.recipes.desk import DeskConfig, DeskRun

    def run(recipe, smaller=None, **changes):
        cut = {"max_length": 3500, "dtype": "float32", **(smaller or {})}
        size = replace(SIZES["tiny"], **cut)
        config = DeskConfig(size=size, base_model=desk_model, **changes)
        serving = DeskPolicy(recipe, tmp_path)
        console = Console(file=io.StringIO())
        return DeskRun(recipe, config, tmp_path, console, serving).run(), serving

    return run


def check_run(recipe, result, directory, without=()):
    """Check that every stage left what it should, in the recipe's dialect."""
    stages = [stage for stage in recipe.stages if stage.name not in without]
    columns = {"teacher", "before"}
    if stages:
        columns |= {"after", *(s.name for s in stages[:-1])}
        columns |= {"warm_start"} if recipe.desk.warm_start else set()
    assert set(result.columns) == columns
    for name in columns:
        for trace in read_traces(directory / f"{name}.jsonl"):
            assert trace.dialect == recipe.dialect
            assert trace.golds
    evaluation = json.loads((directory / "evaluation.json").read_text())
    assert columns <= set(evaluation)
    assert (directory / "report.html").is_file()
    for stage in stages:
        folder = directory / stage.name
        folder = folder / f"round-{stage.rounds}" if stage.rounds > 1 else folder
        trained = json.loads((folder / "model" / "training.json").read_text())
        assert trained["trained_tokens"] > 0
        if stage.kind == "rl":
            assert trained["config"]["reward"] == stage.config.reward
            assert trained["config"]["algorithm"] == stage.config.algorithm
            assert (folder / "model" / "adapter_config.json").is_file()
        if stage.kind == "sft":
            assert list(read_traces(folder / "curated.jsonl"))
        if stage.kind == "dpo":
            assert (folder / "pairs.jsonl").is_file()


def test_a_recipe_runs_at_a_desk(run_desk, tmp_path):
    recipe = RECIPES[QUICK]
    size = {"test_questions": 1}
    result, serving = run_desk(recipe, size)
    check_run(recipe, result, tmp_path)
    assert [trains for _, trains in serving.served] == [False, False, True, False]
    models = json.loads((tmp_path / "models.json").read_text())["models"]
    assert [m["name"] for m in models] == [f"desk-{QUICK}-warm_start", f"desk-{QUICK}-rl"]

    again, serving = run_desk(recipe, size)
    assert serving.served == []
    assert again.to_json()["columns"] == result.to_json()["columns"]
    with pytest.raises(DeepSearchError, match="was started with"):
        run_desk(recipe, size, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@each_recipe
def test_every_recipe_runs_at_a_desk(run_desk, tmp_path, recipe: Recipe):
    result, _ = run_desk(recipe)
    check_run(recipe, result, tmp_path)
    assert result.columns["teacher"].f1 > 0.3


@pytest.mark.parametrize(
    ("without", "said"),
    [
        (("moon",), "has no stage 'moon' to leave out; its stages: warm_start, rl"),
        (("warm_start",), "stage 'rl' starts from 'warm_start': leave it out too"),
    ],
)
def test_a_stage_that_cannot_be_left_out_is_one_line(without, said):
    from langgraph_deepsearch.recipes.desk import desk_stages

    with pytest.raises(RecipeError, match=said):
        desk_stages(RECIPES[QUICK], SIZES["tiny"], without)


def test_reinforcement_without_vllm_is_refused_before_any_work(tmp_path):
    from langgraph_deepsearch.recipes.bench import ServerProcess
    from langgraph_deepsearch.recipes.desk import DeskConfig, DeskRun

    console = Console(file=io.StringIO())
    serving = ServerProcess("transformers")
    run = DeskRun(RECIPES[QUICK], DeskConfig("tiny"), tmp_path / "run", console, serving)
    with pytest.raises(RecipeError, match="--without rl"):
        run.run()
    assert not (tmp_path / "run").exists()
