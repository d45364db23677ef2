"""`deepsearch ask --dialect NAME` against a real server: every byte the model reads.

The transcripts are written out from what is published of each system; nothing here is
rendered by the code under test but the instruction, which is in our own words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fake_openai import encode

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.trace import read_traces

QUESTION = "What is the capital of Peru?"
CORPUS = (
    {"id": "a", "title": "Peru", "text": "A country; its capital lies on the coast."},
    {"id": "b", "title": "Lima", "text": 'A town called "City of Kings".'},
)
USER = "<|im_start|>user\n"
TO_ASSISTANT = "<|im_end|>\n<|im_start|>assistant\n"


@dataclass
class Case:
    """What the model writes and what it is given, in turns."""

    name: str
    turns: list[tuple[str, str]]
    """(what the model writes, what is inserted after it)."""
    final: str
    forced: str
    """The rest of a forced answer."""
    opening: str = ""
    """What the assistant's text begins with before the model writes."""
    notes: list[str] = field(default_factory=list)
    """What the document reader says of each search, where the dialect has one."""
    plain: bool = False


SPECIAL = [
    (
        "I look. <|begin_search_query|>Peru<|end_search_query|>",
        "\n\n<|begin_search_result|>On the coast.<|end_search_result|>\n\n",
    ),
    (
        "More. <|begin_search_query|>Lima<|end_search_query|>",
        "\n\n<|begin_search_result|>City of Kings.<|end_search_result|>\n\n",
    ),
]
NOTES = [
    "**Final Information**\n\nOn the coast.",
    "\n**Final Information**\nCity of Kings.",
]
PASSAGES = (
    "\n(1)Title: Peru Text:  A country; its capital lies on the coast.\n",
    '\n(1)"Title: Lima Text:  A town called ""City of Kings""."\n',
)
R1 = [
    (
        f"I need {query}. <|begin_of_query|> {query}<|end_of_query|>",
        f"\n\n<|begin_of_documents|>{found}<|end_of_documents|>\n\n",
    )
    for query, found in zip(("Peru", "Lima"), PASSAGES, strict=True)
]
SEARCH = [
    f"<think>I need {query}.</think>\n<search> {query} </search>"
    for query in ("Peru", "Lima")
]
LINES = (
    'Doc 1(Title: "Peru") A country; its capital lies on the coast.',
    'Doc 1(Title: "Lima") A town called "City of Kings".',
)
CONTENTS = (
    '"Peru"\nA country; its capital lies on the coast.',
    '"Lima"\nA town called "City of Kings".',
)
JSON_SEARCH = (
    '<think>Both.</think>\n<search> [{"query":"Peru","intent":1}, '
    '{"query":"Lima","intent":1}] </search>'
)
BOTH = (
    "Peru\nA country; its capital lies on the coast.\n\n"
    'Lima\nA town called "City of Kings".'
)
ANSWER = "<think>It is Lima.</think>\n<answer> Lima </answer>"

CASES = [
    Case(
        "simple_deep_searcher", SPECIAL, "So</think>\n\n\\boxed{Lima}", "Lima}", notes=NOTES
    ),
    Case("search_o1", SPECIAL, "So it is \\boxed{Lima}", "Lima}", notes=NOTES),
    Case("search_o1:single_hop", SPECIAL, "It is \\boxed{Lima}", "Lima}", notes=NOTES),
    Case(
        "r1_searcher",
        R1,
        "It is Lima.</think>\n\n <answer> Lima </answer>",
        " Lima </answer>",
        opening="<think>",
        plain=True,
    ),
    Case(
        "r1_searcher:evaluation",
        R1,
        "It is Lima.</think>\n\n <answer> Lima </answer>",
        "Lima</answer>",
        opening="<think>",
        plain=True,
    ),
    Case(
        "r1_searcher:llama",
        R1,
        "It is Lima.</think>\n\n<answer>Lima</answer>",
        "Lima</answer>",
        opening="<think>",
    ),
    Case(
        "r1_searcher:online",
        [
            (
                "I need <|begin_of_query|> Peru<|end_of_query|>",
                "\n\n<|begin_of_documents|>\nOn the coast.<|end_of_documents|>\n\n",
            ),
        ],
        "</think>\n\n<answer> Lima </answer>",
        "Lima</answer>",
        opening="<think>",
        notes=NOTES[:1],
    ),
    Case(
        "r1_searcher_plus",
        [
            ("<internal>Peru has a capital.</internal>", ""),
            (
                " Which? <external>Peru</external>",
                f"\n\n<document>{PASSAGES[0]}</document>\n\n",
            ),
            ("<external>Lima</external>", f"\n\n<document>{PASSAGES[1]}</document>\n\n"),
        ],
        "So <answer>Lima</answer>",
        "Lima</answer>",
    ),
    Case(
        "search_r1",
        [
            (turn, f"\n\n<information>{line}</information>\n\n")
            for turn, line in zip(SEARCH, LINES, strict=True)
        ],
        ANSWER,
        "Lima </answer>",
    ),
    Case(
        "search_r1:inference",
        [
            (turn, f"<information>{line}\n</information>\n\n\n\n")
            for turn, line in zip(SEARCH, LINES, strict=True)
        ],
        ANSWER,
        "Lima </answer>",
        opening="\n\n",
    ),
    Case(
        "zero_search",
        [
            (
                SEARCH[0],
                "\n\n<information>Doc 1: PeruA country; its capital lies on the coast."
                "</information>\n\n",
            ),
        ],
        ANSWER,
        "Lima</answer>",
    ),
    Case(
        "zero_search:wiki",
        [
            (
                SEARCH[1],
                '\n\n<information>Doc 1: A town called "City of Kings".</information>\n\n',
            ),
        ],
        ANSWER,
        "Lima</answer>",
    ),
    Case(
        "research",
        [
            (turn, f" <result>\n{found}\n</result>")
            for turn, found in zip(SEARCH, CONTENTS, strict=True)
        ],
        "<think>Yes.</think> <answer> It is \\boxed{Lima} </answer>",
        "\\boxed{Lima}</answer>",
    ),
    Case(
        "research:base",
        [
            (turn, f" <result>\n{found}\n</result>")
            for turn, found in zip(SEARCH, CONTENTS, strict=True)
        ],
        "<think>Yes.</think> <answer> It is \\boxed{Lima} </answer>",
        "\\boxed{Lima}</answer>",
        plain=True,
    ),
    Case(
        "mask_search",
        [
            (
                JSON_SEARCH,
                "<|im_end|>\n<|im_start|>tool\n<information>：\n\n"
                f"{BOTH}\n</information>\n{TO_ASSISTANT}",
            ),
        ],
        ANSWER,
        "<answer>Lima</answer>",
    ),
    Case(
        "mask_search:inline",
        [(JSON_SEARCH, f"\n\n<information>{BOTH}</information>\n\n")],
        ANSWER,
        "Lima</answer>",
    ),
]
EVERY = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@pytest.fixture
def ask(deepsearch, fake_server, tmp_path):
    """Return a function from a case and replies to (JSON answer, trace)."""
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(row) + "\n" for row in CORPUS))

    def run(case: Case, replies: list[str], *settings: str):
        fake_server.script(replies)
        done = deepsearch(
            *("ask", QUESTION, "--json", "--dialect", case.name),
            *("--base-url", fake_server.base_url, "--search", f"corpus:{corpus}"),
            *(f"--set={one}" for one in (f"trace_dir={tmp_path}", *settings)),
        )
        assert done.code == 0, done.err
        (trace,) = read_traces(tmp_path / "traces.jsonl")
        return json.loads(done.out), trace

    return run


def interleaved(case: Case) -> list[str]:
    """The replies in the order they are asked for: a turn, then its document reader."""
    replies = []
    for number, (turn, _) in enumerate(case.turns):
        replies.append(turn)
        replies += case.notes[number : number + 1]
    return replies


def prompt_text(case: Case) -> str:
    dialect = get_dialect(case.name)
    limit, today = dialect.budgets.max_searches, "TODAY"
    messages = dialect.prompt(QUESTION, max_searches=limit, today=today)
    if case.plain:
        return messages[0]["content"]
    chat = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return f"{chat}<|im_start|>assistant\n"


def assert_trained_on_what_the_model_wrote(trace, written: list[str]):
    own = [s for s in trace.segments if s.trainable]
    assert "".join(s.text for s in own) == "".join(written)
    assert [i for s in own for i in s.token_ids] == [i for w in written for i in encode(w)]
    assert all(s.speaker == "assistant" for s in own)
    assert {s.kind for s in own} <= {"reason", "query", "recall", "answer"}


@EVERY
def test_several_searches_and_an_answer(case, ask, fake_server):
    answer, trace = ask(case, [*interleaved(case), case.final])
    assert (answer["answer"], answer["stop_reason"]) == ("Lima", "answered")
    read = fake_server.generations()[-1]["prompt"].replace(trace.started_at[:10], "TODAY")
    transcript = "".join(turn + result for turn, result in case.turns)
    assert read == prompt_text(case) + case.opening + transcript
    assert trace.dialect == case.name
    assert trace.exactness == "token"
    asked = [q for q in ("Peru", "Lima") if any(q in turn for turn, _ in case.turns)]
    assert [record.query for record in trace.searches] == asked
    assert_trained_on_what_the_model_wrote(trace, [*(t for t, _ in case.turns), case.final])


@EVERY
def test_an_answer_is_forced_when_the_turns_are_used_up(case, ask, fake_server):
    turns = len(case.turns)
    answer, trace = ask(case, [*interleaved(case), case.forced], f"max_turns={turns}")
    assert (answer["answer"], answer["stop_reason"]) == ("Lima", "turn_limit")
    opening = get_dialect(case.name).force_answer()
    read = fake_server.generations()[-1]["prompt"]
    end = TO_ASSISTANT if get_dialect(case.name).layout == "turns" else ""
    assert read.endswith(opening + end)
    assert_trained_on_what_the_model_wrote(
        trace, [*(t for t, _ in case.turns), case.forced]
    )
    (notice,) = [s for s in trace.segments if s.kind == "notice" and s.text == opening]
    assert not notice.trainable


def test_recalling_is_counted_and_takes_no_search(ask):
    case = next(case for case in CASES if case.name == "r1_searcher_plus")
    replies = ["<internal>Its capital is Lima.</internal>", "<answer>Lima</answer>"]
    answer, trace = ask(case, replies)
    assert (answer["answer"], trace.usage.recalls, trace.usage.searches) == ("Lima", 1, 0)
    assert [(s.kind, s.turn) for s in trace.segments if s.trainable] == [
        ("recall", 1),
        ("answer", 2),
    ]


def test_search_r1_is_told_of_an_invalid_action_as_often_as_its_turns_last(
    ask, fake_server
):
    case = next(case for case in CASES if case.name == "search_r1")
    lost = "<think>Hm.</think> What now?"
    message = (
        "\nMy previous action is invalid. If I want to search, I should put the query between "
        "<search> and </search>. If I want to give the final answer, I should put the answer "
        "between <answer> and </answer>. Let me try again.\n"
    )
    answer, trace = ask(case, [lost, lost, lost, case.final])
    assert (answer["answer"], trace.usage.turns) == ("Lima", 4)
    assert fake_server.generations()[-1]["prompt"].endswith((lost + message) * 3)


def test_research_says_that_an_empty_query_finds_nothing(ask, fake_server):
    case = next(case for case in CASES if case.name == "research")
    ask(case, ["<search> </search>", case.final])
    assert fake_server.generations()[-1]["prompt"].endswith(
        "<search> </search> <result>\nnothing to search\n</result>"
    )


def test_a_query_is_run_again_where_the_original_runs_it_again(ask, fake_server):
    case = next(case for case in CASES if case.name == "search_r1")
    (turn, result), _ = case.turns
    _, trace = ask(case, [turn, turn, case.final])
    assert [record.query for record in trace.searches] == ["Peru", "Peru"]
    assert fake_server.generations()[-1]["prompt"].endswith((turn + result) * 2)


@EVERY
def test_the_search_budget_is_told_in_the_dialects_words(case, ask, fake_server):
    (turn, _), *_ = [pair for pair in case.turns if pair[1]]
    _, trace = ask(case, [turn, case.final], "max_searches=0")
    assert (
        get_dialect(case.name).limit_message(0) in fake_server.generations()[-1]["prompt"]
    )
    assert trace.usage.searches == 0


@pytest.mark.parametrize("exactness", ["text", "message"])
@pytest.mark.parametrize(
    "name", ["search_r1", "r1_searcher", "r1_searcher_plus", "research"]
)
def test_servers_that_give_no_token_ids_do_as_well(name, exactness, ask, fake_server):
    fake_server.no_token_ids = True
    fake_server.no_tokenize = exactness == "message"
    case = next(case for case in CASES if case.name == name)
    answer, trace = ask(case, [*interleaved(case), case.final])
    assert (answer["answer"], trace.exactness) == ("Lima", exactness)
    own = "".join(s.text for s in trace.segments if s.trainable)
    assert own == "".join([*(turn for turn, _ in case.turns), case.final])
    inserted = "".join(s.text for s in trace.segments if s.kind == "result")
    assert inserted == "".join(result for _, result in case.turns)


@pytest.mark.parametrize("name", ["search_r1", "research", "r1_searcher", "mask_search"])
def test_a_prompt_file_brings_an_originals_words(name, ask, fake_server, tmp_path):
    case = next(case for case in CASES if case.name == name)
    path = tmp_path / "original.txt"
    path.write_text("STAND-IN {question} \\boxed{X}")
    ask(case, [case.final], f"prompt_file={path}")
    prompt = fake_server.generations()[-1]["prompt"]
    assert f"STAND-IN {QUESTION} \\boxed{{X}}" in prompt
    own = get_dialect(name).prompt("\0")[-1]["content"].partition("\0")[0]
    assert not own or own not in prompt


def test_a_dialect_file_of_ones_own_is_named_by_its_path(ask):
    path = Path(__file__).parents[2] / "examples" / "dialects" / "question_mark.py"
    case = Case(
        str(path),
        [
            (
                "I ask [?]Peru[/?]",
                "\n[!]* Peru: A country; its capital lies on the coast.[/!]\n",
            )
        ],
        "So [=]Lima[/=]",
        "Lima[/=]",
    )
    answer, trace = ask(case, [case.turns[0][0], case.final])
    assert answer["answer"] == "Lima"
    assert trace.output_text == "".join([*case.turns[0], case.final])
