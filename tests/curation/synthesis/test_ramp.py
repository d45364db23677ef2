from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.curation.synthesis.pages import (
    PageSet,
    SourcePage,
    read_pages,
)
from langgraph_deepsearch.curation.synthesis.ramp import (
    MASK,
    Passage,
    Ramp,
    choose_spans,
    curriculum,
    mask,
    mask_count,
    maskable,
    passages,
)
from langgraph_deepsearch.curation.synthesis.rule_spans import RuleSpans
from langgraph_deepsearch.curation.synthesis.synthesize import synthesize
from langgraph_deepsearch.questions import read_questions

words = st.sampled_from("Ada Bea Cid Don Eve was in of 1811 Ada's St. London".split())


@settings(deadline=None)
@given(st.lists(words, max_size=30), st.lists(words, max_size=8), st.integers(0, 9))
def test_masks_are_distinct_and_stand_nowhere_else(text_words, spans, seed):
    text = " ".join(text_words)
    places = maskable(text, "Cid", spans)
    chosen = choose_spans(places, 4, Random(seed))
    assert len(chosen) == len(set(chosen)) == min(4, len(places))
    masked = mask(text, chosen)
    assert masked.count(MASK) == len(chosen)
    for start, end in chosen:
        assert text[start:end] in spans
        assert text[start:end] != "Cid"
    # What was masked, put back in order, gives the text again.
    for start, end in chosen:
        masked = masked.replace(MASK, text[start:end], 1)
    assert masked == text


def test_the_published_counts():
    rng = Random(0)
    assert {mask_count(2, rng) for _ in range(50)} == {1, 2}
    assert [mask_count(n, rng) for n in (3, 4, 9)] == [3, 4, 4]


def test_longer_spans_are_masked_more_often():
    places = [(0, 2), (10, 30)]
    rng = Random(0)
    long = sum(choose_spans(places, 1, rng) == [(10, 30)] for _ in range(300))
    assert 240 < long < 300


def spans_of(prompt: str) -> str:
    return json.dumps(
        {"spans": ["Tamsin", "river Orrel", "12,400", "Ada Brink", "1811", "no"]}
    )


def test_a_run_is_a_curriculum(fake_server, asker, pages, tmp_path, lines):
    fake_server.script(
        lambda prompt: spans_of(prompt) if "Ada" in prompt else '{"spans": []}'
    )
    report = synthesize(Ramp(asker), passages(pages, 9), tmp_path / "run")
    assert report.questions == 1
    assert report.rejected["no span that can be masked"] == 2 * (report.items - 1)
    (record,) = lines(tmp_path / "run" / "synthesized.jsonl")
    assert record["masks"] == len(record["spans"]) == record["question"].count(MASK) - 1
    assert record["answer"] == ["; ".join(record["spans"])]
    assert "Tamsin" not in record["spans"]  # the title
    assert report.stages == {record["masks"]: 1}


@pytest.mark.parametrize(
    "reply",
    [
        '{"spans": "Ada Brink, river Orrel"}',
        '{"entities": [["Ada Brink"], null, ["river Orrel"]]}',
    ],
)
async def test_spans_of_other_types_are_read(fake_server, asker, pages, reply):
    fake_server.script(lambda _: reply)
    page = pages.pages["tamsin"]
    draft, reasons = await Ramp(asker).make(Passage(page, page.text, 2), 0)
    assert reasons == []
    assert draft.answer == "river Orrel; Ada Brink"
    assert draft.details["spans"] == ["river Orrel", "Ada Brink"]


@pytest.mark.parametrize(
    ("spans", "places"),
    [
        (["宫泽贤治", "1934年"], ["宫泽贤治", "1934年"]),
        (["1934", "童话"], ["童话", "1934"]),
        (["夜", "宫泽贤治写的童话"], ["宫泽贤治写的童话"]),  # "夜" stands twice
        (["银河铁道", "193"], ["银河铁道"]),  # 193 is half a number
    ],
)
def test_scripts_without_spaces_are_masked(spans, places):
    text = "《银河铁道之夜》是宫泽贤治写的童话。它在1934年的夏夜出版。"
    assert [text[a:b] for a, b in maskable(text, "书", spans)] == places


def test_a_long_passage_is_cut_at_a_sentence_of_its_script():
    text = "这一页讲了一个很长的故事。" * 300
    (item,) = passages(PageSet([SourcePage("a", "书", text)]), 1)
    assert 2000 < len(item.text) <= 2500
    assert item.text.endswith("。")


def test_stages_follow_each_other_and_are_shuffled_within():
    records = [{"id": n, "masks": 1 + n % 4} for n in range(40)]
    ordered = curriculum(records, seed=1)
    assert [record["masks"] for record in ordered] == sorted(r["masks"] for r in records)
    assert ordered == curriculum(list(reversed(records)), seed=1)
    assert ordered != curriculum(records, seed=2)


def test_real_passages(fake_server, asker, tmp_path, shared):
    """Capitalised words and numbers as spans, as a model's stand-in."""
    import re

    def reply(prompt: str) -> str:
        passage = prompt.partition("Passage: ")[2].partition("\n\nReply")[0]
        spans = re.findall(r"(?:[A-Z][a-z]+ )+[A-Z][a-z]+|\b\d{4}\b", passage)
        return json.dumps({"spans": spans})

    fake_server.script(reply)
    pages = read_pages(shared("2wiki_hipporag1000/corpus.jsonl"))
    report = synthesize(Ramp(asker), passages(pages, 60, seed=2), tmp_path / "run")
    assert report.questions > 40
    assert set(report.stages) <= {1, 2, 3, 4}
    assert len(report.stages) > 2
    for question in read_questions(tmp_path / "run" / "synthesized.jsonl"):
        for span in question.metadata["spans"]:
            assert not re.search(rf"(?<!\w){re.escape(span)}(?!\w)", question.question)


def test_rules_name_spans_where_no_model_can(pages, tmp_path):
    items = passages(pages, 4)
    report = synthesize(Ramp(RuleSpans()), items, tmp_path)
    assert (report.model, report.used.calls) == ("rules", 0)
    made = read_questions(tmp_path / "synthesized.jsonl")
    assert len(made) == report.questions == 3
    for question in made:
        spans = question.metadata["spans"]
        assert question.golds == ("; ".join(spans),)
        assert question.question.count(MASK) == len(spans) + 1  # and once in the task
        assert len(spans) == question.metadata["masks"]


@given(st.text(max_size=300))
def test_rules_take_any_text(text):
    for span in RuleSpans().spans(text):
        assert span in text
        assert span.strip() == span


def test_rules_know_names_dates_and_numbers():
    text = (
        "It opened in 1811. Lunde lies by the sea. In Lunde the Bank of the North was "
        "founded by Ada Brink on 3 May 1811, with 12,400 people. She left."
    )
    spans = RuleSpans().spans(text)
    assert spans == [
        *("1811", "Lunde", "Bank of the North", "Ada Brink", "3 May 1811"),
        "12,400 people",
    ]
