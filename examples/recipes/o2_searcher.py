"""O2-Searcher: open and closed questions, several queries a turn, learnings come back."""

from langgraph_deepsearch.recipes.recipe import (
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

RECIPE = Recipe(
    name="o2_searcher",
    system="O2-Searcher",
    paper="arXiv 2505.16582",
    repository="Acade-Mate/O2-Searcher 58af6ff",
    idea="One small model answers questions with one answer and questions with many "
    "findings; the rewards of the two are mixed in one training.",
    model="Qwen2.5-3B-Instruct",
    released=("Jianbiao/O2-Searcher-Qwen2.5-3B-GRPO",),
    questions=QuestionSource(
        data="closed questions and some 300 open ones with reference findings", known="data"
    ),
    dialect="o2_searcher",
    dialect_known="data",
    tools=Tools(
        search="http:http://127.0.0.1:8000/retrieve",
        engine="open: cached web pages in Meilisearch; closed: Search-R1's Wikipedia; 3 "
        "documents",
        condenser="learnings",
        summarizer="a model that notes at most 3 learnings",
    ),
    filters=Filters(
        rule="cold-start dialogues written by a larger model",
        preset="o2_searcher",
        known="data",
    ),
    reward_known="code",
    stages=(
        TrainingStage(
            name="sft",
            config=SftConfig(
                learning_rate=1e-5,
                epochs=2,
                batch_size=64,
                micro_batch_size=1,
                max_length=10_240,
                gradient_checkpointing=True,
                deepspeed="zero3",
            ),
            data="o2searcher/data/coldstart",
            note="the batch is ours",
            known="code",
        ),
        TrainingStage(
            name="rl",
            config=RlConfig(
                algorithm="grpo",
                reward="o2_searcher",
                learning_rate=1e-6,
                questions_per_step=32,
                rollouts=8,
                batch_size=256,
                micro_batch_size=1,
                steps=151,
                kl=0.001,
                max_length=16_384,
                lora_rank=64,
                gradient_checkpointing=True,
            ),
            data="closed questions by exact match, open ones by findings, form and queries "
            "(reward o2_searcher_open)",
            start="sft",
            note="one update a step, the weight of the divergence and the length are ours; "
            "the penalties for tags that the code computes are never applied there",
            known="code",
        ),
    ),
    results=(
        PaperResult(
            model="Qwen2.5-3B-Instruct",
            measure="EM",
            scores={"2Wiki": 37.4},
            source="a benchmark's index page",
            known="secondary",
        ),
        PaperResult(
            model="the released model, run by FlashRAG",
            measure="EM",
            scores={"NQ": 41.4, "TriviaQA": 51.4, "PopQA": 46.8},
            setting="local Wikipedia",
            source="README of RUC-NLPIR/FlashRAG",
            known="secondary",
        ),
        PaperResult(
            model="the released model, run by FlashRAG",
            measure="F1",
            scores={"HotpotQA": 43.4, "2Wiki": 48.6, "MuSiQue": 19.0, "Bamboogle": 47.6},
            setting="local Wikipedia",
            source="README of RUC-NLPIR/FlashRAG",
            known="secondary",
        ),
    ),
    unverified=("the authors' cached web pages are not released",),
    commands=(
        "deepsearch import coldstart.json --from o2_searcher --out coldstart.jsonl",
        "deepsearch curate coldstart.jsonl --out coldstart --preset o2_searcher",
        "deepsearch train sft coldstart/curated.jsonl --out sft --config sft.json "
        "--model models/Qwen2.5-3B-Instruct",
        "# in another terminal: "
        "deepsearch search serve --search dense:wiki-18.jsonl --port 8000",
        "deepsearch train rl questions.jsonl --out rl --config rl.json --model sft "
        "--dialect o2_searcher --search http:http://127.0.0.1:8000/retrieve "
        "--summarizer-model learner --summarizer-url http://127.0.0.1:8001/v1",
        "# in another terminal: deepsearch serve rl --name o2-searcher",
        "deepsearch evaluate test.jsonl --out evaluation --model o2-searcher "
        "--dialect o2_searcher --search http:http://127.0.0.1:8000/retrieve "
        "--summarizer-model learner --summarizer-url http://127.0.0.1:8001/v1",
    ),
    desk=Desk(
        search="corpus:{corpus}",
        settings={"condenser": "extractive"},
        departures=(
            "sentences are chosen by overlap, not noted by a model as learnings",
            "closed questions alone, one query a turn",
            "preset desk in place of o2_searcher: here gold answers say what is right",
        ),
    ),
)
