"""All real rollouts of the released R1-Searcher models, written again byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_deepsearch.curation.imports import import_traces
from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.models.base import Generation, Piece, Reasoner

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "traces_r1searcher"
DIALECTS = {
    "hotpotqa_qwen": "r1_searcher:evaluation",
    "hotpotqa_llama": "r1_searcher:llama",
}


@pytest.fixture(scope="module", params=sorted(DIALECTS))
def rollouts(request):
    path = FOLDER / f"{request.param}.jsonl"
    if not path.is_file():
        pytest.skip(f"no real traces at {path}")
    return get_dialect(DIALECTS[request.param]), list(import_traces(path, "r1_searcher"))


def written_again(trace, dialect):
    """The model's text cut by the dialect, and every result rendered from its documents."""
    searches = {record.turn: record for record in trace.searches}
    text = ""
    for turn in trace.turns():
        written = "".join(s.text for s in turn if s.trainable)
        parts = dialect.split_turn(written)
        text += "".join(written[p.start : p.end] for p in parts)
        if any(s.kind == "result" for s in turn):
            found = [d.model_dump() for d in searches[turn[0].turn].documents]
            text += dialect.render_results(dialect.format_documents(found))
    return text


def test_every_rollout_comes_back_byte_for_byte(rollouts):
    dialect, traces = rollouts
    assert len(traces) == 500
    different = [t.id for t in traces if written_again(t, dialect) != t.output_text]
    assert different == []


def test_the_dialect_reads_what_the_models_did(rollouts):
    dialect, traces = rollouts
    for trace in traces:
        *searching, last = trace.turns()
        for turn, record in zip(searching, trace.searches, strict=True):
            written = "".join(s.text for s in turn if s.trainable)
            assert dialect.first_action_end(written) == len(written)
            assert dialect.parse(written).queries == (record.query,)
            assert [p.kind for p in dialect.split_turn(written)] == ["reason", "query"]
        final = "".join(s.text for s in last)
        assert dialect.parse(final).text == trace.answer
        cut = [final[p.start : p.end] for p in dialect.split_turn(final)]
        assert cut == [s.text for s in last]


def test_the_queries_and_answers_have_the_form_the_dialect_gives_them(rollouts):
    dialect, traces = rollouts
    same_query = same_answer = total = 0
    for trace in traces:
        for record in trace.searches:
            total += 1
            same_query += dialect.format_query(record.query) in trace.output_text
        same_answer += trace.output_text.endswith(dialect.format_answer(trace.answer))
    assert same_query / total > 0.99
    assert same_answer / len(traces) > 0.9


class Replay(Reasoner):
    """Writes what the models of a trace wrote, turn by turn."""

    name, exactness = "replay", "text"

    def __init__(self, trace):
        self._turns = [
            "".join(s.text for s in turn if s.trainable) for turn in trace.turns()
        ]

    def render(self, messages, prefill=""):
        return None

    async def arender(self, messages, prefill=""):
        return None

    def encode(self, text):
        return None

    async def aencode(self, text):
        return None

    def generate(self, segments, *, cut, stop, sampling, config=None, layout="inline"):
        done = sum(s["kind"] == "result" for s in segments)
        text = self._turns[done]
        return Generation((Piece(text[: cut(text)]),), "action", completion_tokens=1)

    async def agenerate(self, *args, **options):
        return self.generate(*args, **options)


class Recorded:
    """Finds what the trace's searches found."""

    name, returns_full_text, settings = "recorded", True, {}

    def __init__(self, trace):
        self._found = {record.query: record.documents for record in trace.searches}

    def search(self, query, k, *, episode=None):
        return self._found[query][:k]

    async def asearch(self, query, k, *, episode=None):
        return self.search(query, k)


def told(trace):
    own = (s for s in trace.segments if s.kind != "prompt")
    return [(s.kind, s.text, s.trainable, s.turn) for s in own]


def test_the_graph_runs_them_again_to_the_same_bytes(rollouts, tmp_path):
    from langgraph_deepsearch.trace import read_traces

    dialect, traces = rollouts
    chosen = sorted(traces, key=lambda t: -len(t.searches))[::200]
    for trace in chosen:
        agent = create_deep_search_agent(
            Replay(trace),
            search=Recorded(trace),
            dialect=dialect,
            top_k=5,
            max_turns=9,
            trace_dir=tmp_path / trace.id.replace("/", "_"),
        )
        result = agent.invoke({"question": trace.question})
        assert result["answer"] == trace.answer
    assert len(chosen) == 3
    for trace in chosen:
        path = tmp_path / trace.id.replace("/", "_") / "traces.jsonl"
        (again,) = read_traces(path)
        assert again.output_text == trace.output_text.removeprefix(dialect.prefill)
        assert told(again) == told(trace)
