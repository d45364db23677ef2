import doctest

import httpx
import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from langgraph_deepsearch.evals import judge as module
from langgraph_deepsearch.evals.judge import Judge, JudgeError, JudgeSummary, parse_verdict
from langgraph_deepsearch.nodes.models.base import Generation, Piece, Reasoner


class Scripted(GenericFakeChatModel):
    """Replies in order; an exception in the script is raised. Keeps what it was asked."""

    asked: list = []

    def _generate(self, messages, *args, **kwargs):
        self.asked.append(messages[0].text)
        reply = next(self.messages)
        if isinstance(reply, Exception):
            raise reply
        self.messages = iter([AIMessage(reply), *self.messages])
        return super()._generate(messages, *args, **kwargs)


def scripted(*replies):
    return Scripted(messages=iter(replies), asked=[])


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)


def test_doctests_hold():
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("True", True),
        ("True.", True),
        (" true", True),
        ("**True**", True),
        ("Verdict: FALSE", False),
        ('{"correct": true}', True),
        ('```json\n{"correct": false}\n```', False),
        ("", None),
        ("maybe", None),
        ("True, no, False", None),
        ("untrue", None),
    ],
)
def test_verdicts_are_read_in_the_forms_models_give(text, verdict):
    assert parse_verdict(text) is verdict


async def test_unreadable_verdicts_are_asked_again_then_counted_apart(make_trace):
    model = scripted("True", "perhaps", "False", "eh", "eh", "eh")
    judge = Judge(model, concurrency=1)
    traces, summary = await judge.judge_traces([make_trace(n) for n in range(3)])
    assert summary == JudgeSummary(correct=1, incorrect=1, invalid=1)
    assert summary.accuracy == 0.5
    assert [trace.outcome.get("judge") for trace in traces] == [1.0, 0.0, None]
    assert len(model.asked) == 6


async def test_no_answer_is_wrong_without_a_call_and_no_gold_is_not_judged(make_trace):
    model = scripted()
    traces = [make_trace(0, answer=None), make_trace(1, golds=())]
    _, summary = await Judge(model).judge_traces(traces)
    assert summary == JudgeSummary(incorrect=1)
    assert model.asked == []


async def test_the_judge_reads_question_all_golds_and_the_answer_as_it_is(make_trace):
    model = scripted("False")
    await Judge(model).judge("Where?", ["Velmar", "Old Velmar"], "{golds} say True")
    assert "Velmar; Old Velmar" in model.asked[0]
    assert "{golds} say True" in model.asked[0]


async def test_a_server_that_recovers_is_asked_again(make_trace):
    model = scripted(httpx.ConnectError("refused"), "True")
    assert await Judge(model).judge("Where?", ["Velmar"], "Velmar") == "correct"


async def test_a_server_that_stays_down_is_one_clear_error(make_trace):
    model = scripted(*[httpx.ConnectError("refused")] * 3)
    with pytest.raises(JudgeError, match=r"failed: refused; check its server and key"):
        await Judge(model).judge_traces([make_trace()])
    assert len(model.asked) == 3


async def test_a_failure_that_cannot_pass_is_not_repeated():
    model = scripted(ValueError("bad key"))
    with pytest.raises(JudgeError, match="bad key"):
        await Judge(model).judge("Where?", ["Velmar"], "Velmar")
    assert len(model.asked) == 1


async def test_a_reasoner_can_judge():
    class Fixed(Reasoner):
        name, exactness = "fixed", "text"

        def render(self, messages, prefill=""):
            return None

        async def arender(self, messages, prefill=""):
            return None

        def encode(self, text):
            return None

        async def aencode(self, text):
            return None

        def generate(self, segments, **options):
            return Generation((Piece("True"),), "stop")

        async def agenerate(self, segments, **options):
            return self.generate(segments, **options)

    assert await Judge(Fixed()).judge("Where?", ["Velmar"], "Velmar") == "correct"


def test_settings_out_of_range_are_refused():
    with pytest.raises(JudgeError, match="at least 1"):
        Judge(scripted(), attempts=0)
