"""ZeroSearch: a language model plays the search engine, and misleads more and more."""

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

PAPER = "arXiv 2505.04588, main results"
SETTING = "Google at test, 5 results"
SIMULATOR = replace(load_config("sft_paper_7b"), epochs=2, max_length=4096)
"""Settings of the simulator's own fine-tuning, all ours: none were published. A row is one
prompt and a few short documents."""

MEASURE = "EM (a gold answer inside the prediction counts, in the code)"

RECIPE = Recipe(
    name="zero_search",
    system="ZeroSearch",
    paper="arXiv 2505.04588",
    repository="Alibaba-NLP/ZeroSearch 2d4cdca",
    idea="In training no search engine is asked: a model writes the documents, useful or "
    "noisy, and the share of noise grows with the step. At test the policy meets Google.",
    model="Qwen2.5-7B and 3B, Llama-3.2-3B, base and instruct",
    released=(
        "Alibaba-NLP/ZeroSearch_google_V2_Qwen2.5_7B and others",
        "simulators: Simulation_LLM_google_14B_V2 and others",
    ),
    questions=QuestionSource(data="NQ and HotpotQA (sunhaonlp/ZeroSearch_dataset)"),
    dialect="zero_search",
    dialect_known="code",
    tools=Tools(
        search="simulated:http://127.0.0.1:6001/v1",
        engine="a simulator of 3B to 14B, prompted or fine-tuned; Google or Wikipedia at test",
        condenser="none",
    ),
    filters=Filters(
        rule="for the simulator's own fine-tuning: documents of right runs are useful, of "
        "wrong runs noisy; that searches of both kinds are left out is ours",
        known="secondary",
    ),
    reward_known="code",
    stages=(
        TrainingStage(
            name="rl",
            config=RlConfig(
                algorithm="grpo",
                reward="zero_search",
                curriculum="zero_search",
                learning_rate=1e-6,
                questions_per_step=64,
                rollouts=5,
                batch_size=320,
                micro_batch_size=1,
                steps=203,
                kl=0.001,
                max_length=8192,
                lora_rank=64,
                gradient_checkpointing=True,
            ),
            data="NQ and HotpotQA, 203 steps",
            note="REINFORCE, GRPO or PPO there; the weight of the divergence is that of "
            "Search-R1, whose fork it is, and not verified",
            known="code",
        ),
    ),
    results=(
        PaperResult(
            model="Qwen2.5-7B",
            measure=MEASURE,
            scores={
                "average of 7": 40.93,
                "NQ": 42.4,
                "TriviaQA": 66.4,
                "PopQA": 60.4,
                "HotpotQA": 32.0,
                "2Wiki": 34.0,
                "MuSiQue": 18.0,
                "Bamboogle": 33.33,
            },
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="Qwen2.5-7B-Instruct",
            measure=MEASURE,
            scores={"average of 7": 39.08},
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="Qwen2.5-3B",
            measure=MEASURE,
            scores={"average of 7": 34.47},
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="Qwen2.5-3B-Instruct",
            measure=MEASURE,
            scores={"average of 7": 31.70},
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="Llama-3.2-3B",
            measure=MEASURE,
            scores={"average of 7": 36.07},
            setting=SETTING,
            source=PAPER,
        ),
        PaperResult(
            model="Qwen2.5-3B by its simulator",
            measure=MEASURE,
            scores={
                "prompted 14B": 31.50,
                "tuned 3B": 30.47,
                "tuned 7B": 33.53,
                "tuned 14B": 34.47,
                "Google": 32.81,
            },
            setting="average of 7",
            source=PAPER,
        ),
    ),
    methods={
        "simulator's rows": "langgraph_deepsearch.curation.simulator_tuning",
        "simulated search": "langgraph_deepsearch.tools.simulated",
        "noise curve": "langgraph_deepsearch.tools.noise",
    },
    unverified=(
        "what the simulators were fine-tuned on, beyond the released data sets",
        "the settings of that fine-tuning: simulator.json is ours",
        SAMPLING_UNKNOWN,
    ),
    commands=(
        "# in another terminal: deepsearch serve models/Qwen2.5-7B-Instruct --name prompted",
        "deepsearch rollout questions.jsonl --out real --rollouts 4 --model prompted "
        "--dialect zero_search --search serper",
        "deepsearch search rows real --out simulator.jsonl",
        "# stop prompted on port 8000: the training takes its GPU",
        f"{EIGHT_DEVICES} train sft simulator.jsonl --out simulator "
        "--config simulator.json --model models/Qwen2.5-14B-Instruct",
        "# in another terminal: deepsearch serve simulator --port 6001",
        "deepsearch train rl questions.jsonl --out rl --config rl.json "
        "--model models/Qwen2.5-7B --dialect zero_search "
        "--search simulated:http://127.0.0.1:6001/v1",
        "# in another terminal: deepsearch serve rl --name zero-search",
        "deepsearch evaluate test.jsonl --out evaluation --model zero-search "
        "--dialect zero_search --search serper",
    ),
    needs={
        "questions.jsonl": "train questions of NQ and HotpotQA (sunhaonlp/ZeroSearch_dataset)",
        "test.jsonl": "questions to evaluate on, of the sets under the paper's figures",
    },
    files={"simulator.json": SIMULATOR.to_json()},
    desk=Desk(
        warm_start=True,
        search="simulated:{simulator}",
        departures=(
            "a fine-tuning on the teacher's runs goes first",
            "the simulator is a program that writes what an index of the world finds, or "
            "what stands below it when it is to be noisy; so it cannot be fine-tuned",
            "the held-out questions are asked of the simulator too, without noise",
        ),
    ),
)
