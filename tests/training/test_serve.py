from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from langgraph_deepsearch.training import model_source, process_group, serve
from langgraph_deepsearch.training.model_source import ModelSourceError
from langgraph_deepsearch.training.serve import ModelServer, ServerError, free_port
from langgraph_deepsearch.training.tokenizer import TokenizerError

STAND_IN = """
import http.server, json, os, signal, subprocess, sys, time
arguments = dict(zip(sys.argv[1::1], sys.argv[2::1]))
mode = os.environ["STAND_IN_MODE"]
if "stubborn" in mode:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("stand-in server", mode, flush=True)
if mode == "fail":
    print("ValueError: the weights are damaged", flush=True)
    sys.exit(3)
if mode == "hang":
    time.sleep(600)
subprocess.Popen([sys.executable, "-c", "import signal, time\\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\ntime.sleep(600)"])

class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass
    def do_GET(self):
        body = json.dumps(sys.argv[1:]).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

http.server.HTTPServer(("127.0.0.1", int(arguments["--port"])), Handler).serve_forever()
"""
"""Stands in for vLLM's server: real HTTP, a child process that ignores SIGTERM."""


@pytest.fixture
def vllm_stand_in(tmp_path, monkeypatch):
    monkeypatch.setattr(model_source, "why_not_fetched", lambda _: "")
    source = tmp_path / "stand_in.py"
    source.write_text(STAND_IN)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} {source} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv(serve.VLLM_PYTHON_VARIABLE, str(python))
    monkeypatch.setattr(process_group, "GRACE_SECONDS", 1.0)

    def mode(name: str) -> None:
        monkeypatch.setenv("STAND_IN_MODE", name)

    mode("normal")
    return mode


def group_of(server: ModelServer) -> int:
    return server._process.pid


def members(group: int) -> list[str]:
    listed = subprocess.run(
        ["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    rows = [line.split(None, 2) for line in listed]
    return [" ".join(row) for row in rows if row[0] == str(group) and row[1][0] != "Z"]


def wait_until_gone(group: int, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while members(group):
        assert time.monotonic() < deadline, members(group)
        time.sleep(0.05)


def complete(server: ModelServer, name: str) -> dict:
    body = {"model": name, "prompt": "The capital of France is", "max_tokens": 4}
    response = httpx.post(
        f"{server.url}/completions", json=body, timeout=60, trust_env=False
    )
    response.raise_for_status()
    return response.json()


def test_a_server_is_healthy_inside_and_gone_with_its_children_after(
    vllm_stand_in, tmp_path
):
    with ModelServer(tmp_path, name=["deepsearch-desk", "latest"]) as server:
        group = group_of(server)
        assert server.engine == "vllm"
        assert len(members(group)) == 3  # guardian, server, its child
        arguments = httpx.get(f"{server.url}/models", trust_env=False).json()
        assert arguments[arguments.index("--served-model-name") + 1 :][:2] == [
            "deepsearch-desk",
            "latest",
        ]
        assert server.is_running
    assert members(group) == []
    assert not server.is_running
    server.stop()  # a second stop does nothing


def test_a_server_that_ignores_sigterm_is_killed(vllm_stand_in, tmp_path):
    vllm_stand_in("stubborn")
    with ModelServer(tmp_path) as server:
        group = group_of(server)
    assert members(group) == []


def test_a_server_that_fails_shows_the_end_of_its_log(vllm_stand_in, tmp_path):
    vllm_stand_in("fail")
    server = ModelServer(tmp_path)
    with pytest.raises(ServerError) as error:
        server.start()
    assert "ended before it was ready" in str(error.value)
    assert "ValueError: the weights are damaged" in str(error.value)
    assert not server.is_running


def test_a_server_that_is_never_ready_is_given_up(vllm_stand_in, tmp_path):
    vllm_stand_in("hang")
    server = ModelServer(tmp_path, start_seconds=1.0, log=tmp_path / "logs" / "server.log")
    with pytest.raises(ServerError, match="was not ready after 1 s") as error:
        server.start()
    assert str(tmp_path / "logs" / "server.log") in str(error.value)


OWNER = """
import sys, time
from langgraph_deepsearch.training.serve import ModelServer
server = ModelServer(sys.argv[1]).start()
print(server._process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_program_that_started_it(vllm_stand_in, tmp_path, number):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    group = int(owner.stdout.readline())
    assert len(members(group)) == 3
    owner.send_signal(number)
    owner.wait(timeout=30)
    wait_until_gone(group)


SERVE = """
from langgraph_deepsearch.training.serve_command import serve_until_interrupted
import sys
serve_until_interrupted(sys.argv[1], port=int(sys.argv[2]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_until_interrupted_ends_cleanly(vllm_stand_in, tmp_path, number):
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path), str(port)],
        stderr=subprocess.PIPE,
        text=True,
    )
    said = ""
    while f"http://127.0.0.1:{port}/v1" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(number)
    _, rest = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "stopped" in rest
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False)


def test_a_taken_port_is_said_at_once(vllm_stand_in, tmp_path):
    with ModelServer(tmp_path) as server:
        other = ModelServer(tmp_path, port=server.port)
        with pytest.raises(ServerError, match=f"port {server.port} is taken"):
            other.start()


def write_adapter(folder: Path, **settings) -> Path:
    folder.mkdir()
    values = {"base_model_name_or_path": "org/base", "r": 16, **settings}
    (folder / "adapter_config.json").write_text(json.dumps(values))
    (folder / "adapter_model.safetensors").touch()
    return folder


def write_model(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").touch()
    return folder


def arguments_of(server: ModelServer) -> list[str]:
    return httpx.get(f"{server.url}/models", trust_env=False).json()


def value_of(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_an_adapter_is_served_on_its_base_model(vllm_stand_in, tmp_path):
    adapter = write_adapter(tmp_path / "adapter")
    with ModelServer(adapter, name="deepsearch-desk") as server:
        arguments = arguments_of(server)
    assert value_of(arguments, "--model") == "org/base"
    assert value_of(arguments, "--lora-modules") == f"deepsearch-desk={adapter}"
    assert value_of(arguments, "--max-lora-rank") == "16"


def test_room_is_made_for_an_adapters_rank(vllm_stand_in, tmp_path):
    patterned = write_adapter(tmp_path / "adapter", r=8, rank_pattern={"down_proj": 100})
    with ModelServer(patterned) as server:
        assert value_of(arguments_of(server), "--max-lora-rank") == "128"
    with ModelServer(tmp_path, lora=True, max_lora_rank=24) as server:
        assert value_of(arguments_of(server), "--max-lora-rank") == "32"
    with pytest.raises(ServerError, match="up to rank 512, not 600"):
        ModelServer(tmp_path, lora=True, max_lora_rank=600).start()


def test_other_weights_are_taken_where_that_was_asked_for(
    vllm_stand_in, tmp_path, monkeypatch
):
    allowed = "VLLM_SERVER_DEV_MODE"
    monkeypatch.delenv(allowed, raising=False)
    assert ModelServer(tmp_path, updatable=True)._environment()[allowed] == "1"
    assert allowed not in ModelServer(tmp_path)._environment()


def test_a_host_that_is_no_address_of_ours_is_said_at_once(vllm_stand_in, tmp_path):
    server = ModelServer(tmp_path, host="192.0.2.1")
    with pytest.raises(ServerError, match=r"cannot listen at 192\.0\.2\.1:0"):
        server.start()


def test_a_server_that_listens_everywhere_is_reached_on_this_machine(
    vllm_stand_in, tmp_path
):
    with ModelServer(tmp_path, host="0.0.0.0") as server:
        assert server.url == f"http://127.0.0.1:{server.port}/v1"
        assert value_of(arguments_of(server), "--host") == "0.0.0.0"


def test_engines_that_are_not_there_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv(serve.VLLM_PYTHON_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(ServerError, match="which is no file"):
        ModelServer(tmp_path)
    monkeypatch.delenv(serve.VLLM_PYTHON_VARIABLE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(serve, "VLLM_PYTHON_FOLDER", "absent")
    with pytest.raises(ServerError, match="vLLM is not installed"):
        ModelServer(tmp_path, engine="vllm")


def test_transformers_serves_a_model_by_its_name_alone(tiny_model):
    pytest.importorskip("fastapi", reason="transformers' server needs fastapi")
    with ModelServer(tiny_model, name="deepsearch-tiny", engine="transformers") as server:
        group = group_of(server)
        answer = complete(server, "deepsearch-tiny")
        assert answer["usage"]["completion_tokens"] == 4
        listed = httpx.get(f"{server.url}/models", trust_env=False).json()["data"]
        assert [model["id"] for model in listed] == ["deepsearch-tiny"]
    assert members(group) == []


@pytest.mark.parametrize(
    ("asked", "what"), [("lora", "adapters"), ("updatable", "other weights")]
)
def test_transformers_takes_nothing_while_it_runs(tiny_model, asked, what):
    pytest.importorskip("fastapi", reason="transformers' server needs fastapi")
    server = ModelServer(tiny_model, engine="transformers", **{asked: True})
    with pytest.raises(ServerError, match=f"takes no {what} while it runs; serve with"):
        server.start()


def make_adapter(model: Path, folder: Path) -> Path:
    pytest.importorskip("peft", reason="LoRA needs peft")
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(model)
    settings = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    get_peft_model(base, settings).save_pretrained(folder)
    return folder


def test_vllm_serves_an_adapter_merged_where_that_is_asked_for(
    vllm_stand_in, tiny_model, tmp_path, monkeypatch
):
    adapter = make_adapter(tiny_model, tmp_path / "desk")
    with ModelServer(adapter, merge=True) as server:
        arguments = arguments_of(server)
        assert not server.is_slow
    assert value_of(arguments, "--model") == str(tmp_path / "desk-merged")
    assert value_of(arguments, "--served-model-name") == "desk"
    assert "--enable-lora" not in arguments
    shutil.rmtree(tmp_path / "desk-merged")

    with ModelServer(adapter) as server:
        arguments = arguments_of(server)
        assert server.is_slow
        monkeypatch.setattr("langgraph_deepsearch.training.serve._has_gpu", lambda: True)
        assert not server.is_slow
    assert value_of(arguments, "--model") == str(tiny_model)
    assert value_of(arguments, "--lora-modules") == f"desk={adapter}"
    assert not (tmp_path / "desk-merged").exists()


def test_a_base_that_is_not_here_cannot_be_merged(vllm_stand_in, tmp_path):
    adapter = write_adapter(tmp_path / "adapter")
    with pytest.raises(ModelSourceError, match=r"org/base of the adapter .* is not there"):
        ModelServer(adapter, merge=True)


def test_transformers_serves_an_adapter_merged_under_its_own_name(tiny_model, tmp_path):
    pytest.importorskip("fastapi", reason="transformers' server needs fastapi")
    adapter = make_adapter(tiny_model, tmp_path / "desk")
    written = []
    for _ in range(2):  # the second server finds the merged model there
        with ModelServer(adapter, engine="transformers") as server:
            assert server.model_names == ["desk"]
            assert complete(server, "desk")["usage"]["completion_tokens"] == 4
        written.append((tmp_path / "desk-merged" / "merged.json").stat().st_mtime_ns)
    assert written[0] == written[1]


def test_a_model_without_a_tokenizer_is_refused_before_the_engine_starts(
    vllm_stand_in, tmp_path
):
    model = write_model(tmp_path / "model")
    with pytest.raises(TokenizerError, match="model holds no tokenizer: copy tokenizer"):
        ModelServer(model).start()
    with ModelServer(model, extra_arguments=["--tokenizer", "elsewhere"]):
        pass
    pytest.importorskip("fastapi", reason="transformers' server needs fastapi")
    with pytest.raises(TokenizerError, match="model holds no tokenizer"):
        ModelServer(model, engine="transformers").start()


@pytest.mark.parametrize("engine", ["vllm", "transformers"])
@pytest.mark.parametrize("model", ["./model", "/no/such/model", "runs/desk/model"])
def test_a_path_that_is_not_there_is_refused(
    vllm_stand_in, model, engine, tmp_path, monkeypatch
):
    pytest.importorskip("fastapi", reason="transformers' server needs fastapi")
    monkeypatch.chdir(tmp_path)  # where the demo was run, its model is there
    with pytest.raises(ModelSourceError, match=f"there is no folder {model}"):
        ModelServer(model, engine=engine)


def test_a_hub_name_is_served_only_where_it_can_be_fetched(vllm_stand_in, monkeypatch):
    with ModelServer("org/base") as server:
        assert value_of(arguments_of(server), "--model") == "org/base"
    monkeypatch.setattr(model_source, "why_not_fetched", lambda _: "the Hub is far")
    with pytest.raises(ModelSourceError, match="no folder nodir/model; the Hub is far"):
        ModelServer("nodir/model")


def test_transformers_needs_a_whole_model(tmp_path):
    pytest.importorskip("fastapi", reason="transformers' server needs fastapi")
    server = ModelServer(tmp_path, engine="transformers")
    with pytest.raises(ServerError, match="no model folder"):
        server.start()


@pytest.fixture
def vllm_python():
    python = os.environ.get(serve.VLLM_PYTHON_VARIABLE, "")
    if not Path(python).is_file():
        pytest.skip(f"no vLLM: set {serve.VLLM_PYTHON_VARIABLE} to a Python that has it")
    return python


@pytest.mark.vllm
@pytest.mark.slow
def test_vllm_serves_a_model_and_takes_an_adapter_while_it_runs(
    vllm_python, base_model, traces_file, tmp_path
):
    from langgraph_deepsearch.training.reload import (
        ReloadError,
        load_adapter,
        unload_adapter,
    )
    from langgraph_deepsearch.training.sft import SftConfig, train_sft

    config = SftConfig(lora_rank=4, batch_size=8, learning_rate=1e-3)
    adapter = train_sft(traces_file, base_model, tmp_path / "adapter-1", config).model
    with ModelServer(base_model, name="base", engine="vllm", lora=True) as server:
        group = group_of(server)
        assert complete(server, "base")["usage"]["completion_tokens"] == 4
        assert load_adapter(server.url, "deepsearch@1", adapter) == "deepsearch@1"
        assert complete(server, "deepsearch@1")["model"] == "deepsearch@1"
        with pytest.raises(ReloadError, match="already"):
            load_adapter(server.url, "deepsearch@1", adapter)
        unload_adapter(server.url, "deepsearch@1")
    assert members(group) == []
