"""Which server stands behind a URL."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from langgraph_deepsearch.nodes.models.engine import find_engine


class Answers(BaseHTTPRequestHandler):
    """Answers each path with what the server was given for it, else with 404."""

    def do_GET(self):
        found = self.server.answers.get(self.path)
        self.send_response(404 if found is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Return a function that serves given answers and returns the URL."""
    servers = []

    def start(answers):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        server.answers = answers
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/v1"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


VLLM = {"/v1/models": {"data": [{"id": "m", "owned_by": "vllm"}]}}
TRANSFORMERS = {"/openapi.json": {"paths": {"/load_model": {}, "/v1/models": {}}}}
OTHER = {"/v1/models": {"data": [{"id": "m", "owned_by": "sglang"}]}}


@pytest.mark.parametrize(
    ("answers", "engine"),
    [
        (VLLM, "vllm"),
        (TRANSFORMERS, "transformers"),
        (OTHER, "unknown"),
        ({"/v1/models": ["no object"]}, "unknown"),
    ],
)
def test_a_server_is_known_by_what_it_says(serve, answers, engine):
    assert find_engine("m", serve(answers)) == engine


def test_servers_of_two_kinds_are_no_kind(serve):
    urls = f"{serve(VLLM)}, {serve(TRANSFORMERS)}"
    assert find_engine("", urls) == "unknown"
    assert find_engine("", f"{serve(VLLM)},{serve(VLLM)}") == "vllm"


def test_a_hosted_model_is_no_server_of_ours(serve):
    assert find_engine("openai:gpt-4.1", serve(VLLM)) == "unknown"


def test_a_server_that_is_down_is_unknown():
    assert find_engine("m", "http://127.0.0.1:9/v1") == "unknown"
