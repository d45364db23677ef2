import threading
import time

import httpx
import pytest

from langgraph_deepsearch.tools.http_retriever import HttpRetriever
from langgraph_deepsearch.world.preset import WorldError
from langgraph_deepsearch.world.server import serve_world


@pytest.fixture(scope="module")
def served(world):
    with serve_world(world.path) as server:
        yield server


def test_a_page_is_served_as_html(world, served):
    document = world.document("film-00000")
    answer = httpx.get(served.localize(document["url"]), follow_redirects=True)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<title>{document['title']}</title>" in answer.text


def test_an_address_that_moved_redirects_to_the_page(world, served):
    source, target = next(iter(world.behaviours["redirects"].items()))
    answer = httpx.get(f"{served.url}/{source}")
    assert answer.status_code == 302
    assert answer.headers["location"] == f"/{target}"


def test_a_dead_address_is_a_404(world, served):
    for path in world.behaviours["dead"]:
        assert httpx.get(f"{served.url}/{path}").status_code == 404


def test_a_slow_page_is_late(world, served):
    path, seconds = next(iter(world.behaviours["slow"].items()))
    start = time.monotonic()
    assert httpx.get(f"{served.url}/{path}").status_code == 200
    assert time.monotonic() - start >= seconds


def test_a_huge_page_is_served_whole(world, served):
    answer = httpx.get(f"{served.url}/{world.behaviours['huge'][0]}")
    assert len(answer.content) > 100_000


@pytest.mark.parametrize("path", ["../world.json", "..%2fworld.json", "%2e%2e/facts.jsonl"])
def test_nothing_outside_the_pages_is_served(served, path):
    host, port = served.url.removeprefix("http://").split(":")
    import socket

    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"GET /{path} HTTP/1.0\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b" 404 " in answer.split(b"\r\n")[0]


def test_retrieve_answers_as_the_contract_says(world, served):
    title = world.document("film-00000")["title"]
    body = {"queries": [title, "mayor"], "topk": 2, "return_scores": True}
    result = httpx.post(f"{served.url}/retrieve", json=body).json()["result"]
    assert [len(items) for items in result] == [2, 2]
    best = result[0][0]
    assert best["document"]["contents"].startswith(f'"{title}"\n')
    assert best["score"] > 0
    assert best["document"]["url"].startswith(served.url)
    bare = httpx.post(
        f"{served.url}/retrieve", json={**body, "return_scores": False}
    ).json()
    assert bare["result"][0][0] == best["document"]


def test_the_http_retriever_reads_it(world, served):
    title = world.document("novel-00000")["title"]
    documents = HttpRetriever(served.url).search(f"author of {title}", 3)
    assert documents[0].title == title
    assert "author" in documents[0].text


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'{"queries": "one"}',
        b'{"queries": [1]}',
        b"",
        b'{"queries": ["a"], "topk": "x"}',
    ],
)
def test_a_malformed_search_is_refused_in_one_line(served, content):
    answer = httpx.post(f"{served.url}/retrieve", content=content)
    assert answer.status_code == 400
    assert "not a search request" in answer.json()["error"]


def test_another_endpoint_is_not_there(served):
    assert httpx.post(f"{served.url}/other", json={}).status_code == 404


def test_it_stops_at_once_and_leaves_no_thread(world):
    path = next(iter(world.behaviours["slow"]))
    before = set(threading.enumerate())
    with serve_world(world.path) as server:
        host, port = server.url.removeprefix("http://").split(":")
        import socket

        connection = socket.create_connection((host, int(port)), timeout=5)
        connection.sendall(f"GET /{path} HTTP/1.0\r\n\r\n".encode())
        time.sleep(0.1)
        start = time.monotonic()
    assert time.monotonic() - start < 1.0
    connection.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_many_clients_are_served_at_once(world, served):
    paths = list(world.behaviours["slow"])[:1] * 8
    threads = [
        threading.Thread(target=httpx.get, args=(f"{served.url}/{path}",)) for path in paths
    ]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - start < 6.0  # one after the other would be 12 s


def test_a_taken_port_and_a_missing_world_are_said_in_one_line(world, served, tmp_path):
    port = int(served.url.rpartition(":")[2])
    with (
        pytest.raises(WorldError, match=f"port {port} cannot be opened"),
        serve_world(world.path, port),
    ):
        pass
    with pytest.raises(WorldError, match="deepsearch world build"), serve_world(tmp_path):
        pass


def test_an_impossible_port_is_said_in_one_line(world):
    with pytest.raises(WorldError, match="port 99999"), serve_world(world.path, 99_999):
        pass


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("behaviours.json", "torn {"),
        ("behaviours.json", "[]"),
        ("behaviours.json", '{"redirects": {}}'),
        ("world.json", "[]"),
    ],
)
def test_a_damaged_world_is_said_in_one_line(world, tmp_path, name, content):
    for file in ("world.json", "behaviours.json"):
        (tmp_path / file).write_text((world.path / file).read_text())
    (tmp_path / name).write_text(content)
    with pytest.raises(WorldError, match="is damaged"), serve_world(tmp_path):
        pass


def test_the_web_search_gives_snippets_of_pages_that_can_be_read(tmp_path_factory):
    from langgraph_deepsearch.tools.factory import make_reader, make_search
    from langgraph_deepsearch.world.build import build_world

    folder = tmp_path_factory.mktemp("web")
    build_world(folder, pages=200, seed=1)
    with serve_world(folder) as world:
        search = make_search(f"searxng:{world.url}")
        assert not search.returns_full_text
        (found, *_) = search.search("yearly event held", 3)
        assert found.url.startswith(world.url)
        page = make_reader(allow_private=("127.0.0.1",)).read(found.url)
    assert found.snippet.split()[0] in page.text
    assert len(page.text) > len(found.snippet)
