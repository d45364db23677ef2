import json
import subprocess
import sys
import threading
import time
import warnings
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.tools.base import SearchProvider
from langgraph_deepsearch.tools.bm25 import IndexFileError
from langgraph_deepsearch.tools.corpus import CorpusError, CorpusSearch

DOCUMENTS = [
    {"id": "1", "title": "Béla Bartók", "text": "Hungarian composer of string quartets."},
    {"id": "2", "title": "The The", "text": "An English band.", "url": "http://x.test/2"},
    {"id": "3", "title": "Quartet", "text": "A group of four players. " * 40 + "Viola."},
    {"id": "4", "title": "東京", "text": "日本の首都は東京である。"},
]


def write(path: Path, records: list) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write(tmp_path / "corpus.jsonl", DOCUMENTS)


def test_finds_by_title_accents_and_plurals_folded(corpus: Path) -> None:
    search = CorpusSearch(corpus)
    assert isinstance(search, SearchProvider)
    assert search.returns_full_text
    first = search.search("works of bela bartok", 3)[0]
    assert (first.title, first.text) == ("Béla Bartók", DOCUMENTS[0]["text"])
    assert {d.title for d in search.search("quartets", 9)} == {"Quartet", "Béla Bartók"}


def test_query_of_stop_words_alone_still_finds(corpus: Path) -> None:
    assert CorpusSearch(corpus).search("The The", 1)[0].url == "http://x.test/2"


def test_scripts_without_spaces_are_found(corpus: Path) -> None:
    assert CorpusSearch(corpus).search("首都", 1)[0].title == "東京"


def test_finding_nothing_is_an_empty_list(corpus: Path) -> None:
    search = CorpusSearch(corpus)
    assert search.search("zyzzyva", 5) == []
    assert search.search("", 5) == []
    assert search.search("quartet", 0) == []


async def test_async_form_agrees(corpus: Path) -> None:
    search = CorpusSearch(corpus)
    assert await search.asearch("quartet", 2) == search.search("quartet", 2)


def test_snippets_mode_hides_the_text_and_shows_the_fitting_place(corpus: Path) -> None:
    search = CorpusSearch(corpus, snippets=True)
    found = search.search("viola", 1)[0]
    assert not search.returns_full_text
    assert found.text == ""
    assert "Viola" in found.snippet
    assert len(found.snippet) < 220
    assert search.settings != CorpusSearch(corpus).settings


def test_index_is_kept_and_follows_the_content(corpus: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    fresh = CorpusSearch(corpus, cache_dir=cache).search("quartet", 3)
    assert CorpusSearch(corpus, cache_dir=cache).search("quartet", 3) == fresh
    assert len(list(cache.iterdir())) == 1
    write(corpus, [*DOCUMENTS, {"title": "Zyzzyva", "text": "A beetle."}])
    assert CorpusSearch(corpus, cache_dir=cache).search("zyzzyva", 1)[0].text == "A beetle."
    assert len(list(cache.iterdir())) == 2


def test_damaged_index_is_named(corpus: Path, tmp_path: Path) -> None:
    CorpusSearch(corpus, cache_dir=tmp_path / "cache")
    folder = next((tmp_path / "cache").iterdir())
    (folder / "data.csc.index.npy").write_bytes(b"rubbish")
    with pytest.raises(IndexFileError, match="delete that folder"):
        CorpusSearch(corpus, cache_dir=tmp_path / "cache")


def test_folder_and_contents_form_are_read(tmp_path: Path) -> None:
    write(tmp_path / "corpus.jsonl", [{"id": 7, "contents": '"Ada"\nA mathematician.'}])
    found = CorpusSearch(tmp_path).search("ada", 1)[0]
    assert (found.title, found.text) == ("Ada", "A mathematician.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b'{"title": "a"}\n{"title": "b", "text": ""}\n', "holds no text"),
        (b'{"title": "a", "text": " "}\n{"contents": "\\n\\t"}\n', "holds no text"),
        (b'{"text": "a"}\n{"text": \n', r":2: not valid JSON"),
        (b'{"text": "a"}\n\xff\xfe\n', r":2: not valid JSON"),
        (b'{"text": "a"}\n["b"]\n', r":2: not a JSON object"),
        (b'{"text": 3}\n', r":1: `text` must be a string, not int"),
    ],
)
def test_bad_corpus_gets_one_line_that_names_the_place(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=message) as caught:
        CorpusSearch(path)
    assert "\n" not in str(caught.value)


def test_documents_without_text_are_skipped_and_counted(
    corpus: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    blank = {"id": "0", "title": "Quartet of blanks", "text": " \n"}
    write(corpus, [blank, *DOCUMENTS, {"id": "9", "title": "Nothing"}])
    with pytest.warns(RuntimeWarning, match="2 of 6 documents have no text") as told:
        search = CorpusSearch(corpus, cache_dir=cache)
    assert len(told) == 1
    assert str(corpus) in str(told[0].message)
    assert len(search) == 4
    assert {d.title for d in search.search("quartet", 9)} == {"Quartet", "Béla Bartók"}
    with pytest.warns(RuntimeWarning):  # the kept index counts the same places
        assert (
            CorpusSearch(corpus, cache_dir=cache).search("tokyo 首都", 1)[0].title == "東京"
        )


def test_an_index_of_all_lines_is_not_taken_for_one_without_the_skipped(
    corpus: Path,
) -> None:
    write(corpus, [{"id": "0", "title": "Blank", "text": " "}, *DOCUMENTS])
    with pytest.warns(RuntimeWarning):
        settings = CorpusSearch(corpus).settings
    assert settings["corpus"] != sha256(corpus.read_bytes()).hexdigest()


def test_a_corpus_in_which_all_have_text_is_not_warned_of(corpus: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = CorpusSearch(corpus)
    assert len(found) == len(corpus.read_text(encoding="utf-8").splitlines())


def test_absent_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no corpus file at .*nowhere"):
        CorpusSearch(tmp_path / "nowhere")


def test_threads_get_the_same_results(corpus: Path) -> None:
    search = CorpusSearch(corpus)
    wanted = search.search("quartet players", 3)
    wrong: list = []

    def ask() -> None:
        found = [search.search("quartet players", 3) for _ in range(50)]
        wrong.extend(result for result in found if result != wanted)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=40), k=st.integers(0, 9))
def test_any_query_gives_at_most_k_in_falling_order(
    corpus_search: CorpusSearch, query: str, k: int
) -> None:
    scores = [d.score or 0.0 for d in corpus_search.search(query, k)]
    assert len(scores) <= k
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)


@pytest.fixture(scope="module")
def corpus_search(tmp_path_factory: pytest.TempPathFactory) -> CorpusSearch:
    return CorpusSearch(write(tmp_path_factory.mktemp("c") / "corpus.jsonl", DOCUMENTS))


def test_importing_the_factory_stays_light() -> None:
    code = (
        "import sys, langgraph_deepsearch.tools.factory;"
        "print([m for m in ('bm25s', 'trafilatura', 'tavily', 'torch', 'pypdf', 'numpy')"
        " if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"


@pytest.mark.slow
def test_recall_and_speed_on_wikipedia_passages() -> None:
    folder = Path(__file__).parents[3] / "shared/data/2wiki_hipporag1000"
    if not folder.is_dir():
        pytest.skip("the 2WikiMultiHopQA passages are not at hand")
    search = CorpusSearch(folder / "corpus.jsonl")
    with (folder / "corpus.jsonl").open(encoding="utf-8") as file:
        ids = {(r["title"], r["text"]): r["id"] for r in map(json.loads, file)}
    recall, seconds, count = 0.0, 0.0, 0
    for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        started = time.perf_counter()
        found = search.search(record["question"], 5)
        seconds += time.perf_counter() - started
        gold = set(record["supporting_ids"])
        recall += len(gold & {ids[d.title, d.text] for d in found}) / len(gold)
        count += 1
    assert recall / count > 0.66
    assert seconds / count < 0.005
