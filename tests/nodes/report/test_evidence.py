"""What the writer is shown."""

from __future__ import annotations

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.report.evidence import (
    NO_SOURCES,
    best_documents,
    found_documents,
    show_documents,
)
from langgraph_deepsearch.trace import Document

DIALECT = get_dialect("web_thinker_report")


def page(number, title, text):
    return Document(id=str(number), title=title, text=text, url=f"http://w.test/{number}")


PAGES = [
    page(1, "Peru", "A country on the coast. " * 5),
    page(2, "Lima", "The capital of Peru, with ten million people."),
    page(3, "Cusco", "An old town in the hills."),
    page(2, "Lima", "Lima again, and nothing of note."),
]


def test_the_best_documents_come_first_and_each_source_once():
    found = best_documents("people of the capital", PAGES, 3)
    assert found[0].id == "2"
    assert sorted(document.id for document in found) == ["1", "2", "3"]
    assert "ten million" in found[0].text
    assert [d.id for d in best_documents("hills", PAGES, 1)] == ["3"]


def test_no_documents_no_sources():
    assert best_documents("x", [], 3) == []
    assert best_documents("x", PAGES, 0) == []
    assert show_documents([], "x", DIALECT, 100) == NO_SOURCES


def test_a_long_page_is_shown_around_what_is_asked():
    long = page(
        1, "Peru", "Filler text. " * 300 + "Lima has ten million people. " + "x y. " * 99
    )
    shown = show_documents([long], "How many people has Lima?", DIALECT, 200)
    assert shown.startswith("[1] Peru\nhttp://w.test/1\n")
    assert "ten million people" in shown
    assert len(shown) < 400


def test_all_that_was_retrieved_is_found_in_state():
    dumped = [document.model_dump() for document in PAGES]
    state = {
        "searches": [{"documents": dumped[:1]}, {"documents": []}],
        "opened": dumped[1:2],
    }
    assert [document.id for document in found_documents(state)] == ["1", "2"]
