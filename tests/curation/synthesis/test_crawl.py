"""Crawling over HTTP: what becomes a page, and what a killed crawl keeps."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from langgraph_deepsearch.curation.synthesis.crawl import CrawlFolder, crawl
from langgraph_deepsearch.curation.synthesis.pages import SynthesisError, read_pages
from langgraph_deepsearch.tools.reader import HttpReader

SITE = {
    "/": (
        "Start",
        "<p>See <a href='/a'>A</a> and <a href='/b#x'>B</a> and "
        "<a href='http://elsewhere.example/'>elsewhere</a>.</p>",
    ),
    "/a": ("A", "<p>Of A, and <a href='/gone'>gone</a>, <a href='/old'>C</a>.</p>"),
    "/b": ("B", "<p>Of B, and <a href='/a'>A</a>, <a href='/older'>C</a>.</p>"),
    "/c": ("C", "<p>Of C, and <a href='/'>home</a>.</p>"),
}
MOVED = {"/old": "/c", "/older": "/old", "/out": "http://localhost:{port}/c"}


class Site(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked[self.path] += 1
        if self.path in MOVED:
            self.send_response(302)
            place = MOVED[self.path].format(port=self.server.server_address[1])
            self.send_header("Location", place)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
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
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.asked = Counter()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def site(server):
    return f"http://127.0.0.1:{server.server_address[1]}/"


@pytest.fixture
def reader():
    return HttpReader(allow_private="127.0.0.1,localhost")


async def test_a_site_is_crawled_over_http(site, reader, tmp_path, jsonl):
    records = await crawl(reader, [site])
    assert {record["title"] for record in records} == {"Start", "A", "B", "C"}
    pages = read_pages(jsonl(tmp_path / "pages.jsonl", records))
    start = pages.pages[site]
    assert sorted(page.title for page in pages.linked(start)) == ["A", "B"]
    assert len(await crawl(reader, [site], limit=2)) == 2


async def test_links_that_redirect_are_links(site, reader, tmp_path, jsonl):
    records = await crawl(reader, [site])
    moved = next(record for record in records if record["title"] == "C")
    assert (moved["id"], moved["aliases"]) == (f"{site}c", [f"{site}old", f"{site}older"])
    pages = read_pages(jsonl(tmp_path / "pages.jsonl", records))
    for name in "ab":
        assert f"{site}c" in pages.pages[f"{site}{name}"].links


async def test_a_root_without_its_slash_is_one_page(server, site, reader):
    records = await crawl(reader, [site.rstrip("/")])
    assert [record["id"] for record in records].count(site) == len({site})
    assert [record["title"] for record in records].count("Start") == 1
    assert server.asked["/"] == 1


async def test_a_host_that_the_root_moved_to_is_its_own(server, site, reader):
    records = await crawl(reader, [f"{site}out"])
    elsewhere = f"http://localhost:{server.server_address[1]}/"
    assert [record["id"] for record in records[:2]] == [f"{elsewhere}c", elsewhere]


async def test_pages_of_other_hosts_are_left_out(site, reader, monkeypatch):
    monkeypatch.setitem(SITE, "/", ("Start", "<p>Go <a href='/out'>out</a>.</p>"))
    assert [record["title"] for record in await crawl(reader, [site])] == ["Start"]


async def test_a_root_that_cannot_be_read_says_why(site, reader):
    with pytest.raises(SynthesisError, match="none of the roots could be read"):
        await crawl(reader, [site + "gone"])


async def test_a_killed_crawl_goes_on(server, site, reader, tmp_path, lines):
    class KilledError(Exception):
        pass

    class Reader(HttpReader):
        async def aread(self, url):
            if url.endswith("/b"):
                raise KilledError
            return await super().aread(url)

    folder = CrawlFolder(tmp_path, site)
    with pytest.raises(KilledError):
        await folder.crawl(Reader(allow_private="127.0.0.1"))
    log = tmp_path / "crawl_log.jsonl"
    assert [line["title"] for line in lines(log)] == ["Start", "A"]
    assert not (tmp_path / "pages.jsonl").exists()
    with log.open("a") as torn:
        torn.write('{"item": "http')
    again = CrawlFolder(tmp_path, site)
    assert not again.is_finished
    assert await again.crawl(reader) == 4
    assert (server.asked["/"], server.asked["/a"]) == (1, 1)
    whole = await crawl(reader, [site])
    assert lines(tmp_path / "pages.jsonl") == whole
    assert CrawlFolder(tmp_path, site).is_finished


async def test_another_limit_goes_on_from_what_was_read(server, site, reader, tmp_path):
    assert await CrawlFolder(tmp_path, site, limit=2).crawl(reader) == 2
    more = CrawlFolder(tmp_path, site, limit=3)
    assert not more.is_finished
    assert await more.crawl(reader) == 3
    assert server.asked == {"/": 1, "/a": 1, "/b": 1}
    fewer = CrawlFolder(tmp_path, site, limit=2)
    assert await fewer.crawl(reader) == 2
    assert server.asked == {"/": 1, "/a": 1, "/b": 1}
    assert json.loads((tmp_path / "crawl.json").read_text())["pages"] == 2


async def test_another_root_needs_another_folder(site, reader, tmp_path):
    await CrawlFolder(tmp_path, site.rstrip("/")).crawl(reader)
    assert CrawlFolder(tmp_path, site).is_finished
    with pytest.raises(SynthesisError, match=rf"crawled from {site}, now it is {site}a"):
        CrawlFolder(tmp_path, f"{site}a")
    (tmp_path / "crawl.json").write_text("{")
    with pytest.raises(SynthesisError, match="does not say what was crawled"):
        CrawlFolder(tmp_path, site)
    (tmp_path / "crawl.json").unlink()
    with pytest.raises(SynthesisError, match="not from where it was crawled"):
        CrawlFolder(tmp_path, site)
