"""Search-o1: a reasoning model searches inside its thought; nothing is trained."""

from langgraph_deepsearch.recipes.recipe import (
    Desk,
    Filters,
    PaperResult,
    QuestionSource,
    Recipe,
    Tools,
)

BING = "QwQ-32B-Preview, Bing, 10 documents"
PAPER = "arXiv 2501.05366, main results"

SAMPLING = (
    "--search serper --set temperature=0.7 --set top_p=0.8 --set sampling_top_k=20 "
    "--set repetition_penalty=1.05"
)
"""Search, and QwQ's sampling (scripts/run_search_o1.py:388-394)."""

RECIPE = Recipe(
    name="search_o1",
    system="Search-o1",
    paper="arXiv 2501.05366",
    repository="sunnynexus/Search-o1 6ced48f",
    idea="Queries stand inside the thought; a second pass of the same model reasons in the "
    "documents, so that only what matters reaches the thought (Reason-in-Documents).",
    model="QwQ-32B-Preview as it is, or any reasoning model",
    questions=QuestionSource(data="none: nothing is trained", known="none"),
    dialect="search_o1",
    dialect_known="code",
    tools=Tools(
        search="serper",
        engine="Bing, 10 results, pages read; Bing's API was retired, Serper takes its place",
        condenser="reason_in_documents",
        summarizer="the reasoning model itself",
    ),
    filters=Filters(rule="none: nothing is trained", known="none"),
    results=(
        PaperResult(
            model="QwQ-32B-Preview",
            measure="pass@1",
            scores={
                "GPQA diamond": 63.6,
                "GPQA extended": 57.9,
                "MATH500": 86.4,
                "AMC23": 85.0,
                "AIME24": 56.7,
                "LiveCodeBench": 33.0,
            },
            setting=BING,
            source=PAPER,
        ),
        PaperResult(
            model="QwQ-32B-Preview",
            measure="EM",
            scores={
                "NQ": 34.0,
                "TriviaQA": 63.4,
                "HotpotQA": 45.2,
                "2Wiki": 58.0,
                "MuSiQue": 16.6,
                "Bamboogle": 56.0,
            },
            setting=BING,
            source=PAPER,
        ),
        PaperResult(
            model="QwQ-32B-Preview",
            measure="F1",
            scores={
                "NQ": 49.7,
                "TriviaQA": 74.1,
                "HotpotQA": 57.3,
                "2Wiki": 71.4,
                "MuSiQue": 28.2,
                "Bamboogle": 67.8,
            },
            setting=BING,
            source=PAPER,
        ),
    ),
    unverified=("how much the figures change with Serper in Bing's place",),
    commands=(
        "# in another terminal: deepsearch serve models/QwQ-32B-Preview --engine vllm",
        "# --set prompt_file=FILE puts the original's prompt of a task in the place of ours",
        f"deepsearch evaluate multi_hop.jsonl --out evaluation --dialect search_o1 {SAMPLING}",
        "deepsearch evaluate single_hop.jsonl --out evaluation-single-hop "
        f"--dialect search_o1:single_hop {SAMPLING}",
        "deepsearch evaluate reasoning.jsonl --out evaluation-reasoning --dialect search_o1 "
        f"{SAMPLING}",
        "deepsearch evaluate contests.jsonl --out evaluation-contests --dialect search_o1 "
        f"{SAMPLING} --set max_turn_tokens=32768",
    ),
    needs={
        "multi_hop.jsonl": "questions of HotpotQA, 2Wiki, MuSiQue and Bamboogle",
        "single_hop.jsonl": "questions of NQ and TriviaQA: 5 searches are allowed",
        "reasoning.jsonl": "questions of GPQA and MATH500",
        "contests.jsonl": "questions of AMC23 and AIME24: 32,768 tokens are allowed. "
        "LiveCodeBench needs its own tests of the code, which are not here",
    },
    desk=Desk(
        search="searxng:{world}",
        settings={"read_pages": True, "condenser": "extractive"},
        departures=(
            "the teacher answers in the place of a reasoning model: its column is the result",
            "sentences are chosen by overlap, not by a model that reasons in documents",
        ),
    ),
)
