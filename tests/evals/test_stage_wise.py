import pytest

from langgraph_deepsearch.evals.stage_wise import Stages, stage_wise, stages_of
from langgraph_deepsearch.trace import Segment


def test_an_answer_first_named_in_the_answer_turn_is_not_planning(make_trace):
    trace = make_trace()
    assert stages_of(trace) == (False, True, True)
    assert stages_of(trace, answer_turn=True) == (True, True, True)


def test_an_answer_worked_out_before_is_planning(make_trace):
    trace = make_trace(thought="It may be Velmar. ", evidence="nothing")
    assert stages_of(trace) == (True, False, False)


def test_messages_of_the_harness_are_no_finding(make_trace):
    trace = make_trace(evidence="nothing")
    notice = Segment(kind="notice", speaker="tool", text="Velmar", turn=1)
    trace = trace.model_copy(update={"segments": [*trace.segments, notice]})
    assert stages_of(trace) == (False, False, False)


@pytest.mark.parametrize(
    ("gold", "evidence", "found"),
    [
        ("Telk", "Anja Telkmann lives there", False),
        ("Anja Telk", "Anja M. Telk lives there", False),
        ("josé", "JOSÉ lives there", True),
        ("Jose", "José lives there", False),
        ("北京", "他住在北京市", True),
        ("...", "anything", False),
        ("1,200", "about 1,200 people", True),
    ],
)
def test_gold_words_must_follow_each_other(make_trace, gold, evidence, found):
    assert stages_of(make_trace(golds=(gold,), evidence=evidence))[1] is found


def test_shares_are_over_runs_with_gold_answers(make_trace):
    traces = [
        make_trace(0),
        make_trace(1, evidence="nothing"),
        make_trace(2, golds=()),
        make_trace(3, queries=()),
    ]
    assert stage_wise(traces) == Stages(0.0, 1 / 3, 1 / 3, 3)
    assert stage_wise(traces, searched_only=True) == Stages(0.0, 0.5, 0.5, 2)
    assert stage_wise([]) == Stages()
