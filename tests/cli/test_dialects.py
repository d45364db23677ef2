"""`deepsearch dialects`: what there is, and what one says of itself."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from langgraph_deepsearch.nodes.dialects import (
    Budgets,
    get_dialect,
    list_dialects,
    list_variants,
)

ROOT = Path(__file__).parents[2]
EVERY = [*list_dialects(), "web_thinker_report", "know_agent", "search_r1:inference"]


def test_all_are_listed_with_layout_variants_and_a_line(deepsearch):
    listed = {one["name"]: one for one in json.loads(deepsearch("dialects", "--json").out)}
    assert list(listed) == list_dialects()
    for name, one in listed.items():
        assert one["layout"] == get_dialect(name).layout
        assert one["variants"] == list_variants(name)
        assert one["what"]
    assert listed["search_r1"]["what"].startswith("Search-R1: think, search, read")


def test_the_list_is_a_table_too(deepsearch):
    shown = deepsearch("dialects").out
    for name in list_dialects():
        assert name in shown
        for variant in list_variants(name):
            assert f":{variant.partition(':')[2]}" in shown


@pytest.mark.parametrize("name", EVERY)
def test_one_is_shown_with_what_it_says_of_itself(deepsearch, name):
    dialect = get_dialect(name)
    one = json.loads(deepsearch("dialects", name, "--json").out)
    assert (one["name"], one["use"]) == (name, dialect.use)
    assert one["budgets"] == asdict(dialect.budgets)
    assert one["stops"] == list(dialect.stop)
    assert one["prompt_source"] == dialect.prompt_source
    assert [variant["name"] for variant in one["variants"]] == list_variants(name)


def test_one_is_shown_beside_its_variants(deepsearch):
    shown = deepsearch("dialects", "search_r1").out
    rows = {row[0]: row[1:] for row in cells(shown)}
    assert rows["searches"] == ["4", "no limit"]
    assert rows["turns"] == ["5", "30"]
    assert rows["tokens a turn"] == ["500", "1024"]
    assert rows["for"] == ["questions", "questions"]
    assert "the original's prompt: PeterGriffinJin/Search-R1: infer.py:20-24" in shown


def cells(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_a_file_of_ones_own_is_shown(deepsearch):
    file = ROOT / "examples" / "dialects" / "question_mark.py"
    one = json.loads(deepsearch("dialects", file, "--json").out)
    assert one["what"] == "Signs instead of words."
    assert one["budgets"]["max_searches"] == 6


@pytest.mark.parametrize("name", ["klingon", "search_r1:klingon", "absent.py"])
def test_an_unknown_one_is_one_line(deepsearch, name):
    done = deepsearch("dialects", name)
    assert done.code == 1
    assert name.rpartition(":")[2] in done.complaint


def documented(heading: str) -> dict[str, list[str]]:
    """Return the rows of a table of the docs by the dialect they are of."""
    page = (ROOT / "docs" / "dialects.md").read_text(encoding="utf-8")
    rows = page.partition(heading)[2].partition("\n\n")[0].splitlines()
    split = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    return {row[0].split("`")[1]: row for row in split if row[0].startswith("`")}


def test_the_docs_name_the_places_of_the_prompts():
    told = documented("| dialect | where the original's text is found |\n")
    assert set(told) == set(list_dialects())
    for name, (_, where) in told.items():
        assert where.replace("`", "") == get_dialect(name).prompt_source


def test_the_docs_give_the_budgets():
    told = documented("| dialect | system and released models |")
    assert set(told) == set(list_dialects())
    for name, row in told.items():
        searches, turns, tokens, documents = row[4].split(" / ")
        budgets = get_dialect(name).budgets
        known = (budgets.max_searches, budgets.max_turns, budgets.top_k)
        shown = tuple(cell.split()[0] for cell in (searches, turns, documents))
        assert shown == tuple(str(one or "–") for one in known), name
        assert tokens == tokens_cell(budgets), name
    assert "`inference`: no search limit, 30 turns, 1,024 tokens" in told["search_r1"][4]


def tokens_cell(budgets: Budgets) -> str:
    """Return what the docs say of the tokens of a turn and of the whole transcript."""
    turn, whole = budgets.max_turn_tokens, budgets.max_context_tokens
    if whole is None:
        return f"{turn:,}"
    return (
        f"{turn:,} in all" if whole == turn else f"{turn:,}, after at most {whole - turn:,}"
    )


@pytest.mark.parametrize(
    ("name", "turn", "whole"),
    [
        ("simple_deep_searcher", 20_480, None),
        ("search_o1", 20_480, None),
        ("r1_searcher", 512, None),
        ("search_r1", 500, None),
        ("search_r1:inference", 1024, None),
        ("research", 8192, 8192),
        ("zero_search", 500, None),
        ("o2_searcher", 2048, None),
        ("web_thinker", 40_000, 40_000),
        ("deep_researcher", 2000, 32_767),
    ],
)
def test_tokens_are_the_originals(name, turn, whole):
    """SYSTEMS.md gives them: docs and code could be changed together."""
    budgets = get_dialect(name).budgets
    assert (budgets.max_turn_tokens, budgets.max_context_tokens) == (turn, whole)


@pytest.mark.parametrize("name", ["r1_searcher", *list_variants("r1_searcher")])
def test_r1_searcher_stops_at_its_templates_tokens_too(name):
    assert get_dialect(name).stop == (
        *("<|end_of_query|>", "</answer>", "<|im_end|>", "<|endoftext|>"),
    )
