"""Whose settings count in a run."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.context import Context, resolve_context
from langgraph_deepsearch.nodes.components import Components


@pytest.fixture
def turns(monkeypatch):
    """Return a function from what each place sets to the run's turns."""

    def of(run, factory=None, environment=None) -> int | None:
        if environment is not None:
            monkeypatch.setenv("DEEPSEARCH_MAX_TURNS", str(environment))
        settings = {} if factory is None else {"max_turns": factory}
        return Components.of({}, settings).context(run).max_turns

    return of


@pytest.mark.parametrize(
    ("run", "factory", "environment", "wanted"),
    [
        (3, 5, 3, 3),
        (3, 5, 4, 3),
        (3, None, 4, 3),
        (None, 5, 3, 5),
        (None, None, 3, 3),
        (None, None, None, None),
    ],
)
def test_the_run_wins_over_the_factory_and_that_over_the_environment(
    turns, run, factory, environment, wanted
):
    passed = {"temperature": 1.0} if run is None else {"max_turns": run}
    if environment is not None:
        turns(None, factory, environment)
    assert turns(resolve_context(passed), factory, environment) == wanted


def test_a_field_set_later_counts_as_the_runs(turns):
    given = Context()
    given.max_turns = 3
    assert turns(given, factory=5) == 3


def test_a_run_may_ask_for_the_default_again(turns):
    assert turns(Context(max_turns=None), factory=5) is None
