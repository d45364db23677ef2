"""Prompts without a chat template, over servers of each kind."""

from __future__ import annotations

import pytest
from fake_openai import encode

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.nodes.dialects import get_dialect

DIALECT = get_dialect("r1_searcher")
ANSWER = "I know.</think>\n\n<answer> Lima </answer>"


def run(server, **settings):
    agent = create_deep_search_agent(
        base_url=server.base_url, search="http:http://127.0.0.1:9", dialect="r1_searcher"
    )
    result = agent.invoke({"question": "Capital of Peru?"}, context=settings)
    assert result["answer"] == "Lima"
    return server.generations()[-1]


def own_prompt():
    (message,) = DIALECT.prompt("Capital of Peru?")
    return f"{message['content']}<think>"


def test_a_server_with_token_ids_gets_the_text_tokenised_whole(fake_server):
    fake_server.script([ANSWER])
    request = run(fake_server)
    assert request["body"]["prompt"] == encode(own_prompt())
    (tokenised,) = [
        r["body"]
        for r in fake_server.requests
        if r["path"] == "/tokenize" and r["body"].get("prompt") == own_prompt()
    ]
    assert tokenised["add_special_tokens"] is True  # Llama's beginning token


def test_a_server_that_continues_text_gets_it_on_the_completions_route(fake_server):
    fake_server.no_token_ids = True
    fake_server.script([ANSWER])
    request = run(fake_server)
    assert request["path"] == "/v1/completions"
    assert request["body"]["prompt"] == own_prompt()


def test_a_chat_only_server_gets_it_as_the_users_message(fake_server):
    fake_server.no_tokenize = True
    fake_server.script([ANSWER])
    request = run(fake_server)
    assert request["path"] == "/v1/chat/completions"
    assert request["body"]["messages"][0]["role"] == "user"
    assert "User:Capital of Peru?\nAssistant: " in request["prompt"]


@pytest.mark.parametrize("dialect", ["search_r1", "r1_searcher:llama"])
def test_other_dialects_keep_the_template(fake_server, dialect):
    fake_server.script(["<answer>Lima</answer>"])
    agent = create_deep_search_agent(
        base_url=fake_server.base_url, search="http:http://127.0.0.1:9", dialect=dialect
    )
    agent.invoke({"question": "Capital of Peru?"})
    assert "<|im_start|>user\n" in fake_server.generations()[-1]["prompt"]
