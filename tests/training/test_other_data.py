from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.trace import dump_trace
from langgraph_deepsearch.training.config import ConfigError, SftConfig
from langgraph_deepsearch.training.other_data import (
    chat_spans,
    draw_other_rows,
    read_samples,
    sample_row,
)
from langgraph_deepsearch.training.rows import IGNORED, RowError, trace_row

CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Two and two?"},
    {"role": "assistant", "content": "Four."},
    {"role": "user", "content": "And three and three?"},
    {"role": "assistant", "content": "Six."},
]
STRIPPING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and not loop.last %}{{ m.content.split('</think>')[-1] }}"
    "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CALLING = (
    "{% if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content or '' }}"
    "{% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture
def tokenizer(tiny_model):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model)


def trained(row, tokenizer):
    return tokenizer.decode([label for label in row.labels if label != IGNORED])


def test_every_answer_of_a_chat_is_trained_and_nothing_else(tokenizer):
    row, is_last_only = sample_row({"messages": CHAT}, tokenizer, "x")
    assert trained(row, tokenizer) == "Four.<|im_end|>Six.<|im_end|>"
    assert not is_last_only
    whole = tokenizer.apply_chat_template(CHAT, tokenize=False)
    assert tokenizer.decode(row.input_ids) == whole.removesuffix("\n")


def test_a_prompt_with_its_output_is_a_chat(tokenizer):
    row, _ = sample_row({"prompt": "Why?", "output": "Because."}, tokenizer, "x")
    assert trained(row, tokenizer) == "Because.<|im_end|>"


def test_tool_calls_are_trained_and_tool_results_are_not(tokenizer):
    tokenizer.chat_template = CALLING
    call = {"type": "function", "function": {"name": "look", "arguments": {"at": "sky"}}}
    messages = [
        {"role": "user", "content": "What colour?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [call]},
        {"role": "tool", "content": "blue"},
        {"role": "assistant", "content": "Blue."},
    ]
    sample = {"messages": messages, "tools": [{"name": "look"}]}
    row, _ = sample_row(sample, tokenizer, "x")
    said = trained(row, tokenizer)
    assert '<tool_call>{"name": "look"' in said
    assert said.endswith("Blue.<|im_end|>")
    assert "blue" not in said
    assert '[{"name": "look"}]' in tokenizer.decode(row.input_ids)


def test_calls_that_the_template_drops_are_refused(tokenizer):
    call = {"type": "function", "function": {"name": "look", "arguments": {"at": "sky"}}}
    said = {"role": "assistant", "content": "I look.", "tool_calls": [call]}
    question = {"role": "user", "content": "What colour?"}
    dropped = "x: the model's chat template does not write the call of look; train"
    with pytest.raises(RowError, match=dropped):
        sample_row({"messages": [question, said]}, tokenizer, "x")
    tokenizer.chat_template = CALLING
    sample_row({"messages": [question, said]}, tokenizer, "x")
    once = CALLING.replace("m.tool_calls or []", "(m.tool_calls or [])[:1]")
    tokenizer.chat_template = once
    twice = {**said, "tool_calls": [call, call]}
    with pytest.raises(RowError, match="does not write the call of look"):
        sample_row({"messages": [question, twice]}, tokenizer, "x")
    tokenizer.chat_template = STRIPPING  # rewrites answers: the last one alone is read
    more = [question, {**said, "tool_calls": [], "content": "<think>a</think>b"}]
    with pytest.raises(RowError, match="does not write the call of look"):
        sample_row({"messages": [*more, question, said]}, tokenizer, "x")


def test_the_protocols_own_form_of_a_call_is_taken(tokenizer):
    tokenizer.chat_template = CALLING.replace("m.content or ''", "'' + m.content")
    function = {"name": "look", "arguments": '{"at": "sky"}'}
    call = {"id": "1", "type": "function", "function": function}
    question = {"role": "user", "content": "What colour?"}
    for nothing in ({"content": None}, {}):
        said = {"role": "assistant", "tool_calls": [call], **nothing}
        row, _ = sample_row({"messages": [question, said]}, tokenizer, "x")
        wanted = '<tool_call>{"name": "look", "arguments": {"at": "sky"}}</tool_call>'
        assert trained(row, tokenizer) == f"{wanted}<|im_end|>"


def test_a_template_that_drops_thoughts_leaves_the_last_answer(tokenizer):
    tokenizer.chat_template = STRIPPING
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "<think>hm</think>b"},
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": "<think>so</think>d"},
    ]
    assert chat_spans(messages, tokenizer) is None
    row, is_last_only = sample_row({"messages": messages}, tokenizer, "x")
    assert is_last_only
    assert trained(row, tokenizer) == "<think>so</think>d<|im_end|>"


def test_a_trace_is_masked_as_a_trace(tokenizer, make_trace):
    trace = make_trace(1)
    row, _ = sample_row(json.loads(dump_trace(trace)), tokenizer, "x")
    assert row == trace_row(trace, tokenizer)


def test_json_lines_end_at_line_feeds_alone(tmp_path):
    chat = [CHAT[1], {"role": "assistant", "content": "Four.\u2028Or \x85five."}]
    path = tmp_path / "o.jsonl"
    path.write_text(json.dumps({"messages": chat}, ensure_ascii=False) + "\n")
    assert list(read_samples(path)) == [{"messages": chat}]


def write(path, samples):
    path.write_text("".join(json.dumps(sample) + "\n" for sample in samples))
    return path


def test_rows_are_drawn_once_each_and_the_same_for_the_same_seed(tokenizer, tmp_path):
    path = write(
        tmp_path / "o.jsonl", [{"prompt": f"{n}?", "output": f"{n}"} for n in range(10)]
    )
    rows, report = draw_other_rows(path, tokenizer, 4, seed=1)
    assert len({row.trace_id for row in rows}) == 4 == report.rows
    assert rows == draw_other_rows(path, tokenizer, 4, seed=1)[0]
    assert rows != draw_other_rows(path, tokenizer, 4, seed=2)[0]
    rows, report = draw_other_rows(path, tokenizer, 15)
    assert (len(rows), report.missing) == (10, 5)
    assert any("asks for 5 more" in line for line in report.lines())


def test_long_samples_are_named(tokenizer, tmp_path):
    samples = [{"prompt": "a", "output": "b"}, {"prompt": "a", "output": "b " * 300}]
    path = write(tmp_path / "o.jsonl", samples)
    rows, report = draw_other_rows(path, tokenizer, 2, max_length=100)
    assert len(rows) == 1
    assert report.too_long == ["o.jsonl:2"]


@pytest.mark.parametrize("sample", [{"text": "x"}, {"messages": CHAT[:2]}, [1], {}])
def test_a_sample_of_no_known_form_is_named(tokenizer, tmp_path, sample):
    path = write(tmp_path / "o.jsonl", [sample])
    with pytest.raises(RowError, match=r"o\.jsonl:1: no sample to train on"):
        draw_other_rows(path, tokenizer, 1)


@pytest.mark.parametrize(
    "messages",
    [
        [{"content": "no role"}, CHAT[2]],
        ["no object", CHAT[2]],
        [CHAT[1], {"role": "assistant", "tool_calls": ["look"]}],
    ],
)
def test_a_message_of_no_known_form_is_named(tokenizer, tmp_path, messages):
    path = write(tmp_path / "o.jsonl", [{"messages": messages}])
    with pytest.raises(RowError, match=r"o\.jsonl:1: no sample to train on; give"):
        draw_other_rows(path, tokenizer, 1)


def test_what_the_template_does_not_take_is_named(tokenizer):
    parts = [{"role": "user", "content": [{"type": "text", "text": "a"}]}, CHAT[2]]
    with pytest.raises(RowError, match="x: the model's chat template does not take"):
        sample_row({"messages": parts}, tokenizer, "x")
    tokenizer.chat_template = "{{ raise_exception('no system role') }}"
    with pytest.raises(RowError, match="no system role"):
        sample_row({"messages": CHAT}, tokenizer, "x")


def test_a_broken_trace_or_another_encoding_is_one_line(tokenizer, tmp_path):
    with pytest.raises(RowError, match=r"x: no trace \(id: Field required"):
        sample_row({"segments": 3}, tokenizer, "x")
    path = tmp_path / "latin.jsonl"
    path.write_bytes('{"prompt": "ä", "output": "ö"}'.encode("latin-1"))
    with pytest.raises(RowError, match=r"latin\.jsonl: not readable"):
        draw_other_rows(path, tokenizer, 1)


def test_the_ratio_is_kept_in_training(traces_file, tiny_model, tmp_path):
    from langgraph_deepsearch.training.sft import TrainingError, train_sft

    path = write(
        tmp_path / "o.jsonl", [{"prompt": f"{n}?", "output": f"{n}"} for n in range(10)]
    )
    config = SftConfig(
        batch_size=3, threads=1, other_data=str(path), other_ratio=0.25, dtype="float32"
    )
    result = train_sft(traces_file, tiny_model, tmp_path / "mixed", config)
    plain = train_sft(
        traces_file, tiny_model, tmp_path / "plain", SftConfig(batch_size=3, threads=1)
    )
    assert len(result.losses) == 5  # 12 traces and 3 others, in batches of 3
    assert result.tokens > plain.tokens
    assert result.data_sha256 != plain.data_sha256
    assert "other_data" not in plain.config
    with pytest.raises(TrainingError, match="no file of other data"):
        train_sft(
            traces_file,
            tiny_model,
            tmp_path / "x",
            SftConfig(other_data="absent", other_ratio=1.0),
        )
    with pytest.raises(ConfigError, match="go together"):
        SftConfig(other_ratio=0.5)
