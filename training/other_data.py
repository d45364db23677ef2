"""Other data mixed into fine-tuning: chats with and without tool calls, long reasoning.

The paper mixes long-reasoning data in (Table 8); the reference appends it whole, at no
stated ratio (sft.py:204-206). Here it is drawn at the ratio that the settings state.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..trace import Trace
from .rows import TokenRow, to_row, trace_row
from .spans import RowError, TokenSpan


@dataclass
class OtherReport:
    """What became of the other samples."""

    samples: int = 0
    rows: int = 0
    """Drawn to be trained on."""
    tokens: int = 0
    trained_tokens: int = 0
    missing: int = 0
    """Rows that the ratio asks for beyond those there are."""
    last_only: int = 0
    """Drawn chats of which the last answer alone is trained, since the template rewrites
    earlier ones (it drops their thoughts)."""
    too_long: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return what a person should know, one line a matter."""
        said = [
            f"{self.rows} other samples of {self.samples} mixed in: {self.tokens} tokens, "
            f"{self.trained_tokens} of them trained"
        ]
        if self.missing:
            said.append(f"the stated ratio asks for {self.missing} more than there are")
        if self.last_only:
            said.append(
                f"{self.last_only} chats train their last answer alone: the template "
                "rewrites earlier ones"
            )
        if self.too_long:
            shown = ", ".join(self.too_long[:5]) + (", …" if len(self.too_long) > 5 else "")
            said.append(f"{len(self.too_long)} other samples do not fit: {shown}")
        return said


def draw_other_rows(
    path: Path,
    tokenizer: Any,
    count: int,
    *,
    max_length: int | None = None,
    seed: int = 0,
) -> tuple[list[TokenRow], OtherReport]:
    """Return rows drawn from a file of other samples, none twice.

    Args:
        path: JSON Lines or a JSON array. A sample has `messages` (chat form, `tool_calls`
            and `tools` where there are any), or `prompt` and `output`, or is a trace.
        tokenizer: of the model to train, with a chat template.
        count: how many to draw.
        max_length: longer samples are left out and named.
        seed: of the draw.

    Raises:
        RowError: the file or a sample of it cannot be read; names the place.
    """
    samples = list(read_samples(path))
    report = OtherReport(samples=len(samples))
    order = random.Random(seed).sample(range(len(samples)), len(samples))
    rows: list[TokenRow] = []
    for index in order:
        if len(rows) == count:
            break
        name = f"{path.name}:{index + 1}"
        row, is_last_only = sample_row(samples[index], tokenizer, name)
        if max_length is not None and len(row.input_ids) > max_length:
            report.too_long.append(name)
            continue
        report.last_only += is_last_only
        rows.append(row)
    report.rows = len(rows)
    report.missing = count - len(rows)
    report.tokens = sum(len(row.input_ids) for row in rows)
    report.trained_tokens = sum(row.trained_tokens for row in rows)
    return rows, report


def sample_row(sample: Any, tokenizer: Any, name: str) -> tuple[TokenRow, bool]:
    """Return a sample's row, and whether its last answer alone is trained.

    Raises:
        RowError: the sample has none of the known forms.
    """
    if isinstance(sample, Mapping) and "segments" in sample:
        return trace_row(_trace(sample, name), tokenizer), False
    messages, tools = sample_messages(sample, name), sample.get("tools")
    spans = chat_spans(messages, tokenizer, tools, name=name)
    if spans is not None:
        return to_row(name, spans), False
    return to_row(name, _last_answer(messages, tokenizer, tools, name)), True


def _trace(sample: Mapping[str, Any], name: str) -> Trace:
    try:
        return Trace.model_validate(sample)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        msg = f"{name}: no trace ({where}: {first['msg']})"
        raise RowError(msg) from error


def chat_spans(
    messages: Sequence[Mapping[str, Any]],
    tokenizer: Any,
    tools: Any = None,
    *,
    name: str = "chat",
) -> list[TokenSpan] | None:
    """Return a chat's spans, trained on every answer of the assistant, end tokens too.

    What an answer is, tool calls included, is read off the template: the text it adds when
    the answer is added. None when the template rewrites earlier answers.

    Raises:
        RowError: the template does not take the chat; `name` says which it is.
    """
    spans: list[TokenSpan] = []
    done = ""
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = _render(messages[:index], tokenizer, tools, name, opened=True)
        after = _render(messages[: index + 1], tokenizer, tools, name, opened=False)
        if not before.startswith(done) or not after.startswith(before):
            return None
        said = _until_end(after[len(before) :], tokenizer)
        _require_calls(message, said, name)
        spans += _pair(before[len(done) :], said, tokenizer)
        done = before + said
    return spans


def _last_answer(
    messages: Sequence[Mapping[str, Any]], tokenizer: Any, tools: Any, name: str
) -> list[TokenSpan]:
    before = _render(messages[:-1], tokenizer, tools, name, opened=True)
    after = _render(messages, tokenizer, tools, name, opened=False)
    if not after.startswith(before):
        msg = f"{name}: the chat template does not keep the last answer as it is"
        raise RowError(msg)
    said = _until_end(after[len(before) :], tokenizer)
    _require_calls(messages[-1], said, name)
    return _pair(before, said, tokenizer)


def _require_calls(message: Mapping[str, Any], said: str, name: str) -> None:
    """Refuse an answer whose tool calls the template drops: it would train an empty turn.

    Raises:
        RowError: a called function is named no more often than in the answer's own text.
    """
    called = Counter(
        str(call["function"].get("name")) for call in message.get("tool_calls") or ()
    )
    for function, times in called.items():
        if said.count(function) < message["content"].count(function) + times:
            msg = (
                f"{name}: the model's chat template does not write the call of {function}; "
                "train a model whose template does, or leave out samples with tool_calls"
            )
            raise RowError(msg)


def _pair(given: str, said: str, tokenizer: Any) -> list[TokenSpan]:
    def ids(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    return [
        TokenSpan(ids(given), trainable=False, kind="prompt"),
        TokenSpan(ids(said), trainable=True, kind="answer"),
    ]


def _until_end(said: str, tokenizer: Any) -> str:
    """Return an answer up to its end token; what the template puts after is not said."""
    end = tokenizer.eos_token or ""
    position = said.rfind(end) if end else -1
    return said if position < 0 else said[: position + len(end)]


def _render(
    messages: Sequence[Mapping[str, Any]],
    tokenizer: Any,
    tools: Any,
    name: str,
    *,
    opened: bool,
) -> str:
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(
            [dict(m) for m in messages],
            tools=tools,
            add_generation_prompt=opened,
            tokenize=False,
        )
    except (TemplateError, TypeError) as error:  # content in parts is a TypeError
        msg = f"{name}: the model's chat template does not take this chat ({error})"
        raise RowError(msg) from error


def sample_messages(sample: Any, name: str) -> list[dict[str, Any]]:
    """Return a sample as chat messages in the form that templates take.

    The protocol's own form is wider: beside tool calls `content` may be null or absent,
    and their arguments are JSON in a string.

    Raises:
        RowError: the sample has none of the known forms; `name` says which it is.
    """
    found = _messages_of(sample)
    if not found or not all(_is_message(message) for message in found):
        msg = (
            f"{name}: no sample to train on; give `messages`, each with a role, or `prompt` "
            "and `output`"
        )
        raise RowError(msg)
    if found[-1]["role"] != "assistant":
        msg = f"{name}: no sample to train on; `messages` must end with the assistant's"
        raise RowError(msg)
    return [_as_template_takes(message) for message in found]


def sample_texts(sample: Any, name: str) -> list[tuple[str, bool]]:
    """Return a sample's texts, and whether each is trained, where no tokenizer is at hand.

    Raises:
        RowError: the sample has none of the known forms; `name` says which it is.
    """
    if isinstance(sample, Mapping) and "segments" in sample:
        return [(s.text, s.trainable) for s in _trace(sample, name).segments]
    messages = sample_messages(sample, name)
    return [(str(m["content"]), m["role"] == "assistant") for m in messages]


def _messages_of(sample: Any) -> list[Any]:
    if not isinstance(sample, Mapping):
        return []
    if isinstance(sample.get("messages"), list):
        return sample["messages"]
    prompt, output = sample.get("prompt"), sample.get("output")
    if isinstance(prompt, str) and isinstance(output, str):
        return [
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": output},
        ]
    return []


def _is_message(message: Any) -> bool:
    if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
        return False
    calls = message.get("tool_calls") or []
    return isinstance(calls, list) and all(
        isinstance(call, Mapping) and isinstance(call.get("function"), Mapping)
        for call in calls
    )


def _as_template_takes(message: Mapping[str, Any]) -> dict[str, Any]:
    taken = {**message, "content": message.get("content") or ""}
    if message.get("tool_calls"):
        taken["tool_calls"] = [
            {**call, "function": _with_arguments(call["function"])}
            for call in message["tool_calls"]
        ]
    return taken


def _with_arguments(function: Mapping[str, Any]) -> dict[str, Any]:
    """Return a called function whose arguments are an object, where they hold one."""
    try:
        arguments = json.loads(function.get("arguments", ""))
    except (TypeError, ValueError):
        return dict(function)
    return {**function, "arguments": arguments}


def read_samples(path: Path) -> Iterator[Any]:
    """Yield the samples of a file, JSON Lines or one array.

    Raises:
        RowError: there is no such file, or it is no JSON.
    """
    if not path.is_file():
        msg = f"no file of other data at {path}: correct other_data"
        raise RowError(msg)
    try:
        text = path.read_text(encoding="utf-8")
        if text.lstrip().startswith("["):
            yield from json.loads(text)
            return
        for line in text.split("\n"):  # JSON may hold U+2028 and its like as they are
            if line.strip():
                yield json.loads(line)
    except ValueError as error:
        msg = f"{path}: not readable as JSON ({error}); mend the file"
        raise RowError(msg) from error
