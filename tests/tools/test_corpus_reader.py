"""Pages of a local corpus, read by address where there is no web."""

import json
from pathlib import Path

import pytest

from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.tools.base import Reader, ReadError
from langgraph_deepsearch.tools.corpus import CorpusError, CorpusSearch
from langgraph_deepsearch.tools.corpus_reader import CorpusReader
from langgraph_deepsearch.tools.factory import make_reader
from langgraph_deepsearch.tools.langchain_tools import read_tool

pytestmark = pytest.mark.filterwarnings("ignore:.* documents have no text and are skipped")

DOCUMENTS = [
    {"id": "p", "title": "Peru", "text": "A country.", "url": "http://w.test/peru"},
    {"id": 7, "title": "Lima", "text": "A capital.", "date": "2020-01-02"},
    {"id": "p2", "title": "Peru, later", "text": "Lima.", "url": "http://W.test/peru/#2"},
    {"title": "Cusco", "text": "A town."},
    {"id": "a/b c", "title": "Odd", "text": "An odd id."},
    {"id": "e", "title": "Nothing", "text": "", "url": "http://w.test/empty"},
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps(d) + "\n" for d in DOCUMENTS), encoding="utf-8")
    return path


def test_a_page_is_read_by_its_address_however_it_is_spelt(corpus: Path) -> None:
    reader = CorpusReader(corpus)
    assert isinstance(reader, Reader)
    page = reader.read("http://w.test/peru")
    assert (page.url, page.title) == ("http://w.test/peru", "Peru")
    assert page.text == "A country.\n\nLima."  # two passages of one page
    for spelling in (" HTTP://w.test:80/peru/ ", "http://w.test/peru?utm_source=x#top"):
        assert reader.read(spelling) == page


def test_a_passage_without_a_url_has_an_address_of_its_own(corpus: Path) -> None:
    reader = CorpusReader(corpus)
    lima = reader.read("corpus:7")
    assert (lima.title, lima.text, lima.date) == ("Lima", "A capital.", "2020-01-02")
    assert reader.read("corpus:4").title == "Cusco"  # its line
    assert reader.read("corpus:a%2Fb%20c").title == "Odd"


async def test_every_address_that_a_search_shows_can_be_read(corpus: Path) -> None:
    search, reader = CorpusSearch(corpus, snippets=True), make_reader(f"corpus:{corpus}")
    found = search.search("peru lima cusco capital country town odd id", 9)
    assert {d.title for d in found} == {"Peru", "Peru, later", "Lima", "Cusco", "Odd"}
    for document in found:
        page = await reader.aread(document.url)
        assert page == reader.read(document.url)
        assert page.title in document.title
    whole = CorpusSearch(corpus).search("lima capital", 1)
    assert whole[0].url == ""  # nothing to read: the search has given it whole


@pytest.mark.parametrize(
    "url",
    ["http://w.test/gone", "corpus:99", "http://w.test/empty", "", "Peru", "file:///x"],
)
def test_any_other_address_is_a_failed_read(corpus: Path, url: str) -> None:
    with pytest.raises(ReadError, match="holds no text under this address"):
        CorpusReader(corpus).read(url)


def test_a_spec_names_it_once_for_all_and_follows_the_file(corpus: Path) -> None:
    reader = make_reader(f"corpus:{corpus}")
    assert isinstance(reader, CorpusReader)
    assert make_reader(f" corpus:{corpus}?snippets") is reader  # the search's own spec
    corpus.write_text(json.dumps({"id": "n", "title": "New", "text": "New."}) + "\n")
    again = make_reader(f"corpus:{corpus}")
    assert again.read("corpus:n").title == "New"
    assert again.settings != reader.settings
    assert make_reader("web").name == "http"


@pytest.mark.parametrize("spec", ["", "moon", "corpus:", "corpus", "dense:x"])
def test_an_unknown_spec_lists_the_forms(spec: str) -> None:
    with pytest.raises(DeepSearchError, match="use web or corpus:PATH"):
        make_reader(spec)


def test_a_missing_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no corpus file at"):
        make_reader(f"corpus:{tmp_path / 'gone'}")


def test_it_serves_as_a_tool(corpus: Path) -> None:
    tool = read_tool(reader=f"corpus:{corpus}")
    assert tool.invoke({"url": "corpus:7"}) == "Lima\ncorpus:7\n2020-01-02\n\nA capital."
    assert "holds no text" in tool.invoke({"url": "http://w.test/gone"})
