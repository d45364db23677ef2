import json
import threading

import httpx
import pytest

from langgraph_deepsearch.evals.trace_index import TraceIndex
from langgraph_deepsearch.evals.viewer import (
    ViewerError,
    make_server,
    trace_files,
    write_viewer,
)
from langgraph_deepsearch.trace import append_trace, write_traces


@pytest.fixture
def trace_file(make_trace, tmp_path):
    path = tmp_path / "traces.jsonl"
    traces = [
        make_trace(0),
        make_trace(1, answer="Old Velmar"),
        make_trace(2, answer=None, stop_reason="turn_limit"),
        make_trace(3, golds=(), question="Who wrote Ökonomie?"),
    ]
    write_traces(path, traces)
    return path


@pytest.fixture
def client(trace_file):
    with make_server(trace_file) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        wait_until_read(server)
        with httpx.Client(base_url=server.url, timeout=10) as client:
            yield client
        server.shutdown()
        thread.join()


def wait_until_read(server):
    for index in server.indexes.values():
        while not index.complete or not index.entries:
            threading.Event().wait(0.01)


def listed(client, **filters):
    return client.get("/api/traces", params=filters).json()


def test_the_list_tells_what_each_run_came_to(client):
    found = listed(client)
    assert (found["total"], found["matched"], found["complete"]) == (4, 4, True)
    assert [row["grade"] for row in found["rows"]] == [
        "right",
        "partly",
        "wrong",
        "unscored",
    ]
    assert found["stops"] == {"answered": 3, "turn_limit": 1}
    assert found["rows"][0]["searches"] == 1


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({"grade": "wrong"}, [2]),
        ({"stop": "turn_limit"}, [2]),
        ({"text": "ökonomie"}, [3]),
        ({"text": "old velmar"}, [1]),
        ({"text": "q1/0"}, [1]),
        ({"text": "film", "grade": "right"}, [0]),
        ({"text": "nothing of the kind"}, []),
        ({"start": 1, "limit": 2}, [1, 2]),
        ({"start": 9}, []),
    ],
)
def test_filters_narrow_the_list(client, filters, numbers):
    assert [row["number"] for row in listed(client, **filters)["rows"]] == numbers


def test_a_trace_is_read_from_its_place_in_the_file(client, trace_file):
    lines = trace_file.read_text(encoding="utf-8").splitlines()
    for number in (3, 0, 2):
        assert client.get(f"/api/traces/{number}").json() == json.loads(lines[number])


@pytest.mark.parametrize(
    "path",
    ["/api/traces/99", "/api/traces/-1", "/api/traces/x", "/else", "/api/traces?file=no",
     "/api/traces?start=x", "/api/traces/../../etc/passwd"],
)  # fmt: skip
def test_what_is_not_there_is_a_404(client, path):
    assert client.get(path).status_code == 404


def test_the_page_allows_only_its_own_script(client):
    page = client.get("/").text
    nonce = page.split("script-src &#x27;nonce-")[1].split("&#x27;")[0]
    assert page.count(f'nonce="{nonce}"') == 2
    assert page.count("<script") == 2
    assert "http://" not in page
    assert "https://" not in page.replace('"https:"', "")
    assert "innerHTML" not in page
    assert nonce not in client.get("/").text


def test_a_foreign_host_name_is_refused(client):
    assert client.get("/api/traces", headers={"Host": "evil.test"}).status_code == 403
    assert client.get("/api/traces", headers={"Host": "localhost:1"}).status_code == 200


def test_traces_written_while_it_is_open_appear(client, trace_file, make_trace):
    append_trace(trace_file, make_trace(4))
    for _ in range(200):
        if listed(client)["total"] == 5:
            break
        threading.Event().wait(0.01)
    assert listed(client)["total"] == 5
    assert client.get("/api/traces/4").json()["id"] == "q4/0"


def test_a_replaced_file_is_read_anew(trace_file, make_trace):
    index = TraceIndex(trace_file)
    index.grow()
    write_traces(trace_file, [make_trace(7)])
    index.grow()
    assert [entry.id for entry in index.entries] == ["q7/0"]


def test_broken_and_torn_lines_are_told_and_left_out(trace_file):
    with trace_file.open("a", encoding="utf-8") as file:
        file.write('not json\n{"id": 1}\n\n{"torn": ')
    index = TraceIndex(trace_file)
    index.grow()
    assert len(index.entries) == 4
    assert index.find()["broken"] == [5, 6]


def test_a_last_trace_that_lacks_its_newline_alone_is_listed(trace_file, make_trace):
    trace_file.write_bytes(trace_file.read_bytes().rstrip(b"\n"))
    index = TraceIndex(trace_file)
    index.grow()
    assert len(index.entries) == 4
    append_trace(trace_file, make_trace(4))
    with trace_file.open("a", encoding="utf-8") as file:
        file.write("not json\n")
    index.grow()
    assert [entry.id for entry in index.entries] == [f"q{n}/0" for n in range(5)]
    assert index.find()["broken"] == [6]


def test_a_file_with_a_broken_line_before_its_traces_is_shown(trace_file):
    trace_file.write_text("not json\n" + trace_file.read_text(encoding="utf-8"), "utf-8")
    assert trace_files(trace_file) == [trace_file]


def test_a_directory_offers_every_trace_file(trace_file, make_trace):
    folder = trace_file.parent
    write_traces(folder / "after.jsonl", [make_trace(0)])
    (folder / "failures.jsonl").write_text('{"id": "q", "error": "down"}\n')
    assert [file.name for file in trace_files(folder)] == ["traces.jsonl", "after.jsonl"]


def test_a_large_file_is_listed_page_by_page(make_trace, tmp_path):
    path = tmp_path / "many.jsonl"
    line = make_trace(0).model_dump_json() + "\n"
    path.write_text(line * 20_000)
    index = TraceIndex(path)
    index.grow()
    found = index.find(text="film", start=19_990)
    assert (found["matched"], len(found["rows"])) == (20_000, 10)
    assert index.read(19_999).decode() + "\n" == line


def test_the_static_page_holds_traces_that_cannot_break_out(make_trace, tmp_path):
    hostile = "</script><script>alert(1)</script><!--"
    write_traces(tmp_path / "t.jsonl", [make_trace(0, evidence=hostile, question=hostile)])
    page = write_viewer(tmp_path / "t.jsonl", tmp_path / "out/view.html").read_text("utf-8")
    assert page.count("<script") == 2
    assert page.count("</script>") == 2
    start = page.index(">", page.index('<script id="data"')) + 1
    data = json.loads(page[start : page.index("</script>", start)])
    assert data["embedded"]["t.jsonl"]["traces"][0]["question"] == hostile


def test_what_cannot_be_shown_is_one_clear_error(tmp_path, trace_file, monkeypatch):
    with pytest.raises(ViewerError, match="no trace file at"):
        make_server(tmp_path / "absent.jsonl")
    for text in ("", "\n", "some text\n", '{"id": "1", "question": "Who?"}\n', '{"torn": '):
        (tmp_path / "none.jsonl").write_text(text)
        with pytest.raises(ViewerError, match=r"no traces in .*none\.jsonl"):
            make_server(tmp_path / "none.jsonl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ViewerError, match=r"run `deepsearch rollout` first"):
        make_server(tmp_path / "empty")
    with (
        make_server(trace_file) as server,
        pytest.raises(ViewerError, match="another --port"),
    ):
        make_server(trace_file, port=server.server_port)
    monkeypatch.setattr("langgraph_deepsearch.evals.viewer.MOST_STATIC_BYTES", 10)
    with pytest.raises(ViewerError, match="use `deepsearch view`"):
        write_viewer(trace_file, tmp_path / "x.html")
