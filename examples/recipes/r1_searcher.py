"""R1-Searcher: reinforcement alone teaches a model to ask a retriever."""

from langgraph_deepsearch.recipes.recipe import (
    JUDGE,
    Desk,
    Filters,
    PaperResult,
    QuestionSource,
    Recipe,
    Tools,
    TrainingStage,
)
from langgraph_deepsearch.training.rl_config import RlConfig

PAPER = "arXiv 2503.05592, main results"
RELEASED = "the 1,750 released rollouts, counted again; normalisation punctuation_to_space"
SETTING = "KILT (HotpotQA: its 2017 abstracts), bge-large-en-v1.5, 5 passages"

QWEN = RlConfig(
    algorithm="reinforce_plus_plus_baseline",
    reward="r1_searcher",
    learning_rate=2e-6,
    questions_per_step=64,
    rollouts=16,
    batch_size=256,
    micro_batch_size=1,
    steps=127,
    kl=0.0,
    max_length=29_000,
    lora_rank=64,
    gradient_checkpointing=True,
)
"""One stage, for Qwen2.5-7B: 8,148 questions in batches of 64, gone over once."""

LLAMA = RlConfig(
    **{
        **QWEN.to_json(),
        "curriculum": "r1_searcher",
        "reward": "r1_searcher_stage2",
        "kl": 1e-4,
        "steps": 133,
    }
)
"""Two stages, for Llama-3.1-8B-Instruct: searching is rewarded first, then the answer."""

RECIPE = Recipe(
    name="r1_searcher",
    system="R1-Searcher",
    paper="arXiv 2503.05592",
    repository="RUCAIBox/R1-Searcher 631167c",
    idea="REINFORCE++ from a base model; the reward is the answer's F1 with strict rules of "
    "form, and for Llama a first stage that rewards searching itself.",
    model="Qwen2.5-7B (one stage); Llama-3.1-8B-Instruct (two)",
    released=(
        "XXsongLALA/Qwen-2.5-7B-base-RAG-RL",
        "XXsongLALA/Llama-3.1-8B-instruct-RAG-RL",
    ),
    questions=QuestionSource(
        data="HotpotQA and 2Wiki by difficulty, 350 + 8,148",
        made_by="select --level medium --level hard",
        known="data",
    ),
    dialect="r1_searcher",
    dialect_known="data",
    tools=Tools(
        search="http+queries:http://127.0.0.1:5004",
        engine="bge-large-en-v1.5 over KILT, 3 passages in training, 5 in evaluation",
        condenser="none",
    ),
    filters=Filters(
        rule="questions by the rollouts until one is right: under 10 easy, to 20 medium",
        known="code",
    ),
    reward_known="code",
    stages=(
        TrainingStage(
            name="rl",
            config=QWEN,
            data="8,148 questions (XXsongLALA/RAG-RL-Hotpotqa-with-2wiki)",
            note="the paper trains all weights, here an adapter of rank 64",
            known="code",
        ),
        TrainingStage(
            name="rl_llama",
            config=LLAMA,
            data="350 questions for searching, whose `stage` is 1, then 8,148 for the answer "
            "(2), in one file",
            note="for Llama, from its own start; the code's second penalty is -1, the "
            "README's -2",
            known="code",
        ),
    ),
    results=(
        PaperResult(
            model="Qwen2.5-7B",
            measure="judge (gpt-4o-mini)",
            scores={"HotpotQA": 75.0, "2Wiki": 65.0, "Bamboogle": 54.4},
            setting=SETTING,
            source=RELEASED,
            known="data",
        ),
        PaperResult(
            model="Qwen2.5-7B",
            measure="F1",
            scores={"HotpotQA": 71.9, "2Wiki": 63.7, "Bamboogle": 57.7},
            setting=SETTING,
            source=RELEASED,
            known="data",
        ),
        PaperResult(
            model="Llama-3.1-8B-Instruct",
            measure="judge (gpt-4o-mini)",
            scores={"HotpotQA": 74.6, "Bamboogle": 54.4},
            setting=SETTING,
            source=RELEASED,
            known="data",
        ),
        PaperResult(
            model="Qwen2.5-7B",
            measure="judge (gpt-4o-mini)",
            scores={"MuSiQue": 31.4},
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="Llama-3.1-8B-Instruct",
            measure="judge (gpt-4o-mini)",
            scores={"2Wiki": 62.8, "MuSiQue": 28.2},
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="Qwen2.5-7B, on the web",
            measure="judge (gpt-4o-mini)",
            scores={"Bamboogle": 62.4},
            setting="Google within Wikipedia, 3 pages condensed by gpt-4o-mini",
            source=PAPER,
        ),
    ),
    unverified=("number of steps: the questions are gone over once here",),
    commands=(
        "# their retriever, or in another terminal: "
        "deepsearch search serve --port 5004 --cache-dir index "
        '--search "dense:kilt.jsonl?model=models/bge-large-en-v1.5"',
        "deepsearch train rl questions.jsonl --out rl --config rl.json "
        "--model models/Qwen2.5-7B --dialect r1_searcher "
        "--search http+queries:http://127.0.0.1:5004",
        """sed 's/^{/{"stage": 1, /' stage_1.jsonl > stages.jsonl""",
        """sed 's/^{/{"stage": 2, /' stage_2.jsonl >> stages.jsonl""",
        "deepsearch train rl stages.jsonl --out rl_llama --config rl_llama.json "
        "--model models/Llama-3.1-8B-Instruct --dialect r1_searcher:llama "
        "--search http+queries:http://127.0.0.1:5004",
        "# in another terminal: deepsearch serve rl --name r1-searcher",
        "deepsearch evaluate test.jsonl --out evaluation --model r1-searcher "
        "--dialect r1_searcher:evaluation --search http+queries:http://127.0.0.1:5004 "
        f"--set temperature=0 {JUDGE}",
        "# in its place: deepsearch serve rl_llama --name r1-searcher-llama",
        "deepsearch evaluate test.jsonl --out evaluation-llama --model r1-searcher-llama "
        "--dialect r1_searcher:llama --search http+queries:http://127.0.0.1:5004 "
        f"--set temperature=0 --set top_k=5 --set max_turns=9 {JUDGE}",
    ),
    needs={
        "kilt.jsonl": "a corpus: the passages of KILT's Wikipedia, 100 words each; encoded "
        "at the first start and kept in index/",
        "questions.jsonl": "8,148 questions (XXsongLALA/RAG-RL-Hotpotqa-with-2wiki)",
        "stage_1.jsonl": "350 questions (the same data set), one JSON object a line",
        "stage_2.jsonl": "questions.jsonl again, one JSON object a line",
        "test.jsonl": "questions to evaluate on: the eval_set of RUCAIBox/R1-Searcher",
    },
    desk=Desk(
        warm_start=True,
        departures=(
            "a fine-tuning on the teacher's runs goes first",
            "both stages begin with it and speak the dialect of Qwen",
            "for Llama too, searching and answering are learned on the same questions",
        ),
    ),
)
