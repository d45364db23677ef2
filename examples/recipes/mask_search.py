"""MaskSearch: filling masks by search as a pre-training, then the task itself."""

from dataclasses import replace

from langgraph_deepsearch.recipes.recipe import (
    EIGHT_DEVICES,
    SAMPLING_UNKNOWN,
    Desk,
    Filters,
    PaperResult,
    QuestionSource,
    Recipe,
    Tools,
    TrainingStage,
)
from langgraph_deepsearch.training.config import load_config
from langgraph_deepsearch.training.rl_config import RlConfig

PAPER = "arXiv 2505.20285, main results"
MEASURE = "token recall"
SETTING = "Google"

FINE_TUNING = load_config("sft_mask_search")

WITH_ROLES = replace(FINE_TUNING, other_data="roles.jsonl", other_ratio=1.0)
"""Of the model that takes the roles in the second round: their calls, one for each trace,
show it how each is asked. The share is ours."""

SCHEDULE = {
    "stages": [
        {"name": "ramp", "method": "rl", "config": "ramp_rl.json", "data": "ramp"},
        {"name": "task", "method": "rl", "config": "rl.json", "data": "task"},
    ]
}
"""Both reinforcement stages, with the settings that are exported beside it."""

RECIPE = Recipe(
    name="mask_search",
    system="MaskSearch",
    paper="arXiv 2505.20285",
    repository="Alibaba-NLP/MaskSearch c4719e3 (data generation only, no licence file)",
    idea="Spans of passages are masked and must be found by search (RAMP): a task with any "
    "amount of data, made harder by more masks; the question answering follows.",
    model="Qwen2.5-1.5B to 7B, Llama-3",
    questions=QuestionSource(
        data="RAMP over Wikipedia, 10 million trajectories; then HotpotQA",
        made_by="questions synthesize --method ramp",
        known="code",
    ),
    dialect="mask_search",
    dialect_known="code",
    tools=Tools(
        search="serper",
        engine="Google by SerpAPI, at least 3 rewritten queries, 10 snippets merged",
        condenser="none",
    ),
    filters=Filters(
        rule="correctness judged by qwen-max, wrong chains kept too, marked (code); here preset "
        "direct keeps right ones alone, by the gold answer. In later rounds the trained model "
        "takes over as teacher (self-evolving distillation, from the paper's text)",
        preset="direct",
        known="secondary",
    ),
    reward_known="paper",
    stages=(
        TrainingStage(
            name="ramp_sft",
            config=FINE_TUNING,
            data="trajectories of the planner, rewriter and observer on masked passages",
            desk_questions="masked",
            note="learning rate, batch and epochs are ours; LLaMA-Factory there",
            numbers="ours",
        ),
        TrainingStage(
            name="sft",
            config=FINE_TUNING,
            data="trajectories on HotpotQA",
            start="ramp_sft",
            note="as before",
            numbers="ours",
        ),
        TrainingStage(
            name="ramp_rl",
            config=load_config("rl_mask_search_ramp", RlConfig),
            data="masked passages, few masks first",
            desk_start="ramp_sft",
            desk_questions="masked",
            note="DAPO and the curriculum are the paper's, all numbers ours, the weights of "
            "recall and form too; with reward mask_search_judge a model judges",
            numbers="ours",
        ),
        TrainingStage(
            name="rl",
            config=load_config("rl_mask_search_task", RlConfig),
            data="HotpotQA",
            start="ramp_rl",
            note="as before",
            numbers="ours",
        ),
    ),
    results=(
        PaperResult(
            model="Qwen2.5-7B, RL on RAMP, then RL",
            measure=MEASURE,
            scores={
                "average of 6": 71.01,
                "HotpotQA": 75.61,
                "FanOutQA": 58.96,
                "MuSiQue": 45.54,
                "2Wiki": 82.10,
                "Bamboogle": 83.00,
                "FreshQA": 80.85,
            },
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="Qwen2.5, RL on RAMP, then RL, by size",
            measure=MEASURE,
            scores={"1.5B": 65.34, "3B": 69.37, "7B": 71.01},
            setting=f"{SETTING}, average of 6",
            source=PAPER,
        ),
        PaperResult(
            model="Qwen2.5, SFT on RAMP, then SFT, by size",
            measure=MEASURE,
            scores={"1.5B": 65.27, "3B": 67.03, "7B": 69.83},
            setting=f"{SETTING}, average of 6",
            source=PAPER,
        ),
        PaperResult(
            model="Qwen2.5 trained as Search-R1, by size",
            measure=MEASURE,
            scores={"1.5B": 57.24, "3B": 64.14, "7B": 67.74},
            setting=f"{SETTING}, average of 6",
            source=PAPER,
        ),
    ),
    methods={
        "masking": "langgraph_deepsearch.curation.synthesis.ramp",
        "planner": "langgraph_deepsearch.nodes.roles.planner",
        "rewriter": "langgraph_deepsearch.nodes.roles.rewriter",
        "observer": "langgraph_deepsearch.nodes.roles.observer",
        "self-evolving distillation": "langgraph_deepsearch.curation.role_calls",
        "two stages": "langgraph_deepsearch.training.schedule",
    },
    unverified=(
        "no released model was seen",
        SAMPLING_UNKNOWN,
        "how the chat template of its training renders the turn of role function",
        "which settings and weights its reinforcement has, and how it speaks: for its code the "
        "authors name Search-R1's, so results are inserted (mask_search:inline)",
    ),
    commands=(
        "# in another terminal: deepsearch serve models/Qwen2.5-72B-Instruct --name teacher",
        "deepsearch questions synthesize wikipedia.jsonl --out ramp --method ramp "
        "--masks curriculum --count 100000 --model teacher",
        "deepsearch rollout ramp/synthesized.jsonl --out ramp-runs --rollouts 4 "
        "--model teacher --dialect mask_search --set roles=mask_search --search serper",
        "# a list of masked spans stands in no single result; one answer does",
        "deepsearch curate ramp-runs --out ramp-runs --preset direct "
        "--without supported_answer",
        "deepsearch rollout hotpotqa_train.jsonl --out runs --rollouts 4 "
        "--model teacher --dialect mask_search --set roles=mask_search --search serper",
        "deepsearch curate runs --out runs --preset direct",
        "# stop teacher on port 8000: the training takes its GPUs",
        "# self-evolving distillation: a model trained on the teacher's runs takes the roles",
        "deepsearch export ramp-runs/curated.jsonl --format roles --out roles.jsonl",
        f"{EIGHT_DEVICES} train sft ramp-runs/curated.jsonl --out evolving "
        "--config with_roles.json --model models/Qwen2.5-7B-Instruct",
        "# in another terminal: deepsearch serve evolving --name evolving",
        "deepsearch rollout ramp/synthesized.jsonl --out own-runs --rollouts 4 "
        "--model evolving --dialect mask_search --set roles=mask_search --search serper",
        "# stop evolving on port 8000: the trainings take its GPU",
        "deepsearch curate ramp-runs own-runs --out both-runs --preset direct "
        "--without supported_answer",
        f"{EIGHT_DEVICES} train sft both-runs/curated.jsonl --out ramp_sft "
        "--config ramp_sft.json --model models/Qwen2.5-7B-Instruct",
        f"{EIGHT_DEVICES} train sft runs/curated.jsonl --out sft --config sft.json "
        "--model ramp_sft",
        "# both reinforcement stages, ramp_rl.json and rl.json, the adapter merged between",
        "deepsearch train stages rl_stages.json --out rl "
        "--data ramp=ramp/synthesized.jsonl --data task=hotpotqa_train.jsonl "
        "--model models/Qwen2.5-7B-Instruct --dialect mask_search:inline --search serper",
        "# in another terminal: deepsearch serve sft --name mask-search-sft",
        "deepsearch evaluate test.jsonl --out evaluation-sft --model mask-search-sft "
        "--dialect mask_search --search serper",
        "# in its place: deepsearch serve rl/2-task --name mask-search-rl",
        "deepsearch evaluate test.jsonl --out evaluation-rl --model mask-search-rl "
        "--dialect mask_search:inline --search serper",
    ),
    needs={
        "wikipedia.jsonl": "a corpus: passages of Wikipedia, whose spans are masked",
        "hotpotqa_train.jsonl": "train questions of HotpotQA",
        "test.jsonl": "questions to evaluate on, of the sets under the paper's figures",
    },
    files={"rl_stages.json": SCHEDULE, "with_roles.json": WITH_ROLES.to_json()},
    desk=Desk(
        search="searxng:{world}",
        without=("supported_answer",),
        roles="mask_search",
        settings={"max_searches": 15, "top_k": 5},
        departures=(
            "facts of the world are masked, not spans of passages that a model names",
            "a program that knows the questions' decompositions plays planner, rewriter "
            "and observer",
            "reinforcement starts from the model fine-tuned on masks, not from the base, and "
            "speaks as that one does: results are turns, not insertions (mask_search:inline)",
            "a list of answers stands in no single result, so supported_answer is left out",
        ),
    ),
)
