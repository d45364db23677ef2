from __future__ import annotations

import socket
import threading

import httpx
import pytest
from fake_openai import FakeServer
from langchain_core.exceptions import ModelRateLimitError
from langchain_core.language_models import GenericFakeChatModel

from langgraph_deepsearch.nodes.models import http
from langgraph_deepsearch.nodes.models.base import ContextOverflowError, ModelError
from langgraph_deepsearch.nodes.models.http import ServerClient
from langgraph_deepsearch.nodes.models.probe import find_model
from langgraph_deepsearch.nodes.models.resolve import pick_url, resolve_reasoner
from langgraph_deepsearch.nodes.models.retry import is_retryable


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_unknown_name_lists_what_is_served(fake_server):
    fake_server.models = ["alpha", "beta"]
    with pytest.raises(ModelError, match="'gamma'; it serves: alpha, beta") as error:
        resolve_reasoner("gamma", base_url=fake_server.base_url)
    assert "\n" not in str(error.value)


def test_server_down_says_where_and_what_to_do(free_port):
    with pytest.raises(ModelError, match="deepsearch serve") as error:
        resolve_reasoner("", base_url=f"http://127.0.0.1:{free_port}/v1")
    assert f"127.0.0.1:{free_port}" in str(error.value)
    assert error.value.retryable


def test_something_else_on_the_port_is_told(free_port):
    class Page(http.httpx.BaseTransport):
        def handle_request(self, request):
            return httpx.Response(200, text="<html>welcome</html>")

    client = ServerClient(f"http://127.0.0.1:{free_port}/v1")
    client._sync = httpx.Client(transport=Page())
    with pytest.raises(ModelError, match="did not answer with JSON"):
        client.get("/models")


def test_runs_are_spread_and_each_stays_with_its_server():
    urls = "http://a:1/v1, b:2, http://c:3/v1/"
    picked = {key: pick_url(urls, key) for key in map(str, range(60))}
    assert set(picked.values()) == {"http://a:1/v1", "http://b:2/v1", "http://c:3/v1"}
    assert all(pick_url(urls, key) == url for key, url in picked.items())


def test_both_servers_are_used(fake_server):
    with FakeServer() as other:
        urls = f"{fake_server.base_url},{other.base_url}"
        for key in range(8):
            resolve_reasoner("", base_url=urls, run_key=str(key))
        assert fake_server.requests
        assert other.requests


def test_server_is_probed_once_for_many_runs(fake_server):
    def resolve():
        resolve_reasoner("", base_url=fake_server.base_url)

    threads = [threading.Thread(target=resolve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = resolve_reasoner("", base_url=fake_server.base_url)
    assert resolve_reasoner("fake-model", base_url=fake_server.base_url) is first
    assert [r["path"] for r in fake_server.requests].count("/tokenize") == 1


def test_model_that_is_served_but_not_listed_is_found(monkeypatch):
    with FakeServer() as server:
        original = server._http.RequestHandlerClass.do_GET

        def do_get(self):
            if self.path == "/v1/models":
                self._json(200, {"object": "list", "data": []})
            else:
                original(self)

        monkeypatch.setattr(server._http.RequestHandlerClass, "do_GET", do_get)
        assert resolve_reasoner("", base_url=server.base_url).name == "fake-model"
        with pytest.raises(ModelError, match="does not serve 'gamma'; it serves: nothing"):
            resolve_reasoner("gamma", base_url=server.base_url)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ([{"id": "alpha"}, "beta", {}], "alpha"),
        ({"data": None}, "fake-model"),
        ({"data": {"id": "alpha"}}, "fake-model"),
        ("none", "fake-model"),
    ],
)
def test_models_listed_in_another_shape(monkeypatch, answer, found):
    with FakeServer() as server:
        server.models = ["alpha", "fake-model"]
        handler = server._http.RequestHandlerClass
        monkeypatch.setattr(handler, "do_GET", lambda self: self._json(200, answer))
        client = ServerClient(server.base_url)
        assert find_model(client, "" if found == "alpha" else found)[0] == found


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:notaport/v1", "http://[::1", "http://:80/v1", "http://a:99999999"],
)
def test_an_address_that_is_none_is_told_in_one_line(url):
    with pytest.raises(ModelError, match="not the address of a server"):
        resolve_reasoner("", base_url=url)


@pytest.mark.parametrize("seconds", ["abc", "0", "-3", "nan", "inf"])
def test_idle_seconds_that_are_no_number_are_told_in_one_line(monkeypatch, seconds):
    monkeypatch.setenv("DEEPSEARCH_IDLE_SECONDS", seconds)
    with pytest.raises(ModelError, match="DEEPSEARCH_IDLE_SECONDS is"):
        ServerClient("http://127.0.0.1:1")


def test_key_is_sent_and_its_absence_told(fake_server, monkeypatch):
    fake_server.api_key = "sesame"
    monkeypatch.delenv("DEEPSEARCH_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")  # never sent to a local server
    with pytest.raises(ModelError, match=r"401.*DEEPSEARCH_API_KEY"):
        resolve_reasoner("", base_url=fake_server.base_url)
    monkeypatch.setenv("DEEPSEARCH_API_KEY", "sesame")
    assert resolve_reasoner("", base_url=fake_server.base_url).name == "fake-model"


@pytest.mark.parametrize(
    ("url", "environment", "sent"),
    [
        ("http://127.0.0.1:1", {}, "Bearer EMPTY"),
        ("http://127.0.0.1:1", {"OPENAI_API_KEY": "o"}, "Bearer EMPTY"),
        ("https://api.example.com/v1", {"OPENAI_API_KEY": "o"}, "Bearer o"),
        ("https://api.example.com/v1", {}, None),
        ("https://api.example.com/v1", {"DEEPSEARCH_API_KEY": "d"}, "Bearer d"),
    ],
)
def test_key_of_a_server(monkeypatch, url, environment, sent):
    for name in ("OPENAI_API_KEY", "DEEPSEARCH_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ServerClient(url).client().headers.get("Authorization") == sent


def test_chat_model_objects_and_reasoners_are_taken(fake_server):
    reasoner = resolve_reasoner(GenericFakeChatModel(messages=iter([])))
    assert (reasoner.exactness, reasoner.name) == ("message", "GenericFakeChatModel")
    assert resolve_reasoner(reasoner) is reasoner


def test_bound_model_is_refused_with_a_line():
    with pytest.raises(ModelError, match="not one that was wrapped"):
        resolve_reasoner(GenericFakeChatModel(messages=iter([])).bind(stop=["x"]))


def test_provider_and_model_name_give_that_providers_model(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    assert resolve_reasoner("openai:gpt-4o-mini").name == "gpt-4o-mini"


def test_missing_key_of_a_provider_is_one_line(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelError, match="openai:gpt-none cannot be used") as error:
        resolve_reasoner("openai:gpt-none")
    assert "\n" not in str(error.value)


def test_missing_package_of_a_provider_is_named():
    with pytest.raises(ModelError, match="pip install"):
        resolve_reasoner("cohere:command-none")


def test_served_name_with_a_colon_is_no_provider(fake_server):
    fake_server.models = ["llama3:8b"]
    assert resolve_reasoner("llama3:8b", base_url=fake_server.base_url).name == "llama3:8b"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ModelError("x", retryable=True), True),
        (ModelError("x"), False),
        (ContextOverflowError("x"), False),
        (ModelRateLimitError("x"), True),
        (httpx.ReadTimeout("x"), True),
        (httpx.UnsupportedProtocol("x"), False),
        (ValueError("x"), False),
    ],
)
def test_which_errors_are_retried(error, expected):
    assert is_retryable(error) is expected
