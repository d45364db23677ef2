from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.curation.resumable import ResumableError
from langgraph_deepsearch.curation.synthesis.answering import is_right, read_answer
from langgraph_deepsearch.curation.synthesis.question_filter import (
    FLAGS,
    filter_questions,
    read_flags,
)
from langgraph_deepsearch.nodes.models.resolve import resolve_reasoner
from langgraph_deepsearch.questions import Question

ASKED = [
    Question("fine", "In which town was Kerrin Oak born?", ("Vessel Bay",)),
    Question("known", "What is the capital of France?", ("Paris",)),
    Question("now", "Who is the champion now?", ("Ada",)),
    Question("taste", "Which film is best, and who should be hurt?", ("Heat",)),
    Question("odd", "What?", ("x",)),
]


def model():
    tries = {"known": 0}

    def reply(prompt: str) -> str:
        if "Do not answer it" not in prompt:
            if "France" not in prompt:
                return '{"answer": "unknown"}'
            tries["known"] += 1
            return '{"answer": "Paris"}' if tries["known"] == 3 else '{"answer": "Lyon"}'
        if "What?" in prompt:
            return "Fit."
        flags = {
            "time_sensitive": "champion now" in prompt,
            "subjective": "best" in prompt,
            "harmful": "yes" if "hurt?" in prompt else "no",
        }
        return json.dumps(flags)

    return reply


@pytest.fixture
def reasoner(fake_server):
    fake_server.script(model())
    return resolve_reasoner("", base_url=fake_server.base_url)


def test_each_reason_is_told(reasoner, tmp_path, lines, fake_server):
    report = filter_questions(ASKED, reasoner, tmp_path, tries=5)
    assert (report.kept, report.failed) == (1, 1)
    assert report.removed == {
        "known_without_search": 1,
        "time_sensitive": 1,
        "subjective": 1,
        "harmful": 1,
    }
    assert report.known_after == {3: 1}
    assert [one["id"] for one in lines(tmp_path / "filtered.jsonl")] == ["fine"]
    removed = {
        one["id"]: one["removed_because"] for one in lines(tmp_path / "removed.jsonl")
    }
    assert removed == {
        "known": ["known_without_search"],
        "now": ["time_sensitive"],
        "taste": ["subjective", "harmful"],
    }
    memory = [r["prompt"] for r in fake_server.generations() if "No search" in r["prompt"]]
    assert sum("France" in prompt for prompt in memory) == 3  # it ends at the right one
    assert sum("Kerrin" in prompt for prompt in memory) == 5
    assert not any("champion" in prompt for prompt in memory)
    sampled = [r["body"] for r in fake_server.generations() if "No search" in r["prompt"]]
    assert {body["temperature"] for body in sampled} == {1.0}
    assert len({body["seed"] for body in sampled}) == 5


def test_a_second_run_asks_only_what_failed(reasoner, tmp_path, fake_server):
    filter_questions(ASKED, reasoner, tmp_path, tries=2)
    before = len(fake_server.generations())
    filter_questions(ASKED, reasoner, tmp_path, tries=2)
    assert len(fake_server.generations()) - before == 3  # three replies on the odd one
    with pytest.raises(ResumableError, match="started with tries=2, now it is 3"):
        filter_questions(ASKED, reasoner, tmp_path, tries=3)


def test_verdicts_are_held_to_a_schema_and_answers_are_not(reasoner, tmp_path, fake_server):
    fake_server.schemas = "held"
    report = filter_questions(ASKED, reasoner, tmp_path, tries=2)
    assert report.failed == 0  # even the odd one has a verdict
    judged = [r for r in fake_server.generations() if "Do not answer it" in r["prompt"]]
    assert len(judged) == len(ASKED) == report.used.constrained
    answered = [r for r in fake_server.generations() if "No search" in r["prompt"]]
    assert answered
    assert not any("response_format" in r["body"] for r in answered)


def test_questions_without_a_gold_answer_are_counted(reasoner, tmp_path, fake_server):
    asked = [
        *ASKED[:1],
        Question("bare", "Who was it?"),
        Question("b2", "Who is champion now?"),
    ]
    report = filter_questions(asked, reasoner, tmp_path / "a", tries=2)
    assert (report.kept, report.without_gold) == (2, 1)  # the flagged one is out already
    assert json.loads((tmp_path / "a" / "question_filter.json").read_text())["without_gold"]
    assert "1 kept without a gold answer" in report.table().caption
    assert filter_questions(asked, reasoner, tmp_path / "b", tries=0).without_gold == 0


def test_without_tries_nothing_is_answered(reasoner, tmp_path, fake_server):
    report = filter_questions(ASKED[:2], reasoner, tmp_path, tries=0)
    assert report.kept == 2
    assert not any("No search" in r["prompt"] for r in fake_server.generations())


def test_without_flags_only_what_is_known_is_left_out(reasoner, tmp_path, fake_server):
    report = filter_questions(ASKED, reasoner, tmp_path, tries=5, flags=False)
    assert report.removed == {"known_without_search": 1}
    assert not any("time_sensitive" in r["prompt"] for r in fake_server.generations())
    with pytest.raises(ResumableError, match="flags"):
        filter_questions(ASKED, reasoner, tmp_path, tries=5)


@pytest.mark.parametrize(
    ("reply", "flags"),
    [
        (
            '```json\n{"time_sensitive": true, "subjective": "no", "harmful": 0}\n```',
            [1, 0, 0],
        ),
        ("{'time_sensitive': False, 'subjective': True, 'harmful': False}", [0, 1, 0]),
        ('{"time_sensitive": true}', None),
        ('{"time_sensitive": "maybe", "subjective": false, "harmful": false}', None),
        ("no", None),
    ],
)
def test_verdicts_of_every_kind(reply, flags):
    expected = None if flags is None else dict(zip(FLAGS, map(bool, flags), strict=True))
    assert read_flags(reply) == expected


def test_a_lecture_is_no_answer():
    assert is_right("It is Paris.", ["Paris"])
    assert not is_right("Lyon, " * 40 + "Paris", ["Paris"])


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        ("I do not know", "no", False),
        ("Yes, both are Polish.", "yes", True),
        ("1923", "2", False),
        ("In 1923.", "1923", True),
        ("11923", "1923", False),
        ("Knowles", "Know", False),
        ("Who", "The Who", True),
        ("the USA", "U.S.A.", True),
        ("Béla Tarr's film", "Bela Tarr", True),
        ("1,200 people", "1200", True),
    ],
)
def test_an_answer_is_right_by_whole_words(answer, gold, right):
    assert is_right(answer, [gold]) == right


def test_a_thought_that_never_ends_is_no_answer():
    assert read_answer("<think>It may be Paris, or") == ""
    assert read_answer('<think>So {"answer": "Paris"} or') == ""
    assert read_answer("<think>hm</think>Paris") == "Paris"


@pytest.mark.parametrize("reply", ["I do not know.", "Unclear", "I can’t tell who it was"])
def test_a_refusal_is_no_answer(reply):
    assert read_answer(json.dumps({"answer": reply})) == ""


def test_a_yes_or_no_question_is_not_known_by_accident(fake_server, tmp_path):
    def reply(prompt: str) -> str:
        if "Do not answer it" in prompt:
            return json.dumps(dict.fromkeys(FLAGS, False))
        return '{"answer": "I do not know"}'

    fake_server.script(reply)
    asked = [Question("0", "Are both films Polish?", ("no",))]
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    assert filter_questions(asked, reasoner, tmp_path, tries=2).kept == 1


def test_another_model_does_not_go_on_with_the_firsts_answers(
    reasoner, tmp_path, fake_server
):
    filter_questions(ASKED[:1], reasoner, tmp_path, tries=1)
    settings_file = tmp_path / "filter_settings.json"
    settings = json.loads(settings_file.read_text())
    settings_file.write_text(json.dumps({**settings, "model": "another"}))
    with pytest.raises(ResumableError, match="started with model='another', now it is"):
        filter_questions(ASKED[:1], reasoner, tmp_path, tries=1)
    del settings["model"]  # begun before models were recorded
    settings_file.write_text(json.dumps(settings))
    assert filter_questions(ASKED[:1], reasoner, tmp_path, tries=1).kept == 1
