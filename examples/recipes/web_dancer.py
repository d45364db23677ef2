"""WebDancer: ReAct with search and visit, from crawled questions to DAPO with a judge."""

from langgraph_deepsearch.recipes.recipe import (
    EIGHT_DEVICES,
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

PAPER = "arXiv 2505.22648, main results"
SETTING = "Google, judged by Qwen-72B"

RECIPE = Recipe(
    name="web_dancer",
    system="WebDancer",
    paper="arXiv 2505.22648",
    repository="Alibaba-NLP/DeepResearch f72f75d, WebAgent/WebDancer (no training code)",
    idea="Questions are made from crawled pages and from easy questions; trajectories with "
    "short thoughts by a chat model and long ones by a reasoning model pass a funnel; "
    "fine-tuning, then DAPO with a judge.",
    model="QwQ-32B, Qwen2.5-32B and 7B",
    released=("Alibaba-NLP/WebDancer-32B",),
    questions=QuestionSource(
        data="CrawlQA 60,000 and E2HQA 40,000",
        made_by="questions synthesize --method crawlqa, --method e2hqa",
    ),
    dialect="web_dancer",
    dialect_known="data",
    tools=Tools(
        search="serper",
        engine="Google by Serper, at most 3 queries a call; pages by Jina",
        condenser="none",
        page_condenser="goal_extractor",
        summarizer="Qwen2.5-72B",
    ),
    filters=Filters(
        rule="validity, correctness, quality (repeated n-grams)",
        preset="web_dancer_funnel",
    ),
    reward_known="paper",
    stages=(
        TrainingStage(
            name="sft",
            config=SftConfig(
                learning_rate=1e-5,
                epochs=3,
                batch_size=64,
                micro_batch_size=1,
                max_length=32_768,
                gradient_checkpointing=True,
                deepspeed="zero3_offload",
            ),
            data="7,678 trajectories with short and 6,550 with long chains of thought",
            note="learning rate, epochs, batch and length are ours",
            numbers="ours",
        ),
        TrainingStage(
            name="rl",
            config=RlConfig(
                algorithm="dapo",
                reward="web_dancer",
                learning_rate=1e-6,
                questions_per_step=64,
                rollouts=16,
                batch_size=1024,
                micro_batch_size=1,
                steps=78,
                max_length=32_768,
                lora_rank=64,
                gradient_checkpointing=True,
                judge_model="Qwen2.5-72B-Instruct",
                judge_url="http://127.0.0.1:8001/v1",
            ),
            data="some 5,000 questions",
            start="sft",
            note="DAPO, 16 rollouts and the reward are the paper's, the rest is ours",
            numbers="ours",
        ),
    ),
    results=(
        PaperResult(
            model="QwQ-32B",
            measure="pass@1, judge",
            scores={
                "GAIA": 51.5,
                "GAIA level 1": 61.5,
                "GAIA level 2": 50.0,
                "GAIA level 3": 25.0,
                "WebWalkerQA": 47.9,
            },
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="Qwen2.5-32B",
            measure="pass@1, judge",
            scores={"GAIA": 40.7, "WebWalkerQA": 38.4},
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="Qwen2.5-7B",
            measure="pass@1, judge",
            scores={"GAIA": 31.0, "WebWalkerQA": 36.0},
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="QwQ-32B",
            measure="pass@1, judge",
            scores={"BrowseComp": 3.8, "BrowseComp-ZH": 18.0},
            setting=SETTING,
            source=PAPER,
        ),
    ),
    methods={
        "CrawlQA": "langgraph_deepsearch.curation.synthesis.crawl_qa",
        "E2HQA": "langgraph_deepsearch.curation.synthesis.e2hqa",
        "long chains of thought (keep_thoughts)": "langgraph_deepsearch.nodes.thoughts",
    },
    unverified=("the settings of its trainings: no code was published",),
    commands=(
        "deepsearch questions synthesize https://en.wikipedia.org/wiki/Main_Page "
        "--out crawlqa --method crawlqa --hops 3 --count 60000 "
        "--crawl-limit 60000 --model openai:gpt-4o",
        "deepsearch questions synthesize wikipedia.jsonl --out e2hqa --method e2hqa "
        "--questions simpleqa.jsonl --hops 3 --count 40000 --model openai:gpt-4o",
        "# in other terminals: deepsearch serve models/QwQ-32B --name QwQ-32B; "
        "deepsearch serve models/Qwen2.5-72B-Instruct --port 8001",
        "deepsearch rollout crawlqa/synthesized.jsonl --out short --rollouts 4 "
        "--model openai:gpt-4o --dialect web_dancer --search serper "
        "--summarizer-model Qwen2.5-72B-Instruct "
        "--summarizer-url http://127.0.0.1:8001/v1",
        "deepsearch rollout crawlqa/synthesized.jsonl --out long --rollouts 4 "
        "--model QwQ-32B --dialect web_dancer --set keep_thoughts=false --search serper "
        "--summarizer-model Qwen2.5-72B-Instruct "
        "--summarizer-url http://127.0.0.1:8001/v1",
        "deepsearch curate short long --out curated --preset web_dancer_funnel",
        "# stop QwQ-32B on port 8000: the training takes its GPUs",
        f"{EIGHT_DEVICES} train sft curated/curated.jsonl --out sft --config sft.json "
        "--model models/QwQ-32B",
        "deepsearch train rl e2hqa/synthesized.jsonl --out rl --config rl.json --model sft "
        "--dialect web_dancer --search serper "
        "--summarizer-model Qwen2.5-72B-Instruct "
        "--summarizer-url http://127.0.0.1:8001/v1",
        "# in another terminal: deepsearch serve rl --name web-dancer",
        "deepsearch evaluate test.jsonl --out evaluation --model web-dancer "
        "--dialect web_dancer --search serper "
        "--summarizer-model Qwen2.5-72B-Instruct "
        "--summarizer-url http://127.0.0.1:8001/v1 "
        "--judge-model Qwen2.5-72B-Instruct --judge-url http://127.0.0.1:8001/v1 "
        "--set temperature=0.6 --set top_p=0.95 --set repetition_penalty=1.1",
    ),
    needs={
        "wikipedia.jsonl": "a corpus: pages of Wikipedia, from which E2HQA makes questions hard",
        "simpleqa.jsonl": "easy questions, such as those of SimpleQA; one is made of each, so the "
        "paper's 40,000 take as many",
        "test.jsonl": "questions to evaluate on, of the sets under the paper's figures",
    },
    desk=Desk(
        search="searxng:{world}",
        preset="desk",
        settings={"page_condenser": "extractive", "max_turns": 14},
        departures=(
            "the world's questions in place of crawled ones",
            "one teacher, so no short and long thoughts",
            "sentences of a page are chosen by overlap, not extracted for a goal by a model",
            "the judge is a program that compares with the accepted answers",
        ),
    ),
)
