"""R1-Searcher++: know or search; searches are saved, and what they found is memorised."""

from langgraph_deepsearch.recipes.recipe import (
    EIGHT_DEVICES,
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
from langgraph_deepsearch.training.config import SftConfig
from langgraph_deepsearch.training.rl_config import RlConfig

FIGURE = "repository, assets/main_table.jpg"
SETTING = "KILT, bge-large-en-v1.5"

RECIPE = Recipe(
    name="r1_searcher_plus",
    system="R1-Searcher++",
    paper="arXiv 2505.17005",
    repository="RUCAIBox/R1-Searcher-plus 3040f25 (README and figures, no code)",
    idea="Each step is answered from the model's own knowledge or by a search; of the right "
    "rollouts those with the fewest searches earn more, and what was retrieved is rewritten "
    "as knowledge and memorised by a loss of its own.",
    model="Qwen2.5-7B-Instruct",
    questions=QuestionSource(
        data="HotpotQA and 2Wiki: 805 for fine-tuning, 8,142 for reinforcement",
        made_by="select --level medium --level hard",
        known="secondary",
    ),
    dialect="r1_searcher_plus",
    dialect_known="secondary",
    tools=Tools(
        search="http+queries:http://127.0.0.1:5004",
        engine="bge-large-en-v1.5 over KILT 2019, at most 8 searches",
        condenser="none",
        known="secondary",
    ),
    filters=Filters(
        rule="rejection sampling of right rollouts for the cold start",
        preset="r1_searcher_plus",
        known="secondary",
    ),
    reward_known="secondary",
    stages=(
        TrainingStage(
            name="sft",
            config=SftConfig(
                learning_rate=2e-5,
                epochs=6,
                batch_size=64,
                micro_batch_size=1,
                gradient_checkpointing=True,
                deepspeed="zero3",
            ),
            data="805 trajectories (720 HotpotQA, 85 2Wiki)",
            known="secondary",
        ),
        TrainingStage(
            name="rl",
            config=RlConfig(
                algorithm="reinforce_plus_plus",
                reward="r1_searcher_plus",
                learning_rate=2e-6,
                questions_per_step=64,
                rollouts=16,
                batch_size=1024,
                micro_batch_size=1,
                steps=127,
                kl=1e-4,
                lora_rank=64,
                gradient_checkpointing=True,
                rewriter_model="Qwen2.5-72B-Instruct",
                rewriter_url="http://127.0.0.1:8001/v1",
            ),
            data="8,142 questions (4,561 HotpotQA, 3,581 2Wiki)",
            start="sft",
            note="L = -J + mu L_M with mu 0.1; whether each step's right rollouts are "
            "rewritten in that step, as here, or before is not verified",
            known="secondary",
        ),
    ),
    results=(
        PaperResult(
            model="Qwen2.5-7B-Instruct",
            measure="judge",
            scores={
                "average": 55.2,
                "HotpotQA": 64.2,
                "2Wiki": 64.4,
                "Bamboogle": 59.2,
                "MuSiQue": 32.8,
            },
            setting=SETTING,
            source=FIGURE,
        ),
        PaperResult(
            model="Qwen2.5-7B-Instruct",
            measure="F1",
            scores={"HotpotQA": 59.0, "2Wiki": 61.2, "Bamboogle": 60.8, "MuSiQue": 33.8},
            setting=SETTING,
            source=f"{FIGURE}; its printed average, 45.3, is not the mean of these",
        ),
        PaperResult(
            model="Qwen2.5-7B-Instruct",
            measure="F1",
            scores={"Bamboogle": 77.5},
            setting="live web; judge 76.0",
            source="arXiv 2505.17005",
            known="secondary",
        ),
        PaperResult(
            model="Qwen2.5-7B-Instruct",
            measure="searches a question",
            scores={
                "average": 1.61,
                "HotpotQA": 1.44,
                "2Wiki": 1.18,
                "Bamboogle": 1.74,
                "MuSiQue": 2.06,
            },
            setting=SETTING,
            source=FIGURE,
        ),
    ),
    methods={
        "rewriter": "langgraph_deepsearch.curation.rewriter",
        "memorization loss": "langgraph_deepsearch.training.memorization",
        "group rule": "langgraph_deepsearch.training.rewards.fewest_searches",
    },
    unverified=(
        "the exact tags, the prompt, the rules of form, how the spread of searches is scaled",
        SAMPLING_UNKNOWN,
    ),
    commands=(
        "# in other terminals: deepsearch serve models/Qwen2.5-7B-Instruct --name qwen; "
        "deepsearch serve models/Qwen2.5-72B-Instruct --port 8001; "
        "deepsearch search serve --port 5004 --cache-dir index "
        '--search "dense:kilt.jsonl?model=models/bge-large-en-v1.5"',
        "deepsearch rollout questions.jsonl --out rollouts --rollouts 16 --model qwen "
        "--dialect r1_searcher_plus --search http+queries:http://127.0.0.1:5004",
        "deepsearch curate rollouts --out rollouts --preset r1_searcher_plus --most 805",
        "# stop qwen on port 8000: the trainings take its GPU",
        f"{EIGHT_DEVICES} train sft rollouts/curated.jsonl --out sft --config sft.json "
        "--model models/Qwen2.5-7B-Instruct",
        "# texts made before in place of each step's: deepsearch internalize rollouts "
        "--out rollouts --model Qwen2.5-72B-Instruct --base-url http://127.0.0.1:8001/v1; "
        "then set memorization in rl.json",
        "deepsearch train rl rl-questions.jsonl --out rl --config rl.json --model sft "
        "--dialect r1_searcher_plus --search http+queries:http://127.0.0.1:5004",
        "# in another terminal: deepsearch serve rl --name r1-searcher-plus",
        "deepsearch evaluate test.jsonl --out evaluation --model r1-searcher-plus "
        f"--dialect r1_searcher_plus --search http+queries:http://127.0.0.1:5004 {JUDGE}",
    ),
    needs={
        "kilt.jsonl": "a corpus: the passages of KILT's Wikipedia, 100 words each; encoded "
        "at the first start and kept in index/",
        "questions.jsonl": "questions of HotpotQA and 2Wiki for the cold start",
        "rl-questions.jsonl": "8,142 other ones (4,561 HotpotQA, 3,581 2Wiki); `deepsearch "
        "select` chooses by rollouts",
        "test.jsonl": "questions to evaluate on, of the sets under the paper's figures",
    },
    desk=Desk(
        departures=(
            "the teacher always searches: what it could know is in no model's weights, so "
            "nothing is recalled at first",
            "the rewriter is a program that tells the sentences of the documents that fit "
            "a search; the checks of what it writes are the real ones",
        ),
    ),
)
