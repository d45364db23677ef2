"""Bad input to any verb: one line that says what to do, a code, and nothing lost."""

from __future__ import annotations

import re
import warnings

import pytest
import typer

from langgraph_deepsearch.cli.app import app

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
    ((*CORPUS, "--dialect", "know_agent"), "'know_agent' is for imported traces alone"),
    (
        (*CORPUS, "--dialect", "web_thinker_report"),
        "'web_thinker_report' answers no questions, it is for `deepsearch report`",
    ),
    ((*CORPUS, "--condenser", "magic"), "setting condenser: "),
    ((*CORPUS, "--model", "absent"), "does not serve 'absent'; it serves: fake-model"),
    ((*CORPUS, "--model", "openai:gpt-4.1"), "OPENAI_API_KEY"),
    (
        (*CORPUS, "--summarizer-url", DOWN),
        f"no model server at {DOWN}: start one with `deepsearch serve`, or set summarizer_url "
        "(--summarizer-url)",
    ),
    ((*CORPUS, "--set", "max_searches"), "--set takes NAME=VALUE"),
    ((*CORPUS, "--set", "max_searches=-1"), "setting max_searches: "),
    ((*CORPUS, "--set", "speed=9"), "there is no setting 'speed'"),
    ((*CORPUS, "--set", "prompt_file=absent.txt"), "no prompt file at absent.txt"),
    (
        (*CORPUS, "--set", "condenser_prompt_file=absent.txt"),
        "no prompt file at absent.txt: check `condenser_prompt_file`",
    ),
    (
        (*CORPUS, "--set", "condenser_prompt_file=corpus.jsonl"),
        "prompt file corpus.jsonl lacks {query} and {pages}: condenser 'reason_in_documents'",
    ),
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
def test_a_dialect_of_the_environment_that_answers_nothing(
    deepsearch, searching, files, monkeypatch, verb
):
    monkeypatch.setenv("DEEPSEARCH_DIALECT", "web_thinker_report")
    done = deepsearch(*verb, "--base-url", searching.base_url, *CORPUS)
    assert done.code == 1
    assert "'web_thinker_report' answers no questions" in done.complaint
    assert not searching.generations()


def test_nothing_is_planned_in_a_dialect_that_answers_nothing(deepsearch, files):
    done = deepsearch(*RUNS[1], *CORPUS, "--plan", "--dialect", "know_agent")
    assert done.code == 1
    assert "'know_agent' is for imported traces alone" in done.complaint


@pytest.mark.parametrize("verb", ["ask", "report"])
@pytest.mark.parametrize("question", ["", " \n"])
def test_an_empty_question(deepsearch, searching, files, verb, question):
    done = deepsearch(verb, question, "--base-url", searching.base_url, *CORPUS)
    assert done.code == 1
    assert done.complaint == (
        "error: the question is empty: write one behind the command, in quotes"
    )


@pytest.mark.parametrize("verb", RUNS, ids=lambda verb: verb[0])
def test_a_model_server_that_is_down(deepsearch, files, verb):
    done = deepsearch(*verb, "--base-url", DOWN, *CORPUS)
    assert done.code == 1
    assert f"no model server at {DOWN}: start one with `deepsearch serve`" in done.complaint
    assert "or set base_url (--base-url)" in done.complaint


def test_a_judges_server_that_is_down(deepsearch, searching, files):
    judged = ("--judge-model", "j", "--judge-url", DOWN)
    done = deepsearch(*RUNS[2], "--base-url", searching.base_url, *CORPUS, *judged)
    assert done.code == 1
    assert f"no model server at {DOWN}" in done.complaint
    assert "or set judge_url (--judge-url)" in done.complaint
    assert not searching.generations()


@pytest.mark.parametrize("verb", RUNS, ids=lambda verb: verb[0])
@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("corpus:absent.jsonl", "no corpus file at absent.jsonl"),
        ("bing", "unknown search 'bing'"),
        ("tavily", "set the environment variable TAVILY_API_KEY"),
    ],
)
def test_what_is_missing_here_is_said_before_a_server_is_asked(
    deepsearch, files, verb, search, words
):
    done = deepsearch(*verb, "--base-url", DOWN, "--search", search)
    assert done.code == 1
    assert words in done.complaint


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


@pytest.mark.parametrize("name", ["empty.jsonl", "questions.jsonl"])
def test_a_viewer_of_a_file_without_traces(deepsearch, files, monkeypatch, name):
    monkeypatch.setattr(
        "langgraph_deepsearch.evals.viewer.ViewerServer.serve_forever",
        lambda *_: pytest.fail("serves a file without traces"),
    )
    done = deepsearch("view", name, "--no-open")
    assert done.code == 1
    assert f"no traces in {name}" in done.complaint


def all_with_out():
    """Return the words of every verb that has `--out`, and its other arguments."""
    found = []

    def walk(command, words):
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, (*words, name))
        options = [p for p in command.params if "--out" in p.opts]
        if options:
            needed = [p for p in command.params if p.required and p not in options]
            found.append((*words, *(_given(parameter) for parameter in needed)))

    walk(typer.main.get_command(app), ())
    return [tuple(word for word in words if word) for words in found]


def _given(parameter):
    return "x" if isinstance(parameter, typer.core.TyperArgument) else ""


@pytest.mark.parametrize("words", all_with_out(), ids=" ".join)
@pytest.mark.parametrize("out", ["", " "])
def test_an_empty_out_is_refused_by_every_verb(deepsearch, tmp_path, words, out):
    done = deepsearch(*words, "--out", out)
    assert done.code == 1
    assert "the path to write to is empty" in done.complaint
    assert not list(tmp_path.iterdir())


def test_a_world_without_a_folder(deepsearch, tmp_path):
    assert "the path to write to is empty" in deepsearch("world", "build", "").complaint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ("export", "x"),
        ("import", "x", "--from", "r1_searcher"),
        ("rerender", "x", "--dialect", "search_r1"),
        ("select", "x"),
        ("search", "rows", "x"),
        ("report", "What?"),
    ],
    ids=lambda words: words[0],
)
def test_a_folder_where_a_file_is_to_be_written(deepsearch, tmp_path, words):
    (tmp_path / "folder").mkdir()
    done = deepsearch(*words, "--out", "folder")
    assert done.code == 1
    assert done.complaint == "error: folder is a folder: name a file to write"


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


def test_another_world_in_the_folder(deepsearch, tmp_path):
    assert deepsearch("world", "build", "w", "--pages", "200").code == 0
    questions = (tmp_path / "w" / "questions.jsonl").read_bytes()
    done = deepsearch("world", "build", "w", "--pages", "300", "--seed", "1")
    assert done.code == 1
    words = r"\(pages 200, .*seed 0\) than is asked for \(pages 300, .*seed 1\)"
    assert re.search(words, done.complaint)
    assert (tmp_path / "w" / "questions.jsonl").read_bytes() == questions


def test_a_warning_is_one_line(deepsearch, monkeypatch):
    def warn(*args, **kwargs):
        warnings.warn("two\nlines [of it]", RuntimeWarning, stacklevel=2)
        return "built"

    monkeypatch.setattr("langgraph_deepsearch.world.build.build_world", warn)
    assert deepsearch("world", "build", "w").err == "warning: two lines [of it]\n"
    told = deepsearch("-v", "world", "build", "w").err
    assert re.fullmatch(
        r"warning: \S+\.py:\d+: RuntimeWarning: two lines \[of it\]\n", told
    )


def test_an_error_that_nobody_foresaw_is_one_line_with_its_class(deepsearch, monkeypatch):
    def fail(*args, **kwargs):
        msg = "two\nlines"
        raise ExceptionGroup("several", [KeyError("first"), ValueError(msg)])

    monkeypatch.setattr("langgraph_deepsearch.world.build.build_world", fail)
    done = deepsearch("world", "build", "w")
    assert done.code == 1
    assert "error: KeyError: 'first'; `deepsearch -v`" in done.complaint
