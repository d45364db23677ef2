"""A dialect is one file, found by its name; listing them reads none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from scripted import FewPages
from systems import TWELVE

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.nodes.dialects import (
    UnknownDialectError,
    dialect_of,
    get_dialect,
    list_dialects,
    list_variants,
    recorded_name,
)
from langgraph_deepsearch.nodes.dialects.parts.answering import NoAnswerDialectError
from langgraph_deepsearch.nodes.dialects.registry import RECORDED, REPORTS
from langgraph_deepsearch.trace import Trace


def test_all_twelve_are_there_the_default_first():
    names = list_dialects()
    assert set(names) >= TWELVE
    assert names[0] == "simple_deep_searcher"
    assert names[1:] == sorted(names[1:])


def test_listing_imports_no_dialect():
    code = (
        "import sys; from langgraph_deepsearch import list_dialects; list_dialects();"
        "print([m for m in sys.modules if m.endswith(('.search_r1', '.web_dancer'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_every_file_holds_the_dialect_it_is_named_after():
    for name in list_dialects():
        assert get_dialect(name).name == name
        for variant in list_variants(name):
            assert get_dialect(variant).name == variant


def test_dialects_are_shared():
    assert get_dialect("search_r1") is get_dialect("search_r1")


def test_an_unknown_name_lists_the_known_in_one_line():
    with pytest.raises(UnknownDialectError, match="unknown dialect 'klingon'") as caught:
        get_dialect("klingon")
    assert "search_r1, " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_variant_lists_the_known():
    with pytest.raises(UnknownDialectError, match="known variants: inference"):
        get_dialect("search_r1:klingon")


def test_parts_are_no_dialects():
    assert not {"base", "registry", "parts"} & set(list_dialects())
    with pytest.raises(UnknownDialectError):
        get_dialect("base")


def test_the_listed_answer_and_the_others_do_not():
    names = [name for main in list_dialects() for name in (main, *list_variants(main))]
    assert {get_dialect(name).use for name in names} == {"answers"}
    assert {get_dialect(name).use for name in RECORDED} == {"recorded"}
    assert {get_dialect(name).use for name in REPORTS} == {"reports"}


@pytest.mark.parametrize("name", sorted(RECORDED | REPORTS))
def test_an_agent_is_not_made_of_a_dialect_that_answers_nothing(agent_of_text, name):
    for dialect in (name, get_dialect(name)):
        with pytest.raises(NoAnswerDialectError, match=f"'{name}'.*`deepsearch dialects`"):
            agent_of_text(dialect, [])


def test_a_run_may_not_name_one_either():
    agent = create_deep_search_agent("openai:absent", search=FewPages())
    with pytest.raises(NoAnswerDialectError):
        agent.invoke({"question": "Who?"}, context={"dialect": "know_agent"})


EXAMPLE = Path(__file__).parents[3] / "examples" / "dialects" / "question_mark.py"


def test_a_thirteenth_dialect_is_one_file(agent_of_text):
    dialect = get_dialect(str(EXAMPLE))
    assert dialect.parse("Hm. [?]capital of Peru[/?]").queries == ("capital of Peru",)
    assert dialect.render_results("[/!] [=]x[/=]").count("[/!]") == 1
    result, trace, seen = agent_of_text(str(EXAMPLE), ["Hm. [?]peru[/?]", "So [=]Lima[/=]"])
    assert (result["answer"], result["stop_reason"]) == ("Lima", "answered")
    assert seen[-1] == ("Hm. [?]peru[/?]\n[!]* Peru: The capital of Peru is Lima.[/!]\n")
    # What reads the trace later finds the file again.
    assert get_dialect(trace.dialect) is dialect


HALF = """
from langgraph_deepsearch.nodes.dialects import Dialect

class Half(Dialect):
    name = "half"

DIALECT = Half
"""


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("absent.py", None, "no dialect file at"),
        ("empty.py", "x = 1", "set DIALECT = YourDialect"),
        ("wrong.py", "DIALECT = int", "set DIALECT = YourDialect"),
        ("broken.py", "def", "cannot be loaded: SyntaxError"),
        ("failing.py", "1 / 0", "cannot be loaded: ZeroDivisionError"),
        ("half.py", HALF, "Half lacks empty_message, .*wrap_result"),
    ],
)
def test_a_file_without_a_dialect_says_what_to_do(tmp_path, name, text, line):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(UnknownDialectError, match=line):
        get_dialect(str(path))


LOUD = """
class Loud(QuestionMarkDialect):
    name = "question_mark:loud"

VARIANTS = {"loud": Loud}
"""


@pytest.fixture
def with_variant(tmp_path):
    """A dialect file that knows another way to speak."""
    path = tmp_path / "with_variant.py"
    path.write_text(EXAMPLE.read_text(encoding="utf-8") + LOUD, encoding="utf-8")
    return path


def test_a_files_variants_are_reached_by_its_path(with_variant):
    loud = get_dialect(f"{with_variant}:loud")
    assert loud.name == "question_mark:loud"
    assert isinstance(loud, type(get_dialect(str(with_variant))))
    assert list_variants(str(with_variant)) == [f"{with_variant}:loud"]


def test_an_unknown_variant_of_a_file_lists_the_known(with_variant):
    line = r"with_variant.py:quiet' has no such variant; known variants: loud"
    with pytest.raises(UnknownDialectError, match=line):
        get_dialect(f"{with_variant}:quiet")


def test_a_drive_is_no_variant():
    with pytest.raises(UnknownDialectError, match=r"no dialect file at C:/mine\.py"):
        get_dialect("C:/mine.py")


def test_a_trace_finds_its_dialect_file_from_any_folder(
    agent_of_text, with_variant, monkeypatch, tmp_path
):
    monkeypatch.chdir(with_variant.parent)
    said = ["So [=]Lima[/=]"]
    _, trace, _ = agent_of_text("with_variant.py:loud", said)
    assert trace.dialect == f"{with_variant.resolve()}:loud"
    # What a directory of runs is held to is what was typed.
    assert trace.settings["dialect"] == "with_variant.py:loud"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert dialect_of(trace).name == "question_mark:loud"


def test_a_named_dialect_is_recorded_as_it_is():
    assert recorded_name("search_r1:inference") == "search_r1:inference"


def made_with(dialect: str) -> Trace:
    return Trace(
        id="t1", question="?", segments=[], stop_reason="answered", dialect=dialect
    )


def test_a_dialect_file_that_has_moved_is_found_in_the_current_folder(
    with_variant, monkeypatch
):
    monkeypatch.chdir(with_variant.parent)
    moved = made_with("/gone/with_variant.py:loud")
    assert dialect_of(moved).name == "question_mark:loud"


@pytest.mark.parametrize("path", ["/gone/absent.py", "absent.py", "sub/absent.py:loud"])
def test_a_trace_whose_dialect_file_is_gone_says_so(path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    file = path.removesuffix(":loud")
    line = f"trace t1 is in the dialect of the file {file}, which is not there: .*absent.py"
    with pytest.raises(UnknownDialectError, match=line):
        dialect_of(made_with(path))


def test_a_trace_in_an_unknown_dialect_says_so():
    with pytest.raises(UnknownDialectError, match="trace t1: unknown dialect 'klingon'"):
        dialect_of(made_with("klingon"))


def shown_example() -> str:
    page = (EXAMPLE.parents[2] / "docs" / "dialects.md").read_text(encoding="utf-8")
    return page.partition("```python\n")[2].partition("```\n")[0]


def test_the_docs_show_the_example_as_it_is():
    assert shown_example() == EXAMPLE.read_text(encoding="utf-8")


def test_the_example_of_the_docs_works_where_it_is_pasted(tmp_path):
    pasted = tmp_path / "mine.py"
    pasted.write_text(shown_example(), encoding="utf-8")
    dialect = get_dialect(str(pasted))
    assert "capital of Peru" in dialect.prompt("capital of Peru")[0]["content"]
    assert dialect.parse("Hm. [?]capital of Peru[/?]").queries == ("capital of Peru",)
    assert dialect.format_documents([{"title": "T", "text": "x"}]) == "* T: x"


def test_the_docs_name_every_dialect_and_variant():
    page = (EXAMPLE.parents[2] / "docs" / "dialects.md").read_text(encoding="utf-8")
    for name in TWELVE:
        assert f"`{name}`" in page
        for variant in list_variants(name):
            assert f"`{variant.partition(':')[2]}`" in page
