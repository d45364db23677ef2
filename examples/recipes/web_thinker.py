"""WebThinker: an explorer follows links behind every search; preferences train it."""

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
from langgraph_deepsearch.training.dpo_config import DpoConfig

PAPER = "arXiv 2504.21776, main results"
SETTING = "Bing, judged by Qwen2.5-72B"

RECIPE = Recipe(
    name="web_thinker",
    system="WebThinker",
    paper="arXiv 2504.21776",
    repository="RUC-NLPIR/WebThinker 2d6546f (no training code)",
    idea="A search starts an explorer that searches and clicks by itself and reports what it "
    "found; a report mode writes, checks and edits sections. Trained by iterative online "
    "DPO: right over wrong, then fewer calls, then shorter.",
    model="QwQ-32B; R1-Distill-Qwen-7B, -14B and -32B",
    released=(
        "lixiaoxi45/WebThinker-QwQ-32B",
        "lixiaoxi45/WebThinker-R1-7B",
        "lixiaoxi45/WebThinker-R1-14B",
        "lixiaoxi45/WebThinker-R1-32B",
    ),
    questions=QuestionSource(data="some 3,000 hard reasoning and report tasks"),
    dialect="web_thinker",
    dialect_known="code",
    tools=Tools(
        search="serper",
        engine="Bing or Serper, 10 results; pages by Crawl4AI or Jina",
        condenser="explorer",
        summarizer="Qwen2.5-32B-Instruct reads pages; the reasoning model explores",
    ),
    filters=Filters(
        rule="pairs: right over wrong; of two right runs the one with fewer calls; at equal "
        "calls the shorter",
        preference="web_thinker",
    ),
    stages=(
        TrainingStage(
            name="dpo",
            config=DpoConfig(
                max_length=32_768,
                batch_size=64,
                micro_batch_size=1,
                gradient_checkpointing=True,
                deepspeed="zero3_offload",
            ),
            data="pairs of the model's own runs, made anew each round",
            rounds=2,
            note="two rounds of 32,768 tokens are the paper's; learning rate, beta, batch and "
            "the ratio of lengths (1.5, there only above 1) are ours. The smaller models are "
            "fine-tuned on 7,800 trajectories of the large one first",
            numbers="ours",
        ),
    ),
    results=(
        PaperResult(
            model="QwQ-32B after DPO",
            measure="pass@1, judge",
            scores={
                "GPQA diamond": 70.7,
                "GAIA (103)": 48.5,
                "WebWalkerQA": 46.5,
                "HLE (500)": 15.8,
            },
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="QwQ-32B before",
            measure="pass@1, judge",
            scores={
                "GPQA diamond": 68.7,
                "GAIA (103)": 44.7,
                "WebWalkerQA": 41.9,
                "HLE (500)": 13.0,
            },
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="QwQ-32B after offline DPO",
            measure="pass@1, judge",
            scores={
                "GPQA diamond": 69.2,
                "GAIA (103)": 45.6,
                "WebWalkerQA": 44.0,
                "HLE (500)": 14.2,
            },
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="QwQ-32B after DPO",
            measure="report score of 10",
            scores={"Glaive": 8.1},
            setting="before: 8.0",
            source=PAPER,
        ),
    ),
    methods={
        "explorer": "langgraph_deepsearch.nodes.condensers.explorer",
        "report mode": "langgraph_deepsearch.graph.report",
    },
    unverified=(
        "the settings of its training: no code was published",
        SAMPLING_UNKNOWN,
    ),
    commands=(
        "# in other terminals: deepsearch serve models/QwQ-32B --name policy; "
        "deepsearch serve models/Qwen2.5-32B-Instruct --name reader --port 8001",
        "deepsearch rollout tasks.jsonl --out runs-1 --rollouts 8 --model policy "
        "--dialect web_thinker --search serper "
        "--summarizer-model reader --summarizer-url http://127.0.0.1:8001/v1",
        "deepsearch pairs runs-1 --out pairs-1 --rule web_thinker",
        "# stop policy on port 8000: the training takes its GPUs",
        f"{EIGHT_DEVICES} train dpo pairs-1 --out dpo-1 --config dpo.json --model models/QwQ-32B",
        "# in place of policy: deepsearch serve dpo-1 --name policy-1",
        "deepsearch rollout tasks.jsonl --out runs-2 --rollouts 8 --model policy-1 "
        "--dialect web_thinker --search serper "
        "--summarizer-model reader --summarizer-url http://127.0.0.1:8001/v1",
        "deepsearch pairs runs-2 --out pairs-2 --rule web_thinker",
        "# stop policy-1 on port 8000: the training takes its GPUs",
        f"{EIGHT_DEVICES} train dpo pairs-2 --out dpo-2 --config dpo.json --model dpo-1",
        "# in another terminal and in place of policy-1: "
        "deepsearch serve models/Qwen2.5-72B-Instruct --name judge --port 8002; "
        "deepsearch serve dpo-2 --name policy-2",
        "deepsearch evaluate test.jsonl --out evaluation --model policy-2 "
        "--dialect web_thinker --search serper "
        "--summarizer-model reader --summarizer-url http://127.0.0.1:8001/v1 "
        "--judge-model judge --judge-url http://127.0.0.1:8002/v1",
        "deepsearch report 'What is known of the Nazca lines?' --out report.md "
        "--model policy-2 --search serper "
        "--summarizer-model reader --summarizer-url http://127.0.0.1:8001/v1 "
        "--writer-model reader --writer-url http://127.0.0.1:8001/v1",
    ),
    needs={
        "tasks.jsonl": "hard questions to train on, some 3,000 there; none were published",
        "test.jsonl": "questions to evaluate on: data/ of RUC-NLPIR/WebThinker",
    },
    desk=Desk(
        warm_start=True,
        search="searxng:{world}",
        settings={"read_pages": True, "condenser": "extractive"},
        departures=(
            "a fine-tuning on the teacher's runs goes first, as for the smaller models",
            "no explorer: pages are read and sentences chosen by overlap, since a model of "
            "135 million parameters cannot act as an agent inside another",
            "the better run of a pair may be the teacher's",
        ),
    ),
)
