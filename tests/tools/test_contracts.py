"""The contracts of published agents' retrieval servers, from both sides of a real socket."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langgraph_deepsearch.nodes.condensers.base import CondenseRequest
from langgraph_deepsearch.nodes.condensers.none import NoCondenser
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.tools.base import SearchError
from langgraph_deepsearch.tools.contracts import (
    CONTRACTS,
    join_contents,
    read_line,
    split_contents,
    write_line,
)
from langgraph_deepsearch.tools.corpus import CorpusSearch
from langgraph_deepsearch.tools.factory import SearchSpecError, make_search
from langgraph_deepsearch.tools.http_retriever import HttpRetriever
from langgraph_deepsearch.tools.search_server import SearchServerError, serve_search
from langgraph_deepsearch.trace import Document

R1_SEARCHER = get_dialect("r1_searcher")
DOCUMENT = {"id": "3", "contents": '"Tea"\nTea is a drink.'}
ANSWERS = {
    # What each original's server answers to one query for two documents.
    "retrieve": {
        "result": [[{"document": DOCUMENT, "score": 2.5}, {"document": DOCUMENT}]]
    },
    "queries": {
        "queries": ["tea"],
        "answers": [["4 Title: Tea Text:  Tea is a drink.", '"Title: ""T"" Text:  Hot."']],
    },
    "search": [DOCUMENT, DOCUMENT],
    "batch_search": [[DOCUMENT, DOCUMENT]],
    "zero_search": [{"text": "Tea is a drink."}, {"text": '"Tea"\nHot.'}],
}
BODIES = {
    "retrieve": {"queries": ["tea"], "topk": 2, "return_scores": True},
    "queries": {"queries": ["tea"], "k": 2},
    "search": {"query": "tea", "top_n": 2, "return_score": False},
    "batch_search": {"query": ["tea"], "top_n": 2, "return_score": False},
    "zero_search": {"query": "tea", "top_k": 2},
}
FOUND = {
    "retrieve": [("Tea", "Tea is a drink."), ("Tea", "Tea is a drink.")],
    "queries": [("Tea", "Tea is a drink."), ('"T"', "Hot.")],
    "search": [("Tea", "Tea is a drink."), ("Tea", "Tea is a drink.")],
    "batch_search": [("Tea", "Tea is a drink."), ("Tea", "Tea is a drink.")],
    "zero_search": [("", "Tea is a drink."), ("Tea", "Hot.")],
}
EVERY = pytest.mark.parametrize("contract", sorted(CONTRACTS))


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    passages = [
        {
            "id": "1",
            "title": "Tea",
            "text": 'Tea is a "hot" drink.',
            "url": "http://t.test/",
        },
        {"id": "2", "title": 'The "Kettle"', "text": "A kettle boils water for tea."},
        {"id": "3", "title": "", "text": "Coffee is another drink."},
    ]
    path.write_text("".join(json.dumps(p) + "\n" for p in passages), encoding="utf-8")
    return CorpusSearch(path)


@EVERY
async def test_a_client_speaks_the_contract(site, serve_json, contract):
    route = CONTRACTS[contract].route
    site.routes[route] = serve_json((200, ANSWERS[contract]))
    for url in (site.url, f"{site.url}/", f"{site.url}{route}"):
        client = HttpRetriever(url, contract)
        found = await client.asearch("tea", 2)
        assert [(d.title, d.text) for d in found] == FOUND[contract]
    assert [json.loads(body) for *_, body in site.requests] == [BODIES[contract]] * 3
    assert len(client.search("tea", 1)) == 1  # servers that ignore the number


@EVERY
@pytest.mark.parametrize("answer", [{}, [], "no", 7, None, {"result": []}, [[[1]]], [7]])
def test_another_answer_is_an_error(site, serve_json, contract, answer):
    site.routes[CONTRACTS[contract].route] = serve_json((200, answer))
    client = HttpRetriever(site.url, contract, retries=0)
    if answer == [] and contract in ("search", "zero_search"):
        assert client.search("tea", 2) == []  # nothing found
        return
    with pytest.raises(SearchError, match="the retriever"):
        client.search("tea", 2)


@EVERY
def test_our_server_keeps_every_contract(corpus, contract):
    with serve_search(corpus) as url:
        found = make_search(f"http+{contract}:{url}").search("tea drink", 2)
    expected = corpus.search("tea drink", 2)
    assert len(expected) == 2
    assert [(d.title, d.text) for d in found] == [(d.title, d.text) for d in expected]


def test_the_originals_requests_are_answered_in_their_shapes(corpus):
    with serve_search(corpus) as url, httpx.Client(base_url=url, trust_env=False) as client:

        def post(route, body):
            answer = client.post(route, json=body)
            assert answer.status_code == 200, answer.text
            return answer.json()

        two = ["tea", "coffee"]
        bare = post("/retrieve", {"queries": two, "topk": 1})["result"]
        assert [one[0]["contents"] for one in bare] == [
            '"Tea"\nTea is a "hot" drink.',
            "Coffee is another drink.",
        ]
        scored = post("/retrieve", {"queries": two, "topk": 1, "return_scores": True})
        assert scored["result"][0][0]["document"]["contents"] == bare[0][0]["contents"]
        assert scored["result"][0][0]["score"] > 0
        lines = post("/queries", {"queries": two, "k": 1})
        assert lines["queries"] == two
        assert lines["answers"][0] == ['"Title: Tea Text:  Tea is a ""hot"" drink."']
        plain = post("/search", {"query": "tea", "top_n": 2, "return_score": False})
        assert [set(one) for one in plain] == [
            {"id", "contents", "url"},
            {"id", "contents"},
        ]
        documents, scores = post(
            "/search", {"query": "tea", "top_n": 2, "return_score": True}
        )
        assert (documents, len(scores)) == (plain, 2)
        batch = post("/batch_search", {"query": two, "top_n": 1})
        assert [len(one) for one in batch] == [1, 1]
        (text,) = post("/retrieve", {"query": "coffee", "top_k": 1})
        assert text == {"text": "Coffee is another drink."}
        assert len(post("/retrieve", {"queries": ["tea drink water"]})["result"][0]) == 3
        assert client.get("/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    ("route", "body", "status"),
    [
        ("/retrieve", {"queries": "tea"}, 400),
        ("/retrieve", {"query": 3}, 400),
        ("/retrieve", {"queries": ["a"] * 10_001}, 400),
        ("/queries", {"queries": ["tea"], "k": 0}, 400),
        ("/search", {"query": "tea", "top_n": True}, 400),
        ("/retrieve", {"queries": ["tea"], "topk": 101}, 400),
        ("/retrieve", {"query": "tea", "top_k": 101}, 400),
        ("/batch_search", ["tea"], 400),
        ("/nowhere", {}, 404),
    ],
)
def test_a_bad_request_is_refused_and_the_server_lives(corpus, route, body, status):
    with serve_search(corpus) as url, httpx.Client(base_url=url, trust_env=False) as client:
        answer = client.post(route, json=body)
        assert answer.status_code == status
        assert answer.json()["error"]
        assert client.post("/search", content=b"{").status_code == 400
        assert client.post("/search", json={"query": "tea"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "route", "status", "says"),
    [
        ("GET", "/retrieve", 405, "POST it: /retrieve"),
        ("PUT", "/search", 405, "POST it: /search"),
        ("DELETE", "/health", 405, "GET it: /health"),
        ("POST", "/health", 405, "GET it: /health"),
        ("PUT", "/nowhere", 404, "no route /nowhere"),
        ("BREW", "/search", 501, "Unsupported method ('BREW')"),
    ],
)
def test_a_request_of_another_method_is_told_how_to_ask(
    corpus, method, route, status, says
):
    with serve_search(corpus) as url, httpx.Client(base_url=url, trust_env=False) as client:
        answer = client.request(method, route, json={"query": "tea"})
        assert (answer.status_code, answer.json()) == (status, {"error": says})
        assert answer.headers.get("Allow", "") == (
            says[:4].strip() if status == 405 else ""
        )
        head = client.head("/search")
        assert (head.status_code, head.content) == (405, b"")
        assert client.post("/search", json={"query": "tea"}).status_code == 200


def test_a_document_has_the_id_of_its_corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    records = [
        {"id": "a", "text": "Green tea."},
        {"id": 7, "text": "Tea."},
        {"text": "teas"},
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    with (
        serve_search(CorpusSearch(path)) as url,
        httpx.Client(base_url=url, trust_env=False) as client,
    ):

        def ids(route, body):
            answer = client.post(route, json=body).json()
            found = answer["result"][0] if route == "/retrieve" else answer
            found = found[0] if route == "/batch_search" else found
            return {one.get("document", one)["id"] for one in found}

        known = {"a", "7", "3"}  # the last line has none: it is known by its number
        assert ids("/retrieve", {"queries": ["tea"]}) == known
        assert ids("/retrieve", {"queries": ["tea"], "return_scores": True}) == known
        assert ids("/search", {"query": "tea"}) == known
        assert ids("/batch_search", {"query": ["tea"]}) == known


def test_where_no_id_is_known_it_is_a_hash_of_the_text():
    class Web:
        name, returns_full_text, settings = "web", True, {}

        def search(self, query, k, *, episode=None):
            return [Document(text="Tea."), Document(text="Tea."), Document(text="Coffee.")]

    with serve_search(Web()) as url:
        found = httpx.post(f"{url}/search", json={"query": "tea"}, trust_env=False).json()
    assert len({one["id"] for one in found}) == 2


def test_a_corpus_id_is_no_id_of_a_run(corpus):
    assert [one.id for one in corpus.search("tea", 3)] == ["", ""]
    assert [known for known, _ in corpus.search_with_ids("tea", 3)] == ["1", "2"]


def test_a_failed_search_is_no_empty_result():
    class Broken:
        name, returns_full_text, settings = "broken", True, {}

        def search(self, query, k, *, episode=None):
            msg = "the index is gone"
            raise SearchError(msg)

    with serve_search(Broken()) as url:
        answer = httpx.post(f"{url}/search", json={"query": "tea"}, trust_env=False)
        assert (answer.status_code, answer.json()) == (502, {"error": "the index is gone"})


def test_a_taken_port_is_one_clear_line(corpus):
    with serve_search(corpus) as url:
        port = int(url.rpartition(":")[2])
        with (
            pytest.raises(SearchServerError, match="take another --port"),
            serve_search(corpus, port=port),
        ):
            pass


def test_an_unknown_contract_is_refused():
    with pytest.raises(SearchSpecError, match=r"http\+queries"):
        make_search("http+nothing:http://127.0.0.1:1")


PIECES = st.sampled_from(
    [*'ab "\\,:é東127', "Title: ", "18 Title: ", " Text:  ", '"Title: ']
)
WORDS = st.lists(PIECES, max_size=12).map("".join)
"""Text with what a passage file has before and between its parts."""


@given(title=WORDS, text=WORDS)
@example(title="Act", text="It is 18 Title: Crimes, in 1948.")
def test_a_line_is_read_as_it_was_written(title, text):
    title = title.strip()
    if " Text:  " in title or not title:
        return
    line = write_line(Document(title=title, text=text))
    for written in (line, f"7 {line}"):  # with the number that a retriever puts before it
        read = read_line(written)
        assert (read.title, read.text) == (title, text)


@given(title=WORDS, text=WORDS)
@example(title="", text="7 laws make 18 Title: Crimes.")
def test_a_dialect_writes_a_passage_as_its_file_does(title, text):
    (line,) = R1_SEARCHER.format_documents([{"title": title, "text": text}]).splitlines()
    passage = line.removeprefix("(1)")
    if title:
        assert passage == write_line(Document(title=title, text=text))
    else:
        assert text.endswith(passage)
        assert re.fullmatch(r"(\d+\s+)?", text.removesuffix(passage))


@given(title=st.text(alphabet="ab é,", min_size=1).map(str.strip).filter(bool), text=WORDS)
def test_contents_are_read_as_they_were_written(title, text):
    joined = join_contents(Document(title=title, text=text))
    assert split_contents(joined) == (title, text, f'"{title}"')


@given(st.text(alphabet='ab "\n\\', max_size=20))
def test_contents_lose_no_byte(contents):
    found = split_contents(contents)
    assert (f"{found.line}\n{found.text}" if found.line else found.text) == contents


def test_a_batch_of_rollouts_is_answered_in_one_request(corpus):
    queries = ["tea"] * (512 * 5)  # Search-R1's GRPO: train_batch_size x n_agent
    with serve_search(corpus) as url:
        answer = httpx.post(
            f"{url}/retrieve",
            json={"queries": queries, "topk": 1},
            trust_env=False,
            timeout=60,
        )
    assert len(answer.json()["result"]) == len(queries)


PASSAGES = {
    "bare": "Peru\nA country.",
    "quoted": '"Peru"\nA country.',
    "doubled": '"""Weird Al"" Yankovic"\nA singer.',
    "untitled": "A country without a title.",
    "spaced": "Peru \n A country. \n",
}
RENDERED = {
    # search_r1/llm_agent/generation.py:460-468
    "search_r1": lambda c: (
        f"Doc 1(Title: {c.split(chr(10))[0]}) {c.partition(chr(10))[2]}\n"
    ),
    "research": lambda c: c,
    "zero_search": lambda c: f"Doc 1: {c}",
    "zero_search:wiki": lambda c: f"Doc 1: {c}",
}


@pytest.mark.parametrize("dialect", RENDERED)
@pytest.mark.parametrize("name", PASSAGES)
@pytest.mark.parametrize("contract", ["retrieve", "search", "batch_search", "zero_search"])
def test_a_passage_reaches_the_transcript_byte_for_byte(
    site, serve_json, contract, name, dialect
):
    contents = PASSAGES[name]
    item = {"text": contents} if contract == "zero_search" else {"contents": contents}
    answers = {"retrieve": {"result": [[item]]}, "batch_search": [[item]]}
    route = CONTRACTS[contract].route
    site.routes[route] = serve_json((200, answers.get(contract, [item])))
    found = HttpRetriever(site.url, contract).search("tea", 1)
    shown = NoCondenser(get_dialect(dialect)).condense(CondenseRequest("Q?", "tea", found))
    assert shown.text == RENDERED[dialect](contents)


def test_a_corpus_of_contents_is_rendered_and_served_byte_for_byte(tmp_path):
    path = tmp_path / "corpus.jsonl"
    path.write_text(json.dumps({"contents": PASSAGES["bare"]}) + "\n")
    corpus = CorpusSearch(path)
    (found,) = corpus.search("Peru", 1)
    assert (found.title, found.text) == ("Peru", "A country.")
    assert get_dialect("research").format_documents([vars(found)]) == PASSAGES["bare"]
    with serve_search(corpus) as url:
        (served,) = HttpRetriever(url).search("Peru", 1)
    assert (served.title_line, served.text) == ("Peru", "A country.")


def test_the_command_serves(deepsearch_search_server, corpus):
    url = deepsearch_search_server(corpus.path)
    found = HttpRetriever(url, "queries").search("kettle", 1)
    assert found[0].title == 'The "Kettle"'


@pytest.fixture
def deepsearch_search_server():
    """Start `deepsearch search serve` as a user does; return its address."""
    import re
    import subprocess
    import sys

    started = []

    def start(path):
        command = [sys.executable, "-m", "langgraph_deepsearch.cli", "search", "serve"]
        command += ["--search", f"corpus:{path}", "--port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        line = process.stdout.readline()
        return re.search(r"http://\S+?:\d+", line)[0]

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()
