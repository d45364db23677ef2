"""Bad input to any verb: one line that says what to do, a code, and nothing lost."""

from __future__ import annotations

import pytest

DOWN = "http://127.0.0.1:9/v1"
"""Nothing listens there."""

CORPUS = ("--search", "corpus:corpus.jsonl")
RUNS = [
    ("ask", "Who?"),
    ("rollout", "questions.jsonl", "--out", "run"),
    ("evaluate", "questions.jsonl", "--out", "run"),
]
WRONG_SETTINGS = [
    (("--search", "corpus:absent.jsonl"), "no corpus file at absent.jsonl"),
    (("--search", "corpus:no_text.jsonl"), "no_text.jsonl holds no text"),
    (("--search", "corpus:empty.jsonl"), "empty.jsonl is empty"),
    (("--search", "corpus:malformed.jsonl"), "malformed.jsonl:2: not valid JSON"),
    (("--search", "bing"), "unknown search 'bing'"),
    (("--search", "tavily"), "set the environment variable TAVILY_API_KEY"),
    (("--search", "serper"), "set the environment variable SERPER_API_KEY"),
    ((*CORPUS, "--dialect", "esperanto"), "unknown dialect 'esperanto'; known: "),
    ((*CORPUS, "--condenser", "magic"), "setting condenser: "),
    ((*CORPUS, "--model", "absent"), "does not serve 'absent'; it serves: fake-model"),
    ((*CORPUS, "--model", "openai:gpt-4.1"), "OPENAI_API_KEY"),
    ((*CORPUS, "--summarizer-url", DOWN), f"no model server at {DOWN}"),
    ((*CORPUS, "--set", "max_searches"), "--set takes NAME=VALUE"),
    ((*CORPUS, "--set", "max_searches=-1"), "setting max_searches: "),
    ((*CORPUS, "--set", "speed=9"), "there is no setting 'speed'"),
    ((*CORPUS, "--set", "prompt_file=absent.txt"), "no prompt file at absent.txt"),
]


@pytest.mark.parametrize("verb", RUNS, ids=lambda verb: verb[0])
def test_settings_that_cannot_work(deepsearch, searching, files, verb):
    for options, words in WRONG_SETTINGS:
        done = deepsearch(*verb, "--base-url", searching.base_url, *options)
        assert done.code == 1, options
        assert words in done.complaint
        assert not searching.generations(), f"{options}: the model wrote for nothing"
    # A directory is not bound to settings that never worked.
    assert not (files / "run").exists()


@pytest.mark.parametrize("verb", RUNS, ids=lambda verb: verb[0])
def test_a_model_server_that_is_down(deepsearch, files, verb):
    done = deepsearch(*verb, "--base-url", DOWN, *CORPUS)
    assert done.code == 1
    assert f"no model server at {DOWN}: start one with `deepsearch serve`" in done.complaint


@pytest.mark.parametrize("verb", ["rollout", "evaluate"])
@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("absent.jsonl", "no question file at absent.jsonl"),
        ("malformed.jsonl", "malformed.jsonl:2: not valid JSON"),
        ("empty.jsonl", "empty.jsonl holds no questions"),
        (".", "no question file at ."),
    ],
)
def test_question_files(deepsearch, files, verb, file, words):
    done = deepsearch(verb, file, "--out", "run", *CORPUS)
    assert done.code == 1
    assert words in done.complaint


def test_questions_without_answers_are_not_evaluated(deepsearch, searching, files):
    server = ("--base-url", searching.base_url, *CORPUS)
    done = deepsearch("evaluate", "unanswered.jsonl", "--out", "run", *server)
    assert done.code == 1
    assert "use `deepsearch rollout`" in done.complaint


TRACES = [
    ("curate", "{}", "--out", "run"),
    ("train", "sft", "{}", "--out", "model", "--model", "."),
    ("export", "{}", "--out", "file"),
    ("pairs", "{}", "--out", "run"),
    ("select", "{}", "--out", "chosen.jsonl"),
]


@pytest.mark.parametrize("verb", TRACES, ids=lambda verb: verb[0])
@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("absent.jsonl", "no trace file at absent.jsonl"),
        ("malformed.jsonl", "malformed.jsonl:1: "),
        ("empty.jsonl", "no traces"),
    ],
)
def test_trace_files(deepsearch, files, verb, file, words):
    done = deepsearch(*(word.format(file) for word in verb))
    assert done.code == 1
    assert words in done.complaint
    assert not list(files.rglob("curated.jsonl")), "a result without an input"


def test_a_viewer_without_traces(deepsearch, files):
    done = deepsearch("view", "absent.jsonl", "--no-open")
    assert done.code == 1
    assert "no trace file at absent.jsonl" in done.complaint


def test_an_export_without_traces_keeps_the_earlier_file(deepsearch, files):
    (files / "file").write_text("earlier")
    assert deepsearch("export", "malformed.jsonl", "--out", "file").code == 1
    assert (files / "file").read_text() == "earlier"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("serve", "absent-model"), "absent-model"),
        (("world", "build", "desk", "--pages", "10"), "200"),
        (("world", "build", "corpus.jsonl"), "corpus.jsonl"),
        (("world", "serve", "absent"), "absent"),
        (("models", "absent"), "no trained models in absent"),
        (("loop", "--preset", "absent", "--out", "run"), "absent"),
        (
            ("import", "absent.json", "--from", "r1_searcher", "--out", "t.jsonl"),
            "absent.json",
        ),
        (("import", "empty.jsonl", "--from", "nobody", "--out", "t.jsonl"), "nobody"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_other_verbs(deepsearch, files, command, words):
    done = deepsearch(*command)
    assert done.code == 1
    assert words in done.complaint


def test_an_error_that_nobody_foresaw_is_one_line_with_its_class(deepsearch, monkeypatch):
    def fail(*args, **kwargs):
        msg = "two\nlines"
        raise ExceptionGroup("several", [KeyError("first"), ValueError(msg)])

    monkeypatch.setattr("langgraph_deepsearch.world.build.build_world", fail)
    done = deepsearch("world", "build", "w")
    assert done.code == 1
    assert "error: KeyError: 'first'; `deepsearch -v`" in done.complaint
