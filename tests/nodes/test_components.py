"""Whose settings count in a run, and that they reach the model."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from scripted import FewPages

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.context import Context, resolve_context
from langgraph_deepsearch.nodes.components import Components

SAMPLING = {
    "temperature": 0.7,
    "top_p": 0.8,
    "sampling_top_k": 20,
    "repetition_penalty": 1.05,
    "seed": 3,
}
"""Search-o1's, and a seed."""


def test_a_runs_sampling_reaches_the_server(fake_server):
    fake_server.script(["So it is \\boxed{Lima}"])
    agent = create_deep_search_agent(
        "fake-model", base_url=fake_server.base_url, search=FewPages(), **SAMPLING
    )
    assert agent.invoke({"question": "Which capital?"})["answer"] == "Lima"
    (request,) = fake_server.generations()
    sent = {**SAMPLING, "top_k": SAMPLING["sampling_top_k"]}
    del sent["sampling_top_k"]
    assert {name: request["body"][name] for name in sent} == sent


@pytest.mark.parametrize("penalty", [0, -1, 2.5])
def test_a_penalty_out_of_bounds_is_refused(penalty):
    with pytest.raises(ValidationError, match="repetition_penalty"):
        Context(repetition_penalty=penalty)


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
