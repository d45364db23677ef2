"""One page, one source."""

from __future__ import annotations

from langgraph_deepsearch.nodes.sources import SourceList
from langgraph_deepsearch.trace import Document


def page(url):
    return Document(id="", title="Peru", text="A country.", url=url)


def test_http_and_https_of_a_page_are_one_source_under_the_first_address():
    sources = SourceList()
    found = sources.add(
        [page("https://w.test/a"), page("http://w.test/a/"), page("http://b")]
    )
    assert [document.id for document in found] == ["1", "1", "2"]
    assert [entry["url"] for entry in sources.mark_used({"1"})] == [
        "https://w.test/a",
        "http://b",
    ]


def test_of_two_entries_of_a_page_the_first_counts():
    entries = [
        {"id": str(n), "url": f"{scheme}://w.test/a", "title": "", "content_hash": ""}
        for n, scheme in enumerate(("http", "https"), 1)
    ]
    (again,) = SourceList(entries).add([page("https://w.test/a")])
    assert again.id == "1"
