"""ReSearch: GRPO on multi-hop questions, F1 with a floor for a valid form."""

from langgraph_deepsearch.recipes.recipe import (
    JUDGE,
    SAMPLING_UNKNOWN,
    Desk,
    Filters,
    PaperResult,
    QuestionSource,
    Recipe,
    Tools,
    TrainingStage,
)
from langgraph_deepsearch.training.rl_config import RlConfig

PAPER = "arXiv 2503.19470, main results"
SETTING = "Wikipedia 2018, e5-base-v2, 5 passages, whole development sets"

SETS = ("HotpotQA", "2Wiki", "MuSiQue", "Bamboogle")
JUDGED = "judge (gpt-4o-mini)"

FIGURES = (
    ("Qwen2.5-7B-Instruct", "EM", (43.52, 47.59, 22.30, 42.40)),
    ("Qwen2.5-7B-Instruct", JUDGED, (63.62, 54.22, 33.43, 54.40)),
    ("Qwen2.5-7B", "EM", (40.57, 44.67, 21.68, 43.20)),
    ("Qwen2.5-7B", JUDGED, (60.26, 50.06, 32.19, 54.40)),
    ("Qwen2.5-32B-Instruct", "EM", (46.73, 44.90, 26.40, 56.80)),
    ("Qwen2.5-32B-Instruct", JUDGED, (67.70, 50.30, 38.56, 67.20)),
)
"""The paper's main table: model, measure, figures on `SETS`."""

RECIPE = Recipe(
    name="research",
    system="ReSearch",
    paper="arXiv 2503.19470",
    repository="Agent-RL/ReCall, branch re-search, 4bdb872",
    idea="Searching is learned as a part of reasoning, from no supervised step; the mask of "
    "results is made in the rollout.",
    model="Qwen2.5-7B and 32B, base and instruct",
    released=(
        "agentrl/ReSearch-Qwen-7B",
        "agentrl/ReSearch-Qwen-7B-Instruct",
        "agentrl/ReSearch-Qwen-32B",
        "agentrl/ReSearch-Qwen-32B-Instruct",
    ),
    questions=QuestionSource(data="MuSiQue train, 19,938", known="paper"),
    dialect="research",
    dialect_known="code",
    tools=Tools(
        search="http+search:http://127.0.0.1:3000",
        engine="e5-base-v2 over Wikipedia 2018, 5 passages",
        condenser="none",
    ),
    filters=Filters(rule="none", known="none"),
    reward_known="code",
    stages=(
        TrainingStage(
            name="rl",
            config=RlConfig(
                algorithm="grpo",
                reward="research",
                learning_rate=1e-6,
                questions_per_step=256,
                rollouts=5,
                batch_size=1280,
                micro_batch_size=1,
                steps=156,
                kl=0.001,
                max_length=8192,
                lora_rank=64,
                gradient_checkpointing=True,
            ),
            data="MuSiQue train, gone over twice",
            note="one update a step; an F1 below 0.1 earns less than a wrong answer of "
            "valid form, as in the code",
            known="code",
        ),
    ),
    results=tuple(
        PaperResult(
            model=model,
            measure=measure,
            scores=dict(zip(SETS, scores, strict=True)),
            setting=SETTING,
            source=PAPER,
        )
        for model, measure, scores in FIGURES
    ),
    unverified=(SAMPLING_UNKNOWN,),
    commands=(
        "# their server, or in another terminal: "
        "deepsearch search serve --port 3000 --cache-dir index "
        '--search "dense:wiki-18.jsonl?model=models/e5-base-v2"',
        "deepsearch train rl musique_train.jsonl --out rl --config rl.json "
        "--model models/Qwen2.5-7B-Instruct --dialect research "
        "--search http+search:http://127.0.0.1:3000",
        "# in another terminal: deepsearch serve rl --name research",
        "deepsearch evaluate test.jsonl --out evaluation --model research "
        f"--dialect research --search http+search:http://127.0.0.1:3000 {JUDGE}",
    ),
    needs={
        "wiki-18.jsonl": "a corpus: Search-R1's passages of Wikipedia 2018 (PeterJinGo/wiki-18-"
        "corpus); encoded at the first start and kept in index/",
        "musique_train.jsonl": "train questions of MuSiQue",
        "test.jsonl": "questions to evaluate on: the development sets under the paper's "
        "figures",
    },
    desk=Desk(
        warm_start=True,
        departures=("a fine-tuning on the teacher's runs goes first",),
    ),
)
