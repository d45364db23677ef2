from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from langgraph_deepsearch.training.reload import (
    ReloadError,
    load_adapter,
    served_names,
    unload_adapter,
)


class AdapterServer(BaseHTTPRequestHandler):
    """Speaks vLLM's adapter routes; `adapters` None is a server that has none."""

    adapters: list[str] | None

    def log_message(self, *_):
        pass

    def do_GET(self):
        names = ["base", *(self.server.adapters or [])]
        self._reply(200, {"data": [{"id": name} for name in names]})

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
