"""O2-Searcher: open and closed questions, several queries a turn."""

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
        data="1,200 closed questions, and open ones with reference findings",
        known="data",
    ),
    dialect="o2_searcher",
    dialect_known="code",
    tools=Tools(
        search="http:http://127.0.0.1:8000/retrieve",
        engine="open: cached web pages in Meilisearch; closed: Search-R1's Wikipedia; 3 "
        "documents",
        condenser="none",
        open_ended_condenser="learnings",
        summarizer="for open questions a model that notes at most 3 learnings",
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
            config=load_config("sft_o2_searcher"),
            data="o2searcher/data/coldstart",
            desk_questions="mixed",
            note="the batch is ours",
            known="code",
        ),
        TrainingStage(
            name="rl",
            config=load_config("rl_o2_searcher", RlConfig),
            data="1,200 closed questions by exact match, each open one four times by "
            "findings, form and queries",
            desk_questions="mixed",
            start="sft",
            note="one update a step and the length are ours; the penalties for tags that "
            "the code computes are never applied there",
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
    methods={
        "open-ended questions": "langgraph_deepsearch.evals.open_ended",
        "findings": "langgraph_deepsearch.evals.findings",
        "query diversity": "langgraph_deepsearch.evals.query_diversity",
    },
    unverified=(
        "the authors' cached web pages are not released",
        SAMPLING_UNKNOWN,
    ),
    commands=(
        "deepsearch import coldstart.json --from o2_searcher --out coldstart.jsonl",
        "deepsearch curate coldstart.jsonl --out coldstart --preset o2_searcher",
        f"{EIGHT_DEVICES} train sft coldstart/curated.jsonl --out sft --config sft.json "
        "--model models/Qwen2.5-3B-Instruct",
        "# in other terminals: "
        "deepsearch search serve --port 8000 --cache-dir index "
        '--search "dense:wiki-18.jsonl?model=models/e5-base-v2"; '
        "deepsearch serve models/Qwen2.5-72B-Instruct --name learner --port 8001",
        "deepsearch train rl mixed.jsonl --out rl --config rl.json --model sft "
        "--dialect o2_searcher --search http:http://127.0.0.1:8000/retrieve "
        "--summarizer-model learner --summarizer-url http://127.0.0.1:8001/v1",
        "# in another terminal: deepsearch serve rl --name o2-searcher --port 8002",
        "deepsearch evaluate test.jsonl openended/test_gt.json --out evaluation "
        "--model o2-searcher --base-url http://127.0.0.1:8002/v1 "
        "--dialect o2_searcher --search http:http://127.0.0.1:8000/retrieve "
        "--summarizer-model learner --summarizer-url http://127.0.0.1:8001/v1",
    ),
    needs={
        "coldstart.json": "o2searcher/data/coldstart/train.json of Acade-Mate/O2-Searcher",
        "wiki-18.jsonl": "a corpus: Search-R1's passages of Wikipedia 2018 (PeterJinGo/wiki-18-"
        "corpus); encoded at the first start and kept in index/",
        "mixed.jsonl": "the closed questions, and each open-ended one (`kind` open_ended, its "
        "findings as `answer`) four times, with an `id` of its own each",
        "test.jsonl": "closed questions to evaluate on, of the sets under the figures",
        "openended/test_gt.json": "open-ended ones: o2searcher/data/openended/test_gt.json",
    },
    desk=Desk(
        search="corpus:{corpus}",
        without=("exact_match", "supported_answer"),
        settings={"condenser": "extractive"},
        departures=(
            "sentences are chosen by overlap: no whole documents, no learnings of a model",
            "one query a turn; findings are facts of the world",
            "preset desk in place of o2_searcher: here gold answers say what is right; a "
            "list of findings equals no gold answer and stands in no single result, so two "
            "filters are left out",
        ),
    ),
)
