"""DeepResearcher: GRPO on the live web, with a reading agent behind every page."""

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

PAPER = "arXiv 2504.03160, main results"
SETTING = "live web, 512 questions a set"
SETS = ("NQ", "TriviaQA", "HotpotQA", "2Wiki", "MuSiQue", "Bamboogle", "PopQA")

RECIPE = Recipe(
    name="deep_researcher",
    system="DeepResearcher",
    paper="arXiv 2504.03160",
    repository="GAIR-NLP/DeepResearcher c93be8f",
    idea="Reinforcement in the real web: searches give titles and summaries, pages are read "
    "by an agent of their own, page by page.",
    model="Qwen2.5-7B-Instruct",
    released=("GAIR/DeepResearcher-7b",),
    questions=QuestionSource(
        data="NQ, TriviaQA, HotpotQA, 2Wiki at 1:1:3:3, 80,000 after two filters",
        made_by="questions filter",
        known="paper",
    ),
    dialect="deep_researcher",
    dialect_known="code",
    tools=Tools(
        search="serper",
        engine="Google by Serper or Bing, 10 results, kept seven days",
        condenser="none",
        page_condenser="paging_reader",
        summarizer="qwen-plus",
    ),
    filters=Filters(
        rule="questions: no low quality (judged by DeepSeek-R1), none that the model "
        "answers from memory in ten tries"
    ),
    reward_known="code",
    stages=(
        TrainingStage(
            name="rl",
            config=RlConfig(
                algorithm="grpo",
                reward="deep_researcher",
                learning_rate=1e-6,
                questions_per_step=256,
                rollouts=16,
                batch_size=4096,
                micro_batch_size=1,
                steps=312,
                kl=0.001,
                max_length=32_768,
                lora_rank=64,
                gradient_checkpointing=True,
            ),
            data="80,000 questions, gone over once",
            note="one update a step is ours; 30,767 tokens of prompt and 2,000 a turn there",
            known="code",
        ),
    ),
    results=(
        PaperResult(
            model="Qwen2.5-7B-Instruct",
            measure="F1 over sets of words",
            scores=dict(zip(SETS, (39.6, 78.4, 52.8, 59.7, 27.1, 71.0, 48.5), strict=True)),
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="Qwen2.5-7B-Instruct",
            measure="judge",
            scores=dict(zip(SETS, (61.9, 85.0, 64.3, 66.6, 29.3, 72.8, 52.7), strict=True)),
            setting=SETTING,
            source=PAPER,
        ),
    ),
    unverified=(
        "the white space before the answer's tags",
        SAMPLING_UNKNOWN,
    ),
    commands=(
        "deepsearch questions filter questions.jsonl --out fit --tries 0 "
        "--model deepseek:deepseek-reasoner",
        "# in other terminals, the second for qwen-plus: "
        "deepsearch serve models/Qwen2.5-7B-Instruct --name policy; "
        "deepsearch serve models/Qwen2.5-72B-Instruct --name reader --port 8001",
        "deepsearch questions filter fit/filtered.jsonl --out filtered --tries 10 "
        "--no-flags --model policy",
        "# stop policy on port 8000: the training takes its GPU",
        "deepsearch train rl filtered/filtered.jsonl --out rl --config rl.json "
        "--model models/Qwen2.5-7B-Instruct --dialect deep_researcher --search serper "
        "--summarizer-model reader --summarizer-url http://127.0.0.1:8001/v1",
        "# in its place: deepsearch serve rl --name deep-researcher",
        "deepsearch evaluate test.jsonl --out evaluation --model deep-researcher "
        f"--dialect deep_researcher --search serper {JUDGE} "
        "--summarizer-model reader --summarizer-url http://127.0.0.1:8001/v1",
    ),
    needs={
        "questions.jsonl": "train questions of NQ, TriviaQA, HotpotQA and 2Wiki, 1:1:3:3",
        "test.jsonl": "questions to evaluate on: data/test.parquet of GAIR-NLP/DeepResearcher, "
        "as JSON Lines",
    },
    desk=Desk(
        warm_start=True,
        search="searxng:{world}",
        settings={"page_condenser": "extractive", "max_turns": 14},
        departures=(
            "a fine-tuning on the teacher's runs goes first",
            "sentences of a page are chosen by overlap, not by a reading agent",
        ),
    ),
)
