"""What holds for every dialect there is, and every variant of one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.nodes.condensers.page_list import list_links, list_pages
from langgraph_deepsearch.nodes.dialects import get_dialect, list_dialects, list_variants
from langgraph_deepsearch.nodes.dialects.base import Result
from langgraph_deepsearch.nodes.dialects.parts.tool_calls import TOOLS_HEAD
from langgraph_deepsearch.nodes.dialects.web_thinker import ExplorerDialect
from langgraph_deepsearch.tools.base import Page
from langgraph_deepsearch.trace import Document

EXAMPLE = Path(__file__).parents[3] / "examples" / "dialects" / "question_mark.py"
REGISTERED = [name for main in list_dialects() for name in (main, *list_variants(main))]
DIALECTS = [get_dialect(name) for name in (*REGISTERED, str(EXAMPLE))]
EVERY = pytest.mark.parametrize("dialect", DIALECTS, ids=[d.name for d in DIALECTS])

SPOKEN_INSIDE = [get_dialect("web_thinker_report"), ExplorerDialect()]
"""Dialects that answer no question: the report graph's, and the one of a step's own agent."""

TEMPLATE_TAGS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<think>",
    "</think>",
    "<tool_call>",
    "<tool_response>",
    "</s>",
)
WORDS = (
    "a",
    " ",
    "\n",
    "<",
    ">",
    "</",
    "<|",
    "|>",
    "\\boxed{",
    "}",
    "```",
    "Lima",
    "东",
    "İ",
)
SPEAKING = [*DIALECTS, *SPOKEN_INSIDE]
EVERY_SPEAKING = pytest.mark.parametrize(
    "dialect", SPEAKING, ids=[d.name for d in SPEAKING]
)
TAGS = sorted({tag for dialect in SPEAKING for tag in dialect.tags} | set(TEMPLATE_TAGS))
PIECES = st.sampled_from([*TAGS, *TAGS, *WORDS]) | st.text(max_size=5)
TEXTS = st.lists(PIECES, max_size=14).map("".join)
"""Any text, made of what could be taken for something."""

TORN = st.tuples(TEXTS, st.integers(0, 9)).map(lambda pair: pair[0][: -pair[1] or None])
"""The same, cut off anywhere."""

PLAIN = st.text(alphabet="abcÉ東 ?.,'0", min_size=1, max_size=30).map(
    lambda text: " ".join(text.split())
)
SAID = PLAIN.filter(bool)


def without_thoughts(text: str) -> str:
    """Return a turn without its thoughts, of which the last may be open."""
    return re.sub(r"<think>.*?(</think>|\Z)", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("name", REGISTERED)
def test_it_is_found_by_the_name_it_calls_itself(name):
    assert get_dialect(name).name == name


@EVERY
@settings(max_examples=40, deadline=None)
@given(text=TEXTS | TORN)
def test_parse_is_total_and_parts_cover_the_text(dialect, text):
    action = dialect.parse(text)
    assert action.kind != "search" or all(query.strip() for query in action.queries)
    assert action.kind != "invalid" or action.text
    parts = dialect.split_turn(text)
    assert "".join(text[p.start : p.end] for p in parts) == text
    assert all(p.end > p.start for p in parts)
    dialect.extract_answer(text)
    for start, end in dialect.answer_spans(text):
        assert 0 <= start < end <= len(text)
    end = dialect.forced_answer_end(text)
    assert end is None or 0 <= end <= len(text)
    forced = dialect.split_forced(text)
    assert "".join(text[p.start : p.end] for p in forced) == text


@EVERY
@settings(max_examples=40, deadline=None)
@given(text=TEXTS)
def test_a_turn_ends_with_its_first_complete_action(dialect, text):
    end = dialect.first_action_end(text)
    if end is None:
        said = text if dialect.server_stop else without_thoughts(dialect.prefill + text)
        assert not any(stop in said for stop in dialect.stop)
    else:
        assert any(text[:end].endswith(stop) for stop in dialect.stop)
        assert dialect.first_action_end(text[: end - 1]) is None


@EVERY_SPEAKING
@settings(max_examples=40, deadline=None)
@given(page=TEXTS)
def test_nothing_a_page_says_can_forge_a_tag(dialect, page):
    clean = dialect.neutralize(page).lower()
    assert not any(tag.lower() in clean for tag in (*dialect.tags, *TEMPLATE_TAGS))


@EVERY_SPEAKING
@settings(max_examples=40, deadline=None)
@given(title=TEXTS, page=TEXTS, query=TEXTS)
def test_a_page_cannot_break_out_of_its_result(dialect, title, page, query):
    def shown(title, text, query):
        documents = [
            {"title": title, "text": text, "snippet": text, "url": "http://w.test"}
        ]
        result = Result(dialect.format_documents(documents), query, documents=documents)
        return dialect.render_results(dialect.join_results([result]))

    honest = shown("Lima", "A city.", "lima")
    counts = {tag: honest.count(tag) for tag in (*dialect.tags, *TEMPLATE_TAGS)}
    forged = shown(title, page, query)
    assert {tag: forged.count(tag) for tag in counts} == counts


@settings(max_examples=80, deadline=None)
@given(title=TEXTS, page=TEXTS, label=TEXTS)
def test_a_page_cannot_break_out_of_what_the_explorer_is_shown(title, page, label):
    dialect = ExplorerDialect()

    def shown(title, text, label):
        found = Document(title=title, text=text, url="http://w.test", snippet=title)
        links = list_links(Page("http://w.test", title, text, links=((label, "http://x"),)))
        clicked = dialect.wrap_clicked(dialect.neutralize(f"{text}\n\n{links}"))
        return dialect.render_results(list_pages([found])) + clicked

    honest, forged = shown("Lima", "A city.", "Peru"), shown(title, page, label)
    for tag in (*dialect.tags, *TEMPLATE_TAGS):
        assert forged.count(tag) == honest.count(tag)


@EVERY
@settings(max_examples=40, deadline=None)
@given(query=SAID, thought=SAID)
def test_a_rendered_query_parses_back(dialect, query, thought):
    turn = f"{thought}\n{dialect.format_query(query)}"
    action = dialect.parse(turn)
    assert (action.kind, action.queries) == ("search", (query,))
    kinds = [p.kind for p in dialect.split_turn(turn)]
    assert kinds[-1] in ("query", "call")
    end = dialect.first_action_end(turn)
    assert end is None or end == len(turn)


@EVERY
@settings(max_examples=40, deadline=None)
@given(answer=SAID, thought=SAID)
def test_a_rendered_answer_parses_back(dialect, answer, thought):
    turn = f"{thought}\n{dialect.format_answer(answer)}"
    action, extracted = dialect.parse(turn), dialect.extract_answer(turn)
    assert (action.kind, action.text) == ("answer", extracted)
    assert extracted == answer
    assert [p.kind for p in dialect.split_turn(turn)][-1] == "answer"
    (span,) = dialect.answer_spans(turn)
    assert answer in turn[slice(*span)]


@EVERY
@settings(max_examples=30, deadline=None)
@given(answer=SAID, rest=TEXTS)
def test_a_forced_answer_is_found_after_its_opening(dialect, answer, rest):
    opening, whole = dialect.force_answer(), dialect.format_answer(answer)
    said = next(whole[n:] for n in range(len(whole), -1, -1) if opening.endswith(whole[:n]))
    if dialect.layout == "turns" and "<think>" in dialect.prefill:
        said = f"</think>{said}"
    end = dialect.forced_answer_end(said + rest)
    written = (said + rest)[:end]
    assert dialect.extract_answer(opening + written) == answer


@EVERY
def test_what_the_model_is_told_holds_no_stray_text(dialect):
    assert dialect.limit_message(3)
    assert dialect.invalid_message("the query is empty")
    assert dialect.repeat_message("lima")
    for evidence in (dialect.empty_message(), dialect.error_message()):
        assert evidence
        assert evidence in dialect.render_results(evidence)


@EVERY
def test_the_prompt_asks_the_question_and_a_file_replaces_its_words(dialect):
    asked = "Is {today} the capital of {max_searches}?"
    own = dialect.prompt(asked, max_searches=3, today="2026-01-02")
    assert sum(message["content"].count(asked) for message in own) == 1
    # A stand-in for an original's text.
    text = "STAND-IN {question} {today} \\boxed{X} {max_searches}"
    replaced = dialect.prompt(asked, instruction=text, max_searches=3, today="2026-01-02")
    assert len(replaced) == len(own)
    stand_in = f"STAND-IN {asked} 2026-01-02 \\boxed{{X}} 3"
    # What a chat template adds to a system message stays after it.
    assert stand_in in [m["content"].partition(TOOLS_HEAD)[0] for m in replaced]
    whole = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "Q {question}"},
    ]
    assert dialect.prompt(asked, instruction=whole) == [
        {"role": "system", "content": "S"},
        {"role": "user", "content": f"Q {asked}"},
    ]


@EVERY
def test_long_nonsense_is_read_in_no_time(dialect):
    import time

    pieces = (*dialect.tags, "\\boxed{", "{", "<think>", '[{"query": ', "```")
    started = time.process_time()
    for piece in pieces:
        text = piece * 20_000
        dialect.parse(text)
        dialect.split_turn(text)
        dialect.answer_spans(text)
        dialect.neutralize(text)
    assert time.process_time() - started < 20
