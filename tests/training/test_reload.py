from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from langgraph_deepsearch.training.fingerprint import model_fingerprint
from langgraph_deepsearch.training.registry import ModelRegistry
from langgraph_deepsearch.training.reload import (
    ReloadError,
    load_adapter,
    load_registered,
    require_base,
    served_names,
    unload_adapter,
)


class AdapterServer(BaseHTTPRequestHandler):
    """Speaks vLLM's adapter routes; `adapters` None is a server that has none."""

    adapters: list[str] | None

    def log_message(self, *_):
        pass

    def do_GET(self):
        base = {"id": "base", **self.server.told}
        others = [{"id": n, "parent": "base"} for n in self.server.adapters or []]
        self._reply(200, {"data": [base, *others]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        adapters = self.server.adapters
        if adapters is None:
            self._reply(404, {"detail": "Not Found"})
        elif self.path == "/v1/load_lora_adapter" and "bad" not in body["lora_name"]:
            adapters.append(body["lora_name"])
            self._reply(200, {"path": body["lora_path"]})
        elif self.path == "/v1/unload_lora_adapter" and body["lora_name"] in adapters:
            adapters.remove(body["lora_name"])
            self._reply(200, {})
        else:
            self._reply(404, {"error": {"message": "The lora adapter cannot be found."}})

    def _reply(self, status, value):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())


@pytest.fixture
def server():
    http = ThreadingHTTPServer(("127.0.0.1", 0), AdapterServer)
    http.adapters = []
    http.told = {}
    http.url = f"http://127.0.0.1:{http.server_port}/v1"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield http
    http.shutdown()
    http.server_close()


@pytest.fixture
def adapter(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").touch()
    return tmp_path


def test_an_adapter_becomes_a_model_by_its_name(server, adapter):
    assert load_adapter(server.url, "desk@2", adapter) == "desk@2"
    assert served_names(server.url) == ["base", "desk@2"]
    unload_adapter(server.url, "desk@2")
    assert served_names(server.url) == ["base"]


def test_a_name_in_use_is_refused(server, adapter):
    load_adapter(server.url, "desk@2", adapter)
    with pytest.raises(ReloadError, match="a new version needs a new name"):
        load_adapter(server.url, "desk@2", adapter)


def test_a_server_without_adapters_says_how_to_start_one(server, adapter):
    server.adapters = None
    with pytest.raises(ReloadError, match="takes no adapters while it runs"):
        load_adapter(server.url, "desk@2", adapter)


def test_what_the_server_says_is_passed_on(server, adapter):
    with pytest.raises(ReloadError, match=r"refused 'bad': .*cannot be found"):
        load_adapter(server.url, "bad", adapter)


def test_a_folder_without_adapter_and_a_server_that_is_down(server, tmp_path, adapter):
    with pytest.raises(ReloadError, match="holds no adapter"):
        load_adapter(server.url, "desk@2", tmp_path / "absent")
    with pytest.raises(ReloadError, match="no model server answers at http"):
        load_adapter("http://127.0.0.1:9/v1", "desk@2", adapter)


@pytest.fixture
def bases(tmp_path):
    """Two models of one shape."""
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text('{"hidden_size": 8}')
        (tmp_path / name / "model.safetensors").write_text(f"weights of {name}")
    return tmp_path


def test_a_server_that_holds_another_base_is_refused(server, bases):
    parent = f"mine@{model_fingerprint(bases / 'mine')}"

    def held(root):
        server.told = {} if root is None else {"root": str(root), "parent": None}
        server.adapters = ["desk@1"]
        return require_base(server.url, parent, "desk@2 was trained on")

    assert held(bases / "mine")
    with pytest.raises(
        ReloadError, match="other, which is not mine, the model that desk@2"
    ):
        held(bases / "other")
    # What the server tells may be no path of this machine, or nothing at all.
    for unknown in (None, "org/model", "/models/absent"):
        assert not held(unknown)


def test_a_relative_path_is_the_servers_own(server, bases, monkeypatch):
    monkeypatch.chdir(bases)
    server.told = {"root": "other"}
    assert not require_base(server.url, f"mine@{model_fingerprint(bases / 'mine')}", "x")
    assert require_base(server.url, f"other@{model_fingerprint(bases / 'other')}", "x")


def test_a_registered_adapter_goes_on_its_own_base_alone(server, adapter, bases):
    fingerprint = model_fingerprint(bases / "mine")
    folder = bases / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").touch()
    told = {"parent": f"mine@{fingerprint}", "data_sha256": "", "tokens": 0, "seconds": 1.0}
    told |= {"model": "", "trained_tokens": 0, "losses": [], "skipped": []}
    (folder / "training.json").write_text(json.dumps(told))
    registry = ModelRegistry(bases)
    registry.add("desk", folder, training=told)
    server.told = {"root": str(bases / "other")}
    with pytest.raises(ReloadError, match="start it with that one"):
        load_registered(registry, server.url)
    assert server.adapters == []
    server.told = {"root": "org/model"}
    with pytest.warns(RuntimeWarning, match=f"holds mine@{fingerprint}, which desk@1 was"):
        assert load_registered(registry, server.url) == "desk@1"
    server.adapters.clear()
    server.told = {"root": str(bases / "mine")}
    assert load_registered(registry, server.url) == "desk@1"
