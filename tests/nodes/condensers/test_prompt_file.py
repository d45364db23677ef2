"""An original's prompt in place of a condenser's own, whichever condenser the run uses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from scripted import FewPages

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.graph.preflight import check_agent
from langgraph_deepsearch.nodes.condensers.goal_extractor import GoalExtractor
from langgraph_deepsearch.nodes.condensers.learnings import Learnings
from langgraph_deepsearch.nodes.condensers.paging_reader import PagingReader
from langgraph_deepsearch.nodes.condensers.prompt_file import NEEDED, read_condenser_prompt
from langgraph_deepsearch.nodes.condensers.reason_in_documents import ReasonInDocuments
from langgraph_deepsearch.nodes.dialects.web_thinker import EXPLORER_INSTRUCTION
from langgraph_deepsearch.tools.base import Page

ROOT = Path(__file__).parents[3]
QUESTION = "Where is the government of Peru?"
URL = "http://w.test/lima"
LOOKUP = "I look. <|begin_search_query|>peru<|end_search_query|>"
BOXED = "</think>\\boxed{Lima}"


def called(name, **arguments):
    call = json.dumps({"name": name, "arguments": arguments})
    return f"I look.</think>\n<tool_call>\n{call}\n</tool_call>"


CASES = {
    "reason_in_documents": (
        {"dialect": "search_o1"},
        [LOOKUP, BOXED],
        "STAND-IN {question}|{query}|{reasoning}|{pages} {braces}",
        f"STAND-IN {QUESTION}|peru|Step 1: {LOOKUP}|**Web Page 1:**",
        "**Final Information** Noted.",
    ),
    "learnings": (
        {"dialect": "o2_searcher", "open_ended": True},
        ["<search><query>peru</query></search>", "<answer>Lima</answer>"],
        "STAND-IN {query}|{found}|{limit} {braces}",
        "STAND-IN peru|Peru\nThe capital of Peru is Lima.|3 {braces}",
        "- Noted.",
    ),
    "explorer": (
        {"dialect": "web_thinker"},
        [LOOKUP, BOXED],
        "STAND-IN {query}|{intent}|{pages} {braces}",
        f"STAND-IN peru|Step 1: {LOOKUP}|***Web Page 1:***",
        "**Final Information** Noted.",
    ),
    "goal_extractor": (
        {"dialect": "web_dancer"},
        [f"<think>{called('visit', url=[URL], goal='its size')}", "<answer>Lima</answer>"],
        "STAND-IN {goal}|{page} {braces}",
        "STAND-IN its size|It is large. {part} {braces}",
        '{"evidence": "Noted.", "summary": ""}',
    ),
    "paging_reader": (
        {"dialect": "deep_researcher"},
        [called("browse_webpage", url_list=[URL]), "</think><answer>Lima</answer>"],
        "STAND-IN {question}|{goal}|{memory}|{number}|{count}|{part} {braces}",
        f"STAND-IN {QUESTION}|{QUESTION}|(nothing yet)|1|1|It is large. {{part}} {{braces}}",
        "<extracted_info>Noted.</extracted_info><page_down>no</page_down>",
    ),
}


class OnePage:
    """Reads the same page at any address; it names a place of the prompt."""

    name = "one"
    settings = {}

    def read(self, url):
        return Page(url=url, title="Lima", text="It is large. {part}")


@pytest.fixture
def write(tmp_path):
    def file(text):
        path = tmp_path / "original.txt"
        path.write_text(text, encoding="utf-8")
        return path

    return file


@pytest.fixture
def agent_with(fake_server):
    """Return a function from settings to an agent over the fake server."""

    def make(**settings):
        parts = {"search": FewPages(), "reader": OnePage()}
        return create_deep_search_agent(
            "fake-model", base_url=fake_server.base_url, **parts, **settings
        )

    return make


def test_every_condenser_that_asks_a_model_is_held_to_its_names():
    assert set(NEEDED) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_stand_in_is_what_the_condenser_asks(name, agent_with, fake_server, write):
    settings, turns, stand_in, filled, reply = CASES[name]
    left, path = list(turns), write(stand_in)
    fake_server.script(lambda prompt: reply if "STAND-IN" in prompt else left.pop(0))
    agent = agent_with(condenser_prompt_file=path, **settings)
    assert check_agent(agent)["settings"]["condenser_prompt_file"] == str(path)
    assert agent.invoke({"question": QUESTION})["answer"] == "Lima"
    *_, last = prompts = [r["prompt"] for r in fake_server.generations()]
    (asked,) = [prompt for prompt in prompts if "STAND-IN" in prompt]
    assert filled in asked
    assert re.search(r"\{braces\}<\|im_end\|>\n<\|im_start\|>assistant\n$", asked)
    assert "Noted." in last  # what the model reads of it
    assert len(prompts) == 3  # and nothing else was asked


def test_pages_that_an_explorer_opens_are_read_by_our_own_words(
    agent_with, fake_server, write
):
    turns = [
        LOOKUP,
        f"<|begin_click_link|>{URL}<|end_click_link|>",
        '{"evidence": "Noted.", "summary": ""}',
        "**Final Information** Noted.",
        BOXED,
    ]
    fake_server.script(turns)
    path = write("STAND-IN {query} {pages}")
    agent_with(condenser_prompt_file=path, dialect="web_thinker").invoke({"question": "?"})
    prompts = [r["prompt"] for r in fake_server.generations()]
    stand_ins = ["STAND-IN" in prompt for prompt in prompts]
    assert stand_ins == [False, True, False, True, False]
    assert "Someone opened a web page with a goal in mind." in prompts[2]


OWN = {
    "reason_in_documents": ReasonInDocuments.own_prompt,
    "learnings": Learnings.own_prompt,
    "explorer": EXPLORER_INSTRUCTION,
    "goal_extractor": GoalExtractor.own_prompt,
    "paging_reader": PagingReader.own_prompt,
}


@pytest.mark.parametrize("name", CASES)
def test_the_docs_give_the_names(name):
    page = (ROOT / "docs" / "tools.md").read_text(encoding="utf-8")
    table = page.partition("| condenser | names | must have |")[2].partition("\n\n")[0]
    (row,) = [line for line in table.splitlines() if line.startswith(f"| `{name}` |")]
    _, _, names, needed, *_ = row.split("|")
    assert set(re.findall(r"\{\w+\}", names)) == set(re.findall(r"\{\w+\}", OWN[name]))
    assert re.findall(r"\{(\w+)\}", needed) == list(NEEDED[name])


def chosen(condenser, page_condenser):
    return {"condenser": condenser, "page_condenser": page_condenser}


def test_it_is_for_the_documents_of_queries_before_pages(write):
    path = write("{query} {pages} {page} {goal}")
    both = chosen("reason_in_documents", "goal_extractor")
    assert list(read_condenser_prompt(path, both)) == ["condenser"]
    given = read_condenser_prompt(path, both, own_condenser=True)
    assert list(given) == ["page_condenser"]
    pages = chosen("extractive", "goal_extractor")
    assert list(read_condenser_prompt(path, pages)) == ["page_condenser"]
    assert read_condenser_prompt(None, chosen("none", "none")) == {}


@pytest.mark.parametrize("name", CASES)
def test_a_file_that_lacks_a_name_is_one_clear_line(name, write):
    needed = [f"{{{one}}}" for one in NEEDED[name]]
    for lacking in needed:
        path = write(" ".join(one for one in needed if one != lacking))
        kind = "page_condenser" if name in ("goal_extractor", "paging_reader") else ""
        settings = chosen("none", name) if kind else chosen(name, "goal_extractor")
        with pytest.raises(DeepSearchError) as caught:
            read_condenser_prompt(path, settings)
        assert str(caught.value).startswith(f"prompt file {path} lacks {lacking}: ")
        assert "\n" not in str(caught.value)


def test_a_file_for_open_ended_questions_is_none_for_closed_ones(agent_with, write):
    path = write("{query} {found}")
    given = {"dialect": "o2_searcher", "condenser_prompt_file": path}
    assert check_agent(agent_with(**given))["condenser_prompts"] == {}
    opened = check_agent(agent_with(**given, open_ended=True))
    assert opened["condenser_prompts"] == {"condenser": "{query} {found}"}


def test_a_file_for_the_condenser_that_was_replaced_is_told(agent_with, write):
    path = write("{query} {pages}")
    given = {"dialect": "search_o1", "condenser": "none", "condenser_prompt_file": path}
    with pytest.raises(DeepSearchError, match=r"condenser .goal_extractor. fills"):
        check_agent(agent_with(**given))


def test_a_file_that_cannot_serve_is_told_before_a_model_writes(
    agent_with, fake_server, write, tmp_path
):
    absent = tmp_path / "absent.txt"
    for settings, words in (
        ({"condenser_prompt_file": absent}, "check `condenser_prompt_file`"),
        ({"condenser_prompt_file": write("no names")}, "lacks {query} and {pages}"),
        (
            {"condenser_prompt_file": write("x"), **chosen("none", "extractive")},
            "no model is asked by condenser=none and page_condenser=extractive",
        ),
    ):
        with pytest.raises(DeepSearchError) as caught:
            agent_with(**settings).invoke({"question": QUESTION})
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not fake_server.generations()
