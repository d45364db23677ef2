"""CrawlQA through a real server: what passes, and what each check stops."""

from __future__ import annotations

import json
import re

import pytest

from langgraph_deepsearch.curation.resumable import ResumableError
from langgraph_deepsearch.curation.synthesis.crawl_qa import CrawlQA, chains
from langgraph_deepsearch.curation.synthesis.pages import read_pages
from langgraph_deepsearch.curation.synthesis.synthesize import synthesize
from langgraph_deepsearch.questions import read_questions

QUESTION = "In which town did the director of The Silver Harp train as a watchmaker?"


def pair(question=QUESTION, answer="Tamsin") -> str:
    return json.dumps({"question": question, "answer": answer})


def model(written, alone="unknown", together="Tamsin"):
    """A writer, and a reader that finds the answer with the last page only."""

    def reply(prompt: str) -> str:
        if prompt.count("Write one question"):
            return written
        has_last = "watchmaker in Tamsin" in prompt
        return json.dumps({"answer": together if has_last else alone})

    return reply


def chain(pages):
    return next(c for c in chains(pages, 9) if c[0].id == "harp")


async def test_a_good_question_passes(fake_server, asker, pages):
    fake_server.script(model(f"```json\n{pair()}\n```"))
    draft, reasons = await CrawlQA(asker).make(chain(pages), seed=0)
    assert reasons == []
    record = draft.record("crawlqa")
    assert (record["question"], record["answer"]) == (QUESTION, ["Tamsin"])
    assert record["supporting_ids"] == ["harp", "oak"]
    assert record["hops"] == 2
    asked = [r["prompt"] for r in fake_server.generations()]
    assert len(asked) == 3
    assert "Kerrin Oak" in asked[0]
    assert "Page 2" not in asked[1]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("I cannot.", "unreadable"),
        (pair(question=""), "no question"),
        (pair(answer=""), "no answer"),
        (pair(answer=["a", "b"]), "no answer"),
        (pair(answer="word " * 13), "answer too long"),
        (pair(question=QUESTION + " Was it Tamsin?"), "answer in the question"),
        (pair(answer="Lunde Hill"), "answer not in the source"),
        (
            pair("When did the director of The Silver Harp make it?", "film"),
            "answer without the hop",
        ),
        (
            pair("Where did Kerrin Oak, director of The Silver Harp, train?"),
            "names what must be found",
        ),
        (pair("Which town has a school?"), "does not start from the first page"),
    ],
)
async def test_each_check_stops_its_fault(fake_server, asker, pages, written, reason):
    fake_server.script(model(written))
    draft, reasons = await CrawlQA(asker).make(chain(pages), seed=0)
    assert draft is None
    assert reasons == [reason, reason]  # two tries


async def test_no_page_of_a_longer_chain_is_named(fake_server, asker, pages):
    (three,) = chains(pages, 9, hops=3)
    start = (
        "Who founded the school in the town where the director of The Silver Harp trained?"
    )
    fake_server.script(lambda _: pair(start, "Ada Brink"))
    draft, reasons = await CrawlQA(asker, verify=False).make(three, 0)
    assert (draft.details["hops"], reasons) == (3, [])
    named = start.replace("the director of", "Kerrin Oak of")
    fake_server.script(lambda _: pair(named, "Ada Brink"))
    assert (await CrawlQA(asker, verify=False).make(three, 0))[1] == [
        "names what must be found"
    ] * 2


async def test_the_model_must_need_the_last_page_and_find_it_there(
    fake_server, asker, pages
):
    method, item = CrawlQA(asker), chain(pages)
    fake_server.script(model(pair(), alone="I think it was Tamsin"))
    assert (await method.make(item, 0))[1] == ["answered without the last page"] * 2
    fake_server.script(model(pair(), together="Lunde"))
    assert (await method.make(item, 0))[1] == ["not answered from its pages"] * 2
    draft, _ = await CrawlQA(asker, verify=False).make(item, 0)
    assert draft is not None


def test_a_run_counts_what_it_rejected_and_goes_on(
    fake_server, asker, pages, tmp_path, lines
):
    fake_server.script(model(pair()))
    items = chains(pages, 9)
    report = synthesize(CrawlQA(asker), items, tmp_path / "run")
    assert report.questions == 1
    assert report.items == 2
    assert sum(report.rejected.values()) == 2  # the other chain's two tries
    (question,) = read_questions(tmp_path / "run" / "synthesized.jsonl")
    assert question.golds == ("Tamsin",)
    calls = len(fake_server.generations())
    again = synthesize(CrawlQA(asker), items, tmp_path / "run")
    assert len(fake_server.generations()) == calls
    assert again.rejected == report.rejected
    saved = json.loads((tmp_path / "run" / "synthesis.json").read_text())
    assert saved["rejected"] == dict(report.rejected)
    settings_file = tmp_path / "run" / "synthesis_settings.json"
    settings = json.loads(settings_file.read_text())
    settings_file.write_text(json.dumps({**settings, "model": "another"}))
    with pytest.raises(ResumableError, match="started with model='another'"):
        synthesize(CrawlQA(asker), items, tmp_path / "run")


def test_real_passages_give_checked_questions(fake_server, asker, tmp_path, shared):
    """The stand-in writer takes a name from the last page; code decides what passes."""

    def reply(prompt: str) -> str:
        first = re.search(r'starts from "(.*?)"', prompt)[1]
        last = prompt.rpartition("\nPage ")[2]
        names = re.findall(r"[A-Z][a-z]+ [A-Z][a-z]+", last.partition("The question")[0])
        question = f"Which name belongs to what {first} leads to?"
        return json.dumps({"question": question, "answer": names[-1] if names else ""})

    fake_server.script(reply)
    pages = read_pages(shared("musique_train100/corpus.jsonl"))
    items = chains(pages, 40, seed=3)
    report = synthesize(CrawlQA(asker, verify=False), items, tmp_path / "run")
    assert 0 < report.questions < 40
    assert {"answer without the hop", "no answer"} & set(report.rejected)
    for question in read_questions(tmp_path / "run" / "synthesized.jsonl"):
        ids = question.metadata["supporting_ids"]
        first, last = (pages.pages[id_] for id_ in ids)
        words = rf"\b{re.escape(question.golds[0])}\b"
        assert re.search(words, last.text)
        assert not re.search(words, first.text)
