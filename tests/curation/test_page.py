"""The page of a curation: what it says, and that nothing a run holds becomes markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from langgraph_deepsearch.curation.distributions import Distributions, coarse, measure
from langgraph_deepsearch.curation.page import MOST_CHARACTERS
from langgraph_deepsearch.curation.pipeline import NothingKeptError, curate
from langgraph_deepsearch.curation.presets import DESK
from langgraph_deepsearch.trace import read_traces, write_traces

HOSTILE = (
    "<script>alert(1)</script></details></div><img src=x onerror=alert(2)>\"' onclick=x"
)
WRONG = {"answer": "\n\n\\boxed{Lyon}"}


class Page(HTMLParser):
    """Collects tags and text, and checks that tags are balanced."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.text, self._open = [], "", []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def titles(self, part):
        return [a["title"] for _, a in self.tags if part in a.get("title", "")]


def heap(build):
    """Return ten right runs, three of them hedging, and two wrong ones."""
    kinds = ("compositional", "comparison")
    runs = [
        build(f"t{n}", question_id=f"q{n}", queries="abcd"[: 1 + n % 3],
              metadata={"kind": kinds[n % 2], "hops": 2 + n % 3},
              reasons=[f"{'Wait. ' * (n < 3)}The capital of France {c} "
                       for c in "abcd"[: 1 + n % 3]])
        for n in range(10)
    ]  # fmt: skip
    return [*runs, *[build(f"w{n}", question_id=f"w{n}", **WRONG) for n in range(2)]]


def test_counts_before_and_after_are_those_of_the_traces(build, tmp_path):
    preset = DESK.without(["grounded_query"])
    report = curate(heap(build), tmp_path, preset=preset)
    saved = json.loads((tmp_path / "curation.json").read_text())
    before, after = saved["before"], saved["after"]
    assert (before["traces"], after["traces"]) == (12, 7) == (report.read, report.kept)
    assert before["searches"] == {"1": 6, "2": 3, "3": 3}
    assert sum(after["searches"].values()) == 7
    assert before["reflections"] == {"0": 9, "1": 1, "2": 1, "3": 1}
    assert after["reflections"] == {"0": 7}
    assert before["groups"]["outcome"] == {"right": 10, "wrong": 2}
    assert before["groups"]["kind"] == {"compositional": 5, "comparison": 5}
    assert before["right_percent"] == {"0": 2, "100": 10}
    assert after["right_percent"] == {"100": 7}


def test_the_page_says_what_each_step_removed_and_opens_runs(build, tmp_path):
    curate(heap(build), tmp_path, preset=DESK.without(["grounded_query"]))
    page = Page(tmp_path / "curation.html")
    assert "Of 12 traces, 7 are worth training on; 7 passed the filters." in page.text
    assert page.titles("correct:") == ["correct: 2 of 12 traces removed"]
    assert page.titles("wait:") == ["wait: 3 of 10 traces removed"]
    assert "Searches (searches): 1 to" in page.text
    assert "compositional (4 of 5)" in page.text or "compositional (3 of 5)" in page.text
    opened = [a for tag, a in page.tags if a.get("class") == "example"]
    assert len(opened) == 2 + 2 + 3  # wrong, hedging, kept
    assert page.text.count("wrong answer 'Lyon'") == 2
    assert "format_filter.py" in page.text
    assert "SHA-256" in page.text


def test_the_page_loads_nothing_and_runs_nothing(build, tmp_path):
    runs = heap(build)
    runs[0] = build(
        HOSTILE,
        question=HOSTILE,
        golds=(HOSTILE, "Paris"),
        metadata={"kind": HOSTILE, "domain": HOSTILE},
        closing=HOSTILE,
        model=HOSTILE,
        queries=(HOSTILE,),
    )
    runs[1] = build("wrong", question=HOSTILE, closing=HOSTILE, model="m", **WRONG)
    curate(runs, tmp_path, preset="desk", without=[], keep_per_question=4)
    page = Page(tmp_path / "curation.html")
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "iframe", "link", "object", "base", "form"}
    assert not [a for _, a in page.tags if any(key.startswith("on") for key in a)]
    policy = [a["content"] for _, a in page.tags if a.get("http-equiv")]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert page.text.count("alert(1)") >= 4
    style = re.search(
        r"<style>(.*?)</style>", (tmp_path / "curation.html").read_text(), re.S
    )
    assert "url(" not in style[1]


def test_the_page_opens_runs_as_they_were_judged_and_written(build, tmp_path):
    said = " and that is that"
    runs = [
        build("kept", answer="\n\n\\boxed{\\text{Paris}}" + said),
        build("wrong", question_id="w", answer="\n\n\\boxed{\\text{Lyon}}" + said),
    ]
    curate(runs, tmp_path, preset="reference")
    page = Page(tmp_path / "curation.html")
    assert "boxed{Lyon}" in page.text
    for raw in (said, "\\text{"):
        assert raw not in page.text
    [kept] = read_traces(tmp_path / "curated.jsonl")
    opened = page.text[page.text.index("Kept, to open") :]
    for segment in kept.segments[1:]:  # the prompt is not shown
        assert " ".join(segment.text.split()) in " ".join(opened.split())


def test_an_empty_result_has_a_page_too(build, tmp_path):
    with pytest.raises(NothingKeptError):
        curate([build(golds=("Rome",))], tmp_path)
    page = Page(tmp_path / "curation-empty.html")
    assert "0 are worth training on" in page.text
    assert "'correct' removed 1" in page.text
    with pytest.raises(NothingKeptError):
        curate([], tmp_path / "none")
    assert "Of 0 traces" in Page(tmp_path / "none" / "curation-empty.html").text


def test_long_runs_are_cut_in_the_middle_and_the_cut_is_said(build, tmp_path):
    closing = "word " * 20_000 + "end</think>"
    write_traces(tmp_path / "t.jsonl", [build(closing=closing)])
    curate(tmp_path / "t.jsonl", tmp_path, preset="reference", without=["path"])
    text = (tmp_path / "curation.html").read_text()
    left_out = len(closing) - MOST_CHARACTERS
    assert f"{left_out} characters left out" in text
    assert len(text) < 60_000


def test_examples_are_stated_where_they_cannot_all_be_opened(build, tmp_path):
    runs = [build(f"t{n}", question_id=f"q{n}", **WRONG) for n in range(9)]
    runs.append(build("right", question_id="r"))
    curate(runs, tmp_path, preset="reference")
    page = Page(tmp_path / "curation.html")
    assert "9 removed" in page.text
    assert [f"t{n}: wrong answer" in page.text for n in range(5)] == [False] * 2 + [
        True
    ] * 3


def test_distributions_do_not_grow_with_the_values(build):
    counts = Distributions()
    for number in range(400):
        counts.add(build(f"t{number}", metadata={"domain": f"d{number}"}))
    assert len(counts.groups["domain"]) == 41
    assert counts.groups["domain"]["other"] == 360
    assert coarse(99) == 99
    assert coarse(109) == 100


def test_measures_are_of_what_the_model_wrote(build):
    run = build(queries=("a", "b"), reasons=["one two ", "wait "], closing="three</think>")
    assert measure(run) == {
        "searches": 2, "turns": 3, "documents": 20, "words": 7, "longest_turn": 3,
        "reflections": 1,
    }  # fmt: skip
