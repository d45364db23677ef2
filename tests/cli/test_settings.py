"""Settings are listed, explained and, where misspelt, corrected."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from langgraph_deepsearch.cli.setting_names import OTHER_VARIABLES
from langgraph_deepsearch.context import Context, ReportContext
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.tools.factory import (
    ADDRESSED,
    LOCAL_RANKINGS,
    NAMED,
    SEARCH_FORMS,
)

ROOT = Path(__file__).parents[2]


def test_every_setting_is_listed_with_its_default(deepsearch):
    listed = {one["name"]: one for one in json.loads(deepsearch("settings", "--json").out)}
    assert set(listed) == set(ReportContext.model_fields)
    assert all(one["description"] for one in listed.values())
    for name, field in Context.model_fields.items():
        assert listed[name]["default"] == field.default
    reports = {name for name, one in listed.items() if one["reports_only"]}
    assert reports == set(ReportContext.model_fields) - set(Context.model_fields)


def test_the_list_is_a_table_too(deepsearch):
    shown = deepsearch("settings").out
    for name in ReportContext.model_fields:
        assert name in shown
    assert "http://127.0.0.1:8000/v1" in shown
    assert "Reports only. " in shown


@pytest.mark.parametrize("verb", ["ask", "report"])
def test_a_misspelt_setting_is_told_with_the_nearest_and_all_others(deepsearch, verb):
    done = deepsearch(verb, "Who?", "--set", "temprature=1")
    assert done.code == 1
    assert "no setting 'temprature' (did you mean temperature?); there are: " in done.err
    assert "max_searches, " in done.complaint
    assert ("writer_model" in done.complaint) == (verb == "report")


def test_a_setting_of_reports_is_told_to_be_one(deepsearch):
    done = deepsearch("ask", "Who?", "--set", "polish=false")
    assert "setting 'polish' is for `deepsearch report` alone" in done.complaint


def kinds_of_search() -> set[str]:
    kinds = {*NAMED, *ADDRESSED, *LOCAL_RANKINGS, "http+CONTRACT"}
    return {kind.partition("?")[0] for kind in kinds} - {"https"}


def test_every_kind_of_search_is_told(deepsearch):
    told = Context.model_fields["search"].description
    assert told == f"{SEARCH_FORMS}."
    (shown,) = re.findall(r"--search +<str> +(.*?)\[default", words("ask", deepsearch))
    for kind in kinds_of_search():
        assert kind in re.findall(r"[a-z+A-Z]+", told)
        assert kind in re.findall(r"[a-z+A-Z]+", shown)


def test_a_reports_help_gives_its_own_defaults(deepsearch):
    shown = words("report", deepsearch)
    assert "--dialect <str> " in shown
    assert "[default: (web_thinker_report)]" in shown
    assert "simple_deep_searcher" not in shown
    assert "[default: (the dialect's: explorer)]" in shown
    assert "[default: (simple_deep_searcher)]" in words("ask", deepsearch)
    report = get_dialect(ReportContext().dialect)
    assert (report.name, report.condenser) == ("web_thinker_report", "explorer")


def words(verb, deepsearch) -> str:
    """Return a verb's help as one line, without the frames."""
    return " ".join(deepsearch(verb, "--help").out.replace("│", " ").split())


def test_help_says_where_the_settings_are_listed(deepsearch):
    assert "`deepsearch settings`" in deepsearch("ask", "--help").out


def test_a_misspelt_variable_is_warned_of_once(deepsearch, monkeypatch):
    monkeypatch.setenv("DEEPSEARCH_MAX_SERCHES", "3")
    done = deepsearch("settings", "--json")
    assert done.code == 0
    assert json.loads(done.out)
    (line,) = done.err.splitlines()
    assert line.startswith("warning: DEEPSEARCH_MAX_SERCHES is no setting")
    assert "did you mean DEEPSEARCH_MAX_SEARCHES?" in line


def test_a_services_variables_are_not_warned_of(deepsearch, monkeypatch):
    for name in ("SERVICE_HOST", "PORT", "PORT_80_TCP_ADDR"):
        monkeypatch.setenv(f"DEEPSEARCH_{name}", "10.0.0.1")
    assert not deepsearch("settings", "--json").err


def test_known_variables_are_not_warned_of(deepsearch, monkeypatch):
    for name in ("max_searches", "WRITER_MODEL", "API_KEY", "VLLM_PYTHON"):
        monkeypatch.setenv(f"DEEPSEARCH_{name}", "3")
    assert deepsearch("settings", "--json").err == ""


def test_every_variable_the_program_reads_is_known():
    used = set()
    for path in ROOT.rglob("*.py"):
        top = path.relative_to(ROOT).parts[0]
        if top not in ("tests", "build", "runs") and not top.startswith("."):
            used |= set(
                re.findall(r"""["']DEEPSEARCH_([A-Z_]+)["']""", path.read_text("utf-8"))
            )
    assert used == set(OTHER_VARIABLES)


def test_the_version_is_told(deepsearch):
    done = deepsearch("--version")
    assert (done.code, done.out) == (0, f"deepsearch {version('langgraph-deepsearch')}\n")
