from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from langgraph_deepsearch.curation.synthesis.crawl_qa import chains
from langgraph_deepsearch.curation.synthesis.pages import (
    SynthesisError,
    crawl,
    read_pages,
)
from langgraph_deepsearch.tools.reader import HttpReader


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
    ]
    pages = read_pages(jsonl(tmp_path / "c.jsonl", records))
    assert [page.links for page in pages.pages.values()] == [("2", "3"), (), ("1",)]


def test_chains_are_the_same_for_a_seed(pages):
    found = chains(pages, 9, hops=2, seed=1)
    assert found == chains(pages, 9, hops=2, seed=1)
    keys = {tuple(page.id for page in chain) for chain in found}
    assert keys == {("harp", "oak"), ("oak", "tamsin")}
    (three,) = chains(pages, 9, hops=3)
    assert [page.id for page in three] == ["harp", "oak", "tamsin"]
    with pytest.raises(SynthesisError, match="no 4 of the 4 pages are linked"):
        chains(pages, 9, hops=4)


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


SITE = {
    "/": (
        "Start",
        "<p>See <a href='/a'>A</a> and <a href='/b#x'>B</a> and "
        "<a href='http://elsewhere.example/'>elsewhere</a>.</p>",
    ),
    "/a": ("A", "<p>Of A, and <a href='/gone'>gone</a>, <a href='/'>home</a>.</p>"),
    "/b": ("B", "<p>Of B, and <a href='/a'>A</a>.</p>"),
}


class Site(BaseHTTPRequestHandler):
    def do_GET(self):
        title, body = SITE.get(self.path, ("", ""))
        filler = "<p>" + "This page tells a long story of its own. " * 8 + "</p>"
        html = f"<html><head><title>{title}</title></head><body><main>{body}{filler}"
        data = f"{html}</main></body></html>".encode()
        self.send_response(200 if title else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_site_is_crawled_over_http(site, tmp_path, jsonl):
    reader = HttpReader(allow_private="127.0.0.1")
    records = await crawl(reader, [site])
    assert {record["title"] for record in records} == {"Start", "A", "B"}
    pages = read_pages(jsonl(tmp_path / "pages.jsonl", records))
    start = pages.pages[site]
    assert sorted(page.title for page in pages.linked(start)) == ["A", "B"]
    assert len(await crawl(reader, [site], limit=2)) == 2


async def test_a_root_that_cannot_be_read_says_why(site):
    with pytest.raises(SynthesisError, match="none of the roots could be read"):
        await crawl(HttpReader(allow_private="127.0.0.1"), [site + "gone"])
