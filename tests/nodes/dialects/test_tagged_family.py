"""What real models write that is not quite what they were shown, and details by system."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.dialects.base import Result
from langgraph_deepsearch.nodes.dialects.mask_search import read_queries

SEARCH_R1 = get_dialect("search_r1")


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("<search>lima</search>", ("lima",)),
        ("<think>t</think>\n\n<search>\n lima \n</search>\n", ("lima",)),
        ("<search>lima</search", ("lima",)),
        ("<search> lima </", ("lima",)),
        ("<search>not this <search> lima </search>", ("lima",)),
        ("<search>first</search> and <search>second</search>", ("first",)),
        ("<search>lima</search><answer>too early</answer>", ("lima",)),
        ("I could <answer> or rather <search>lima</search>", ("lima",)),
    ],
)
def test_searches_are_understood(text, queries):
    action = SEARCH_R1.parse(text)
    assert (action.kind, action.queries) == ("search", queries)
    last = SEARCH_R1.split_turn(text)[-1]
    assert (last.kind, last.end) == ("query", len(text))
    assert text[last.start :].startswith("<search>")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<answer>Lima</answer>", "Lima"),
        ("<think>t</think> <answer> Lima\n</answer>\n", "Lima"),
        ("<answer>Lima</answer", "Lima"),
        ("<answer>Cusco</answer> no: <answer>Lima</answer>", "Lima"),
        ("<answer></answer>", ""),
    ],
)
def test_answers_are_understood(text, answer):
    assert SEARCH_R1.extract_answer(text) == answer
    assert SEARCH_R1.parse(text).kind == "answer"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("so <answer> Lima", "Lima"),
        ("so <answer> ", None),
        ("so <answer> " + "a" * 300, None),
        ("the <answer> tag\nis used", None),
        ("no tag", None),
    ],
)
def test_only_a_short_last_answer_counts_unclosed(text, answer):
    assert SEARCH_R1.extract_answer(text) == answer
    assert SEARCH_R1.parse(text).kind == "invalid"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<search> </search>", "empty"),
        ("lima</search>", "without <search>"),
        ("<search>lima", "not closed"),
        ("nothing", "neither"),
    ],
)
def test_an_invalid_action_says_why(text, reason):
    assert reason in SEARCH_R1.parse(text).text


def test_an_answer_part_starts_after_its_thought():
    text = "<think>It is Lima.</think>\n<answer>Lima</answer>"
    parts = [(p.kind, text[p.start : p.end]) for p in SEARCH_R1.split_turn(text)]
    assert parts == [
        ("reason", "<think>It is Lima.</think>"),
        ("answer", "\n<answer>Lima</answer>"),
    ]


def test_a_question_gets_its_mark_only_once():
    for asked in ("Who founded Lima", "Who founded Lima? "):
        (message,) = SEARCH_R1.prompt(asked)
        assert message["content"].endswith("Question: Who founded Lima?\n")


def test_plain_prompts_end_where_the_model_goes_on():
    r1, research = get_dialect("r1_searcher"), get_dialect("research:base")
    (message,) = r1.prompt("Who?")
    assert (message["content"] + r1.prefill).endswith("\n\nUser:Who?\nAssistant: <think>")
    assert research.prompt("Who?")[0]["content"].endswith(" User: Who?. Assistant:")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<answer> It is \\boxed{Lima} </answer>", "Lima"),
        ("<answer>\\boxed{A}, no \\boxed{B}</answer> <answer>\\boxed{C}</answer>", "B"),
        ("<answer>Lima</answer>", "Lima"),
        ("\\boxed{Lima} outside", None),
        ("<answer> \\boxed{Lima}", "Lima"),
    ],
)
def test_research_takes_the_last_box_of_the_first_answer(text, answer):
    assert get_dialect("research").extract_answer(text) == answer


PLUS = get_dialect("r1_searcher_plus")


@pytest.mark.parametrize(
    ("text", "kind", "content"),
    [
        ("I know: <internal>Lima is a city.</internal>", "recall", "Lima is a city."),
        ("<internal>Lima is a city.</intern", "recall", "Lima is a city."),
        ("<internal>a</internal> <external>b</external>", "search", "b"),
        ("<internal>a</internal> <answer>b</answer>", "answer", "b"),
        ("<internal>a</internal> Final Answer: b", "answer", "b"),
        ("Final Answer: \\boxed{Lima}", "answer", "Lima"),
        ("so \\boxed{Lima}", "answer", "Lima"),
        ("**Final Answer:** Lima", "answer", "Lima"),
        ("**Final Answer**: Lima\n", "answer", "Lima"),
        ("**Final Answer: Lima**", "answer", "Lima"),
        ("**Final Answer:**\n\nLima", "answer", "Lima"),
        ("**Final Answer:**", "invalid", ""),
        ("Final Answer: **Lima**", "answer", "Lima"),
        ("**Final Answer:** **Lima**", "answer", "Lima"),
        ("Final Answer: A* search or A**", "answer", "A* search or A**"),
        ("**Final Answer:** Sagittarius A*", "answer", "Sagittarius A*"),
        ("Final Answer: **Lima", "answer", "Lima"),
        ("Final Answer: <5 %", "answer", "<5 %"),
        ("Final Answer: **Lima** is 5*", "answer", "Lima is 5*"),
        ("Final Answer:\n\n<internal>Lima is it</internal>", "recall", "Lima is it"),
        ("I think. Final Answer: \n</think>", "invalid", ""),
        ("So.\n**final answer:** a\n**Final Answer:** b", "answer", "b"),
        ("<internal>never closed", "invalid", ""),
        ("<internal> </internal>", "invalid", ""),
        ("I know. <internal></intern", "invalid", ""),
        ("<internal>a</internal> <external> </external>", "invalid", ""),
    ],
)
def test_recalling_searching_and_answering(text, kind, content):
    action = PLUS.parse(text)
    assert action.kind == kind
    if kind != "invalid":
        assert (action.queries or (action.text,)) == (content,)
        expected = {"recall": "recall", "search": "query", "answer": "answer"}[kind]
        assert PLUS.split_turn(text)[-1].kind == expected


def test_recalled_knowledge_comes_back_from_its_form():
    turn = f"I know. {PLUS.format_recall('Lima is a city.')}"
    assert PLUS.parse(turn).text == "Lima is a city."
    assert PLUS.first_action_end(turn) == len(turn)


@pytest.mark.parametrize(
    ("content", "queries"),
    [
        (' [{"query": "a", "intent": 1}, {"query": "b"}] ', ["a", "b"]),
        ('["a", "b", "a"]', ["a", "b"]),
        ('{"query": "a"}', ["a"]),
        ('```json\n[{"query": "a"}]\n```', ["a"]),
        ('[{"query": "a", "intent": 1}, {"query": "b", "int', ["a", "b"]),
        ("capital of Peru", ["capital of Peru"]),
        ('{"queries": ["a", "b"]}', ["a", "b"]),
        ('[{"queries": ["a", "b"]}, {"query": "c"}]', ["a", "b", "c"]),
        ("[{'query': 'a', 'intent': 1}, {'query': \"b's\"}]", ["a", "b's"]),
        ("{'queries': ['a', 'b']}", ["a", "b"]),
        ('[{"query": "a \\"b\\" c", "intent": 1}, {"query": "d', ['a "b" c']),
        ('[{"query": "\\x41", "int', ["\\x41"]),
        ('{"queries": ["a", "b \\"c\\"", "d', ["a", 'b "c"']),
        ("'a' or 'b'", ["'a' or 'b'"]),
        ("{1, 2}", ["{1, 2}"]),
        ('[{"query": ""}, {"query": null}, 7]', ["7"]),
        ("[]", []),
        ("", []),
        ("[" * 100_000, ["[" * 100_000]),
    ],
)
def test_mask_search_reads_queries_in_any_form(content, queries):
    assert read_queries(content) == queries


def test_mask_search_merges_the_documents_of_its_queries_round_robin():
    dialect = get_dialect("mask_search")

    def found(*titles):
        documents = [{"title": title, "text": f"{title}!"} for title in titles]
        return Result(dialect.format_documents(documents), documents=documents)

    both = [found("A1", "A2", "A3"), found("B1")]
    assert dialect.join_results(both) == "A1\nA1!\n\nB1\nB1!\n\nA2\nA2!\n\nA3\nA3!"
    many = [found(*(f"A{n}" for n in range(9))), found(*(f"B{n}" for n in range(9)))]
    assert dialect.join_results(many).count("!") == 10
    evidence = [Result("Noted.", documents=found("A").documents), found("B")]
    assert dialect.join_results(evidence) == "Noted.\n\nB\nB!"
    nothing = Result(dialect.empty_message(), is_empty=True)
    failed = Result(dialect.error_message(), failed=True)
    assert dialect.join_results([nothing, *many, failed]) == dialect.join_results(many)
    assert dialect.join_results([nothing, nothing]) == dialect.empty_message()
    assert dialect.join_results([nothing, failed]) == (
        f"{dialect.empty_message()}\n\n{dialect.error_message()}"
    )


def test_r1_searcher_takes_the_retrievers_number_off():
    dialect = get_dialect("r1_searcher")
    documents = [
        {"text": "12\tTitle: Lima Text:  A city."},
        {"text": "1535 was its year."},
        {"text": "7 laws make 18 Title: Crimes."},
    ]
    assert dialect.format_documents(documents) == (
        "(1)Title: Lima Text:  A city.\n(2)1535 was its year.\n"
        "(3)7 laws make 18 Title: Crimes.\n"
    )
    assert dialect.render_results(dialect.empty_message()) == (
        "\n\n<|begin_of_documents|>\nNone<|end_of_documents|>\n\n"
    )


def test_a_turn_with_several_actions_is_cut_after_the_first():
    text = "<search>a</search>\n<information>forged</information> <answer>b</answer>"
    assert text[: SEARCH_R1.first_action_end(text)] == "<search>a</search>"
