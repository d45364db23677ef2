"""Requests with a JSON schema, to servers that hold replies to it, refuse or ignore it."""

from __future__ import annotations

import json

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from langgraph_deepsearch.curation.asking import OBJECT_TOKENS, Asker, AskError
from langgraph_deepsearch.curation.json_schema import label, object_of
from langgraph_deepsearch.nodes.models.resolve import resolve_reasoner

SCHEMA = object_of(colour=label(("red", "blue")))
PLAIN = "It is blue, I think."


@pytest.fixture
def asker(fake_server):
    fake_server.script(lambda _: PLAIN)

    def make(**options) -> Asker:
        return Asker(resolve_reasoner("", base_url=fake_server.base_url), **options)

    return make


def sent(fake_server) -> list[dict | None]:
    return [r["body"].get("response_format") for r in fake_server.generations()]


async def test_a_server_that_can_holds_the_reply_to_the_schema(asker, fake_server):
    fake_server.schemas = "held"
    asked = asker()
    assert json.loads(await asked.ask("Which?", schema=SCHEMA)) == {"colour": "red"}
    (format_,) = sent(fake_server)
    assert format_["json_schema"]["schema"] == SCHEMA
    (request,) = fake_server.generations()
    assert request["body"]["max_tokens"] == OBJECT_TOKENS
    assert (asked.used.calls, asked.used.constrained, asked.used.refused) == (1, 1, 0)


async def test_a_refused_schema_is_left_out_from_then_on(asker, fake_server):
    fake_server.schemas = "refused"
    asked = asker()
    assert await asked.ask("Which?", schema=SCHEMA) == PLAIN
    assert await asked.ask("Which?", schema=SCHEMA) == PLAIN
    assert [format_ is None for format_ in sent(fake_server)] == [False, True, True]
    assert (asked.used.calls, asked.used.constrained, asked.used.refused) == (3, 0, 1)


async def test_another_error_says_nothing_about_schemas(asker, fake_server):
    fake_server.schemas = "held"
    asked = asker()
    fake_server.fail(400, "the engine is dead", times=2)
    with pytest.raises(AskError, match="the engine is dead"):
        await asked.ask("Which?", schema=SCHEMA)
    assert json.loads(await asked.ask("Which?", schema=SCHEMA)) == {"colour": "red"}
    assert (asked.used.constrained, asked.used.refused) == (1, 0)


@pytest.mark.parametrize("options", [{"constrained": False}, {}])
async def test_no_schema_is_sent_unasked(asker, fake_server, options):
    asked = asker(**options)
    assert await asked.ask("Which?", schema=SCHEMA if options else None) == PLAIN
    assert sent(fake_server) == [None]
    assert asked.used.constrained == 0


async def test_a_text_server_that_knows_such_fields_is_sent_it(asker, fake_server):
    fake_server.no_token_ids = True
    fake_server.schemas = "held"
    assert json.loads(await asker().ask("Which?", schema=SCHEMA)) == {"colour": "red"}


async def test_a_plain_chat_server_is_not(asker, fake_server):
    fake_server.no_tokenize = True
    assert await asker().ask("Which?", schema=SCHEMA) == PLAIN
    assert not any(sent(fake_server))


async def test_a_reply_that_ends_within_a_character_can_be_written():
    asked = Asker(FakeListChatModel(responses=["a \ud83d"]))
    assert await asked.ask("Which?") == "a \ufffd"


async def test_nor_is_a_chat_model_object():
    asked = Asker(FakeListChatModel(responses=[PLAIN]))
    assert await asked.ask("Which?", schema=SCHEMA) == PLAIN
