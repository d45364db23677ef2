"""Fine-tuning on chats of another origin: the simulator's rows."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.trace import TraceFileError
from langgraph_deepsearch.training.config import SftConfig
from langgraph_deepsearch.training.rows import IGNORED, RowError
from langgraph_deepsearch.training.sft_data import holds_chats, read_rows

CHATS = [
    {
        "id": f"r{number}",
        "messages": [
            {"role": "user", "content": f"Write documents for query {number}."},
            {"role": "assistant", "content": f"Doc 1: Text {number}."},
        ],
    }
    for number in range(4)
]


@pytest.fixture
def chats(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(chat) + "\n" for chat in CHATS))
    return path


def test_a_file_says_by_its_first_line_what_it_holds(chats, traces_file, tmp_path):
    assert holds_chats(chats)
    assert not holds_chats(traces_file)
    assert not holds_chats(tmp_path / "nowhere.jsonl")
    other = tmp_path / "other.jsonl"
    for text in ("", "{not json\n", "[1]\n", '{"question": "Who?"}\n'):
        other.write_text(text)
        assert not holds_chats(other)


def test_chats_are_trained_on_the_answers_alone(chats, base_tokenizer):
    rows, report = read_rows(chats, base_tokenizer)
    assert (report.rows, report.traces) == (4, 4)
    labels = [i for i in rows[0].labels if i != IGNORED]
    assert base_tokenizer.decode(labels) == "Doc 1: Text 0.<|im_end|>"
    assert report.lines()[0].startswith("4 of 4 chats became rows")


def test_chats_that_do_not_fit_are_named(chats, base_tokenizer):
    rows, report = read_rows(chats, base_tokenizer, max_length=10)
    assert rows == []
    assert report.skipped == [f"rows.jsonl:{n}" for n in range(1, 5)]
    with pytest.raises(RowError, match=r"rows.jsonl:1 has .* more than max_length 10"):
        read_rows(chats, base_tokenizer, max_length=10, too_long="error")


def test_traces_are_read_as_before(traces_file, base_tokenizer, tmp_path):
    rows, report = read_rows(traces_file, base_tokenizer)
    assert len(rows) == report.rows == 12
    with pytest.raises(TraceFileError, match="no trace file"):
        read_rows(tmp_path / "nowhere.jsonl", base_tokenizer)


def test_a_model_is_fine_tuned_on_chats_and_planned_for(chats, tiny_model, tmp_path):
    pytest.importorskip("torch", reason="training needs torch")
    from langgraph_deepsearch.training.plan import plan_sft
    from langgraph_deepsearch.training.sft import train_sft

    config = SftConfig(batch_size=2, epochs=2, threads=1, dtype="float32")
    exact = plan_sft(chats, tiny_model, config, devices=1)
    assert (exact.load.samples, exact.exact) == (4, True)
    guessed = plan_sft(chats, "7b", config, devices=1)
    assert (guessed.load.samples, guessed.exact) == (4, False)
    assert 0 < guessed.load.trained_tokens < guessed.load.tokens
    result = train_sft(chats, tiny_model, tmp_path / "simulator", config)
    assert result.trained_tokens == 2 * exact.load.trained_tokens
    assert result.losses[-1] < result.losses[0]
    assert (tmp_path / "simulator" / "config.json").is_file()
