"""The real `langgraph dev` server, driven through its SDK."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from langgraph_sdk import get_sync_client
from report_script import QUESTION, RUN, script
from scripted import ANSWER, PAGES, query

from langgraph_deepsearch.trace import read_traces

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture(scope="module")
def dev_server(tmp_path_factory):
    """Yield the URL of `langgraph dev` on the project's own langgraph.json."""
    tmp_path = tmp_path_factory.mktemp("server")
    shutil.copy(ROOT / "langgraph.json", tmp_path)
    port = free_port()
    command = [
        sys.executable, "-m", "langgraph_cli", "dev", "--no-browser", "--no-reload",
        "--port", str(port),
    ]  # fmt: skip
    log = (tmp_path / "server.log").open("w")
    environment = {
        **os.environ,
        "LANGSMITH_TRACING": "false",
        "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    }
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT, env=environment
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            if process.poll() is not None:
                break
            try:
                if httpx.get(f"{url}/ok", timeout=1).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.25)
        else:
            pytest.fail((tmp_path / "server.log").read_text()[-2000:])
        assert process.poll() is None, (tmp_path / "server.log").read_text()[-2000:]
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    records = [
        {"id": k, "title": p.title, "text": p.text, "url": p.url} for k, p in PAGES.items()
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_studio_sees_the_form_and_each_run_has_its_own_context(
    dev_server, corpus, fake_server, tmp_path
):
    client = get_sync_client(url=dev_server)
    (assistant,) = client.assistants.search(graph_id="deep_search")
    schemas = client.assistants.get_schemas(assistant["assistant_id"])
    form = schemas["context_schema"]["properties"]
    assert form["max_searches"]["description"].startswith("Search budget")
    assert form["model"]["langgraph_nodes"] == ["reason", "generate"]
    assert {"question", "messages"} <= set(schemas["input_schema"]["properties"])

    fake_server.script(
        lambda prompt: (
            ANSWER
            if "end_search_result|>\n\n" in prompt.split("Question:")[-1]
            or "You have" in prompt
            else query("capital of Peru")
        )
    )
    common = {
        "base_url": fake_server.base_url,
        "search": f"corpus:{corpus}",
        "condenser": "extractive",
        "trace_dir": str(tmp_path / "traces"),
    }
    thread = client.threads.create()
    question = {"question": "What is the capital of Peru?"}
    result = client.runs.wait(
        thread["thread_id"], "deep_search", input=question, context=common
    )
    assert (result["answer"], result["stop_reason"]) == ("Lima", "answered")
    other = client.threads.create()
    result = client.runs.wait(
        other["thread_id"],
        "deep_search",
        input=question,
        context={**common, "max_turns": 1, "force_answer": False},
    )
    assert (result["answer"], result["stop_reason"]) == ("", "turn_limit")
    found = list(read_traces(tmp_path / "traces"))
    assert [(t.answer, t.stop_reason, t.exactness) for t in found] == [
        ("Lima", "answered", "token"),
        (None, "turn_limit", "token"),
    ]
    states = client.threads.get_history(thread["thread_id"])
    assert len(states) >= 5
    streamed = list(
        client.runs.stream(
            None,
            "deep_search",
            input=question,
            context=common,
            stream_mode=["custom", "messages-tuple"],
        )
    )
    assert any(part.event == "custom" for part in streamed)
    assert any(part.event == "messages" for part in streamed)


def test_studio_serves_the_report_graph_beside_it(
    dev_server, corpus, fake_server, tmp_path
):
    client = get_sync_client(url=dev_server)
    found = {one["graph_id"]: one["assistant_id"] for one in client.assistants.search()}
    assert set(found) == {"deep_search", "report"}
    schemas = client.assistants.get_schemas(found["report"])
    form = schemas["context_schema"]["properties"]
    assert form["writer_model"]["langgraph_nodes"] == ["plan", "write", "edit"]
    assert form["dialect"]["default"] == "web_thinker_report"
    assert {"report", "sources"} <= set(schemas["output_schema"]["properties"])
    first = client.assistants.get_schemas(found["deep_search"])
    assert "writer_model" not in first["context_schema"]["properties"]

    fake_server.script(script([*RUN, *RUN]))
    context = {
        "base_url": fake_server.base_url,
        "search": f"corpus:{corpus}",
        "top_k": 1,
        "condenser": "extractive",
        "trace_dir": str(tmp_path / "traces"),
    }
    thread = client.threads.create()
    result = client.runs.wait(
        thread["thread_id"], "report", input={"question": QUESTION}, context=context
    )
    assert result["stop_reason"] == "answered"
    assert "## Sources\n\n- [1] Lima. <http://w.test/lima>\n" in result["report"]
    (trace,) = read_traces(tmp_path / "traces")
    assert (trace.answer, trace.exactness) == (result["report"], "token")
    assert len(client.threads.get_history(thread["thread_id"])) >= 10
    streamed = client.runs.stream(
        None, "report", input={"question": QUESTION}, context=context, stream_mode="custom"
    )
    events = [part.data["event"] for part in streamed if part.event == "custom"]
    assert events[0] == "plan"
    assert {"write", "edit", "check", "generate"} <= set(events)
