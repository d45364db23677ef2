from __future__ import annotations

import pytest

from langgraph_deepsearch.curation.synthesis.crawl_qa import chains
from langgraph_deepsearch.curation.synthesis.pages import (
    PageSet,
    SourcePage,
    SynthesisError,
    read_pages,
)


def test_pages_link_to_the_titles_they_mention(pages):
    linked = {id_: page.links for id_, page in pages.pages.items()}
    assert linked == {"harp": ("oak",), "oak": ("tamsin",), "tamsin": (), "other": ()}


def test_the_longest_title_wins_and_shared_ones_do_not_count(tmp_path, jsonl):
    records = [
        {"title": "New York", "text": "x"},
        {"title": "New York City", "text": "x"},
        {"title": "Heat (1995 film)", "text": "x"},
        {"title": "Heat (novel)", "text": "x"},
        {"title": "It", "text": "x"},
        {"title": "film", "text": "x"},
        {"title": "Alien (film)", "text": "x"},
    ]
    pages = read_pages(jsonl(tmp_path / "c.jsonl", records))
    text = "It is a film set in New York City, after Heat and Alien. Aliens?"
    found = [(name, page.title) for name, page in pages.mentioned(text)]
    assert found == [("New York City", "New York City"), ("Alien", "Alien (film)")]


def test_given_links_are_taken_by_id_address_or_title(tmp_path, jsonl):
    records = [
        {"id": 1, "title": "A page", "text": "x", "links": ["http://x/2", "C", "1", "no"]},
        {"id": 2, "title": "B", "text": "x", "url": "http://x/2", "links": []},
        {"id": 3, "title": "C", "text": "A page", "links": [1]},
        {"id": 4, "text": "x", "links": ["http://x/old"]},
    ]
    records[1]["aliases"] = ["http://x/old"]
    pages = read_pages(jsonl(tmp_path / "c.jsonl", records))
    assert [page.links for page in pages.pages.values()] == [("2", "3"), (), ("1",), ("2",)]


def test_chains_are_the_same_for_a_seed(pages):
    found = chains(pages, 9, hops=2, seed=1)
    assert found == chains(pages, 9, hops=2, seed=1)
    keys = {tuple(page.id for page in chain) for chain in found}
    assert keys == {("harp", "oak"), ("oak", "tamsin")}
    (three,) = chains(pages, 9, hops=3)
    assert [page.id for page in three] == ["harp", "oak", "tamsin"]
    with pytest.raises(SynthesisError, match="no 4 of the 4 pages are linked"):
        chains(pages, 9, hops=4)


def linked(**links: str) -> PageSet:
    """Return pages of enough text that link to each letter of their `links`."""
    return PageSet(
        SourcePage(name, f"Page {name}", "text of the page " * 9, links=tuple(targets))
        for name, targets in links.items()
    )


def test_a_way_that_ends_too_early_is_left_for_another():
    pages = linked(a="bc", b="", c="de", d="", e="f", f="")
    for seed in range(20):
        found = chains(pages, 1, hops=4, seed=seed)
        assert ["".join(page.id for page in chain) for chain in found] == ["acef"]


def test_ways_that_lead_nowhere_are_given_up():
    """All pages but one link to one another: no chain has one page more than there are."""
    names = "bcdefghijklm"
    pages = linked(a=names, **dict.fromkeys(names, names))
    with pytest.raises(SynthesisError, match="no 14 of the 13 pages are linked"):
        chains(pages, 1, hops=14)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no pages at"),
        ("{", "c.jsonl:1: not valid JSON"),
        ("[]", "c.jsonl:1: not a page"),
        ('{"title": "A"}', "holds no text"),
    ],
)
def test_a_bad_corpus_is_one_clear_line(tmp_path, content, message):
    file = tmp_path / "c.jsonl"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SynthesisError, match=message):
        read_pages(file)


def test_real_passages_are_linked(shared):
    pages = read_pages(shared("musique_train100/corpus.jsonl"))
    linked = [page for page in pages.pages.values() if page.links]
    assert len(linked) > 0.2 * len(pages)
    assert all(page.id not in page.links for page in linked)
    assert len(chains(pages, 50, hops=3)) == 50
