from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.curation.json_reply import read_json_reply

OBJECT = {"domain": "film", "key_points": ["director", "age"]}
TEXT = json.dumps(OBJECT)
EXAMPLE = {"domain": "law", "key_points": ["court", "comparison"]}
SHOWN = json.dumps(EXAMPLE)


@pytest.mark.parametrize(
    ("reply", "form"),
    [
        (TEXT, "plain"),
        (f"[{TEXT}]", "plain"),
        (f"<think>\nIt is {{film}}.\n</think>\n{TEXT}", "plain"),
        (f"```json\n{TEXT}\n```", "fenced"),
        (f"Sure!\n```\n{TEXT}\n```\nHope it helps.", "fenced"),
        (f"```json\n{TEXT}", "fenced"),
        (f"Output: {TEXT}", "embedded"),
        (f"{TEXT}\n\nNote: {{it}} is a film.", "embedded"),
        (f"A set {{x}} and then {TEXT}", "embedded"),
        (TEXT.replace("]", ",]"), "repaired"),
        (f"```json\n{TEXT.replace(']', ',]')}\n```", "repaired"),
        (str(OBJECT), "repaired"),
        (TEXT[:-2], "truncated"),
        ("film; director, age", "unreadable"),
        ("{}", "unreadable"),
        ("", "unreadable"),
        ("null", "unreadable"),
    ],
)
def test_replies_are_read_in_the_form_they_come_in(reply, form):
    found = read_json_reply(reply, ["domain"])
    assert found.form == form
    if form not in ("unreadable", "truncated"):
        assert found.data == OBJECT


@pytest.mark.parametrize(
    ("reply", "form"),
    [
        (f"Following {SHOWN}, I get {TEXT}", "embedded"),
        (f"{SHOWN}\n{TEXT}", "embedded"),
        (f"Following {SHOWN}, I get {OBJECT}", "repaired"),
        (f"Following {EXAMPLE}, I get {OBJECT}.", "repaired"),
        (f"As in\n```json\n{SHOWN}\n```\nit is\n```json\n{TEXT}\n```", "fenced"),
        (f"As in\n```json\n{SHOWN}\n```\nit is {TEXT}", "embedded"),
        (f"As in {SHOWN} it is\n```\n{TEXT.replace(']', ',]')}\n```", "repaired"),
        (f"<think>As in {SHOWN}.</think>{TEXT}<think>Or {SHOWN}", "plain"),
        (f'Note {{"a": 1}}. Mine is {TEXT}, not {{"b": 2}}.', "embedded"),
    ],
)
def test_the_last_object_counts(reply, form):
    found = read_json_reply(reply, ["domain"])
    assert (found.form, found.data) == (form, OBJECT)


def test_an_example_before_a_reply_that_broke_off_does_not_count():
    found = read_json_reply(f"Following {SHOWN}, I get {TEXT[:-4]}", ["domain"])
    assert (found.form, found.data["domain"]) == ("truncated", "film")


@pytest.mark.parametrize("before", ["", "Let me see. ", "<think>hm</think>\n"])
def test_a_thought_that_never_ends_holds_no_reply(before):
    reply = f"{before}<think>\nAs in {SHOWN}: this one is about a film, so"
    assert read_json_reply(reply, ["domain"]).form == "unreadable"


def test_a_fence_in_a_string_tears_no_object():
    data = {"domain": "```py\nx = {'domain': 1}\n```", "key_points": []}
    reply = f"Output: {json.dumps(data)}. Done"
    assert read_json_reply(reply, ["domain"]).data == data


def test_an_object_without_the_keys_is_passed_over():
    reply = 'Example {"a": 1}, mine {"Domain": "law"}'
    assert read_json_reply(reply, ["domain"]).data == {"domain": "law"}


def test_what_broke_off_keeps_what_was_said():
    found = read_json_reply(TEXT[:-4] + ', {"x', ["domain"])
    assert (found.form, found.data["key_points"]) == ("truncated", ["director", "ag"])
    found = read_json_reply(
        '{"domain": "film", "key_points": ["director", "a\\', ["domain"]
    )
    assert found.form == "truncated"
    assert found.data["domain"] == "film"
    assert found.data["key_points"][0] == "director"


@settings(deadline=None)
@given(st.text(alphabet='{}[]",:\\`abc \n', max_size=60))
def test_no_reply_raises(text):
    assert isinstance(read_json_reply(text).data, dict)


@pytest.mark.parametrize("reply", ["[" * 20_000, '{"a":' * 5000, "{" * 20_000])
def test_deep_nesting_is_unreadable_and_quick(reply):
    assert read_json_reply(reply, ["domain"]).form == "unreadable"


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["domain", "other"]), st.text(max_size=9), min_size=1)
)
def test_json_is_read_as_it_is(record):
    if "domain" in record:
        assert read_json_reply(json.dumps(record), ["domain"]).data == record
