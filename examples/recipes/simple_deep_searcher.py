"""SimpleDeepSearcher: few, well chosen trajectories of a strong model, then fine-tuning."""

from langgraph_deepsearch.recipes.recipe import (
    EIGHT_DEVICES,
    JUDGE,
    Desk,
    Filters,
    PaperResult,
    QuestionSource,
    Recipe,
    Tools,
    TrainingStage,
)
from langgraph_deepsearch.training.config import load_config
from langgraph_deepsearch.training.dpo_config import DpoConfig
from langgraph_deepsearch.training.rl_config import RlConfig

SETTING = "Google; 500 of HotpotQA, 2Wiki, MuSiQue; GAIA 103"
PAPER = "arXiv 2505.16834, main results"

SETS = ("2Wiki", "MuSiQue", "Bamboogle", "FRAMES", "GAIA")
JUDGED = "judge (gpt-4o-mini)"

FIGURES = (
    ("QwQ-32B", "F1", (75.6, 34.8, 83.4, 56.8, 48.9)),
    ("QwQ-32B", JUDGED, (84.4, 37.4, 88.0, 68.8, 50.5)),
    ("R1-Distill-Qwen-32B", "F1", (69.0, 32.9, 80.5, 52.2, 42.0)),
    ("R1-Distill-Qwen-32B", JUDGED, (77.4, 33.6, 83.2, 63.8, 41.7)),
    ("Qwen2.5-32B", "F1", (71.9, 30.6, 78.1, 50.1, 42.1)),
    ("Qwen2.5-32B", JUDGED, (81.2, 33.0, 80.0, 60.8, 40.8)),
    ("Qwen2.5-7B", "F1", (70.6, 28.2, 74.5, 44.9, 39.3)),
    ("Qwen2.5-7B", JUDGED, (79.8, 29.4, 76.8, 55.3, 36.9)),
)
"""The paper's main table: model, measure, figures on `SETS`."""

AFTER = (
    ("DPO", "F1", (75.0, 39.0)),
    ("DPO", JUDGED, (79.2, 37.9)),
    ("REINFORCE++", "F1", (73.8, 29.4)),
    ("REINFORCE++", JUDGED, (75.8, 24.3)),
)
"""Its table of what follows the fine-tuning: method, measure, figures on Bamboogle and GAIA."""

READER = (
    "--summarizer-model QwQ-32B --summarizer-url http://127.0.0.1:8001/v1 --search serper"
)
"""What every model of the recipe searches with, and who reads the pages."""

SAMPLING = "--set temperature=0.6 --set top_p=0.95 --set sampling_top_k=40"
"""Of the original's inference (inference/inference.py:66-130)."""

RECIPE = Recipe(
    name="simple_deep_searcher",
    system="SimpleDeepSearcher",
    paper="arXiv 2505.16834",
    repository="RUCAIBox/SimpleDeepSearcher da768cc",
    idea="Diverse questions, ten rollouts of each by QwQ-32B on the live web, and strict "
    "curation leave 871 trajectories; fine-tuning on them is enough.",
    model="Qwen2.5-7B-Instruct, Qwen2.5-32B-Instruct, R1-Distill-Qwen-32B, QwQ-32B",
    released=(
        "RUC-AIBOX/Qwen-7B-SimpleDeepSearcher",
        "RUC-AIBOX/Qwen-32B-SimpleDeepSearcher",
        "RUC-AIBOX/Dpsk-Distilled-Qwen-32B-SimpleDeepSearcher",
        "RUC-AIBOX/QwQ-32B-SimpleDeepSearcher",
    ),
    questions=QuestionSource(
        data="NQ, SimpleQA, HotpotQA, 2Wiki, MuSiQue, MultiHopRAG, sampled by domain, key "
        "words and interrogatives",
        made_by="questions annotate, then questions sample",
        known="code",
    ),
    dialect="simple_deep_searcher",
    dialect_known="code",
    tools=Tools(
        search="serper",
        engine="Google by Serper, 10 results, pages read",
        condenser="reason_in_documents",
        summarizer="a second model, QwQ-32B",
    ),
    filters=Filters(
        rule="form, reasoning path, difficulty, fewest searches; 871 of all rollouts stay",
        preset="reference",
        preference="paper_strict",
        known="code",
    ),
    reward_known="paper",
    stages=(
        TrainingStage(
            name="sft",
            config=load_config("sft_paper_7b"),
            data="871 curated trajectories (RUC-AIBOX/0.8k-data-SimpleDeepSearcher)",
            note="the paper and the README say 30,000 tokens, the code drops above 10,000; its "
            "instruction differs in wording from that of inference",
            known="code",
        ),
        TrainingStage(
            name="dpo",
            config=load_config("dpo_paper", DpoConfig),
            data="some 875 pairs: a run of the fine-tuned QwQ-32B that passes the checks over "
            "one of the fine-tuned Qwen-7B that does not",
            start="sft",
        ),
        TrainingStage(
            name="rl",
            config=load_config("rl_paper", RlConfig),
            data="2,480 questions of which 1 to 6 of 8 rollouts are right",
            start="sft",
            note="algorithm, reward and questions are the paper's; learning rate, batch and "
            "length are R1-Searcher's",
            numbers="ours",
        ),
    ),
    results=(
        *(
            PaperResult(
                model=model,
                measure=measure,
                scores=dict(zip(SETS, scores, strict=True)),
                setting=SETTING,
                source=PAPER,
            )
            for model, measure, scores in FIGURES
        ),
        *(
            PaperResult(
                model=f"Qwen2.5-7B after {method}",
                measure=measure,
                scores=dict(zip(("Bamboogle", "GAIA"), scores, strict=True)),
                setting=SETTING,
                source="arXiv 2505.16834, table 4",
            )
            for method, measure, scores in AFTER
        ),
    ),
    commands=(
        "# in another terminal: deepsearch serve models/QwQ-32B --name QwQ-32B --port 8001",
        "deepsearch questions annotate questions.jsonl --out annotated --model QwQ-32B "
        "--base-url http://127.0.0.1:8001/v1",
        "deepsearch questions sample annotated/annotated.jsonl --out sampled --target 4000 "
        "--min-domain 500",
        "deepsearch rollout sampled/sampled.jsonl --out rollouts --rollouts 10 "
        "--model QwQ-32B --base-url http://127.0.0.1:8001/v1 --search serper",
        "deepsearch curate rollouts --out rollouts --preset reference",
        f"{EIGHT_DEVICES} train sft rollouts/curated.jsonl --out sft --config sft.json "
        "--model models/Qwen2.5-7B-Instruct",
        "# in other terminals: deepsearch serve sft --name sft; "
        "deepsearch serve models/QwQ-32B-SimpleDeepSearcher --name strong --port 8002",
        f"deepsearch evaluate test.jsonl --out evaluation-sft --model sft {READER} "
        f"{SAMPLING} {JUDGE}",
        "deepsearch rollout sampled/sampled.jsonl --out own --rollouts 8 --model sft "
        f"{READER}",
        "deepsearch rollout sampled/sampled.jsonl --out strong-runs --rollouts 8 "
        f"--model strong --base-url http://127.0.0.1:8002/v1 {READER}",
        "deepsearch pairs strong-runs --against own --out pairs --rule paper_strict",
        "# stop strong on port 8002: nothing asks it any more",
        "# stop sft on port 8000: the training takes its GPU",
        f"{EIGHT_DEVICES} train dpo pairs --out dpo --config dpo.json --model sft",
        "# in the place of sft: deepsearch serve dpo --name dpo",
        f"deepsearch evaluate test.jsonl --out evaluation-dpo --model dpo {READER} "
        f"{SAMPLING} {JUDGE}",
        "# stop dpo on port 8000: the training takes its GPU",
        "deepsearch select own --out rl-questions.jsonl --right 1-6 --of 8",
        "deepsearch train rl rl-questions.jsonl --out rl --config rl.json --model sft "
        f"{READER}",
        "# in the place of dpo: deepsearch serve rl --name rl",
        f"deepsearch evaluate test.jsonl --out evaluation-rl --model rl {READER} "
        f"{SAMPLING} {JUDGE}",
    ),
    needs={
        "questions.jsonl": "train questions of NQ, SimpleQA, HotpotQA, 2Wiki, MuSiQue and "
        "MultiHopRAG",
        "test.jsonl": "questions to evaluate on: data/ of RUCAIBox/SimpleDeepSearcher",
    },
    desk=Desk(
        search="searxng:{world}",
        settings={"read_pages": True, "condenser": "extractive"},
        preference="paper",
        departures=(
            "sentences are chosen by overlap, not by a model that reasons in documents",
            "preset desk in place of reference, whose lengths and share of distinct "
            "documents are those of a 32B model on the whole web",
            "the better run of a pair is the teacher's, not one of a large model that was "
            "fine-tuned",
            "a wrong run may be a pair's worse one though its form is right (rule paper, not "
            "paper_strict): a small model's runs are more often wrong than malformed",
        ),
    ),
)
