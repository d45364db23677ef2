"""The files of SimpleDeepSearcher and Search-o1: turn files, result files, training records.

Turn files (`turn_N.json`): a list of every question's {item, prompt, output, finished,
history, search_count, all_info} after turn N; each repeats all earlier turns. Result files
(`test.….json`): the questions, with Output, Pred_Answer and Metrics added and Question
overwritten by the whole prompt (evaluate.py:268-270). Training records: input, and output
as a list of {gen}, {search_query}, {doc} and {doc_gen} (format_key.py:35-107).

Of a folder the last turn file counts; of a folder of rollouts (`rollout_*`) each one's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...evals.metrics import outcome
from ...nodes.dialects import Dialect, get_dialect
from ...nodes.dialects.parts.special_tokens import BEGIN_RESULT, END_QUERY, END_RESULT
from ...questions import question_id
from ...surrogates import load_json
from ...trace import Document, SearchRecord, Segment, Trace, Usage
from .documents import number_sources
from .golds import gold_answers
from .records import ImportFileError
from .source import TraceSource
from .turns import given, written

_TURN_FILE = re.compile(r"turn_(\d+)\.json")
_ROLLOUT = re.compile(r"rollout_(\d+)")
_TEMPLATE = re.compile(
    r"(?P<before>.*<\|im_start\|>user\n)(?P<content>.*)"
    r"(?P<after><\|im_end\|>\n<\|im_start\|>assistant\n(?:<think>\n)?)",
    re.DOTALL,
)
_QUESTION = re.compile(r"\n\nQuestion:\n(.*)", re.DOTALL)
_INSERTED = re.compile(
    rf"(?<={re.escape(END_QUERY)})(\s*{re.escape(BEGIN_RESULT)}.*?{re.escape(END_RESULT)}\s*)",
    re.DOTALL,
)
_PAGE = re.compile(r"\*\*Web Page \d+:\*\*\n")
FRAME_KEY = "prompt_frame"
"""Metadata: what the chat template put before and after the prompt's message."""

Pieces = Sequence[tuple[str, bool]]
"""Stretches of an output in order, and whether the model wrote each."""


class SimpleDeepSearcherSource(TraceSource):
    """One record, one run."""

    name = "simple_deep_searcher"
    describes = "SimpleDeepSearcher's turn, result and training files"

    def read(self, path: Path) -> Iterator[Trace]:
        """Yield the traces of a file, or of the last turn file of a folder or its rollouts."""
        for file, rollout in _files(path):
            for trace in super().read(file):
                trace.rollout = rollout
                if file.parent.name.startswith("rollout_"):
                    trace.id = f"{file.parent.name}/{trace.id}"
                yield trace

    def to_trace(self, record: Mapping[str, Any], identifier: str) -> Trace:
        if "all_info" in record:
            return _from_turns(record, identifier)
        if "Output" in record:
            return _from_result(record, identifier)
        return _from_training(record, identifier)

    def to_record(self, trace: Trace) -> dict[str, Any]:
        before, after = trace.metadata[FRAME_KEY]
        content = trace.segments[0].text
        templated, output = f"{before}{content}{after}", trace.output_text
        history = [text for text, _ in _merged(trace.segments)]
        return {
            "prompt": templated + output,
            "output": output,
            "history": history,
            "search_count": len(trace.searches),
            "Output": output,
            "Question": templated,
            "Pred_Answer": trace.answer or "",
            "question": trace.question,
            "answer": trace.golds,
            "input": content,
            "output_text": output,
        }


def _files(path: Path) -> list[tuple[Path, int]]:
    if not path.is_dir():
        return [(path, 0)]
    rollouts = {
        int(match[1]): folder
        for folder in path.iterdir()
        if folder.is_dir() and (match := _ROLLOUT.fullmatch(folder.name))
    }
    if rollouts:
        return [(_last_turn_file(rollouts[n]), n) for n in sorted(rollouts)]
    return [(_last_turn_file(path), 0)]


def _last_turn_file(folder: Path) -> Path:
    turns = {
        int(match[1]): file
        for file in folder.iterdir()
        if (match := _TURN_FILE.fullmatch(file.name))
    }
    if not turns:
        msg = f"{folder} holds no turn_N.json: give that folder, or a file"
        raise ImportFileError(msg)
    return turns[max(turns)]


def _from_turns(record: Mapping[str, Any], identifier: str) -> Trace:
    item, output = record["item"], record["output"]
    reasons = [
        v for info in record["all_info"] for k, v in info.items() if _is(k, "reason")
    ]
    pieces = _by_history(record.get("history") or (), reasons, output)
    found = [v for info in record["all_info"] for k, v in info.items() if _is(k, "search")]
    return _trace(
        identifier,
        question=str(item["Question"]),
        golds=item.get("answer"),
        prompt=record["prompt"].removesuffix(output),
        pieces=pieces or split_output(output),
        pages=[parse_pages(text) for text in found],
        finished=bool(record.get("finished", True)),
        question_key=item.get("id"),
    )


def _is(key: str, what: str) -> bool:
    return re.fullmatch(rf"turn_\d+_{what}", key) is not None


def _from_result(record: Mapping[str, Any], identifier: str) -> Trace:
    prompt = record["Question"]
    asked = _QUESTION.search(_framed(prompt)[1])
    return _trace(
        identifier,
        question=(asked[1] if asked else prompt).strip(),
        golds=record.get("answer"),
        prompt=prompt,
        pieces=split_output(record["Output"]),
        pages=[],
        finished=True,
        question_key=record.get("id"),
    )


def _from_training(record: Mapping[str, Any], identifier: str) -> Trace:
    pieces, pages = [], []
    for part in record["output"]:
        ((kind, text),) = part.items()
        if kind == "doc":
            pages.append(parse_pages(text))
        elif kind in ("gen", "doc_gen"):
            pieces.append((text, kind == "gen"))
    return _trace(
        identifier,
        question=str(record["question"]),
        golds=record.get("answer"),
        prompt=record["input"],
        pieces=pieces,
        pages=pages,
        finished=True,
        question_key=None,
    )


def _trace(
    identifier: str,
    *,
    question: str,
    golds: Any,
    prompt: str,
    pieces: Pieces,
    pages: Sequence[list[Document]],
    finished: bool,
    question_key: Any,
) -> Trace:
    dialect = get_dialect("simple_deep_searcher")
    before, content, after = _framed(prompt)
    segments = [Segment(kind="prompt", speaker="user", text=content)]
    segments += _segments(dialect, pieces)
    searches = _searches(dialect, segments, pages)
    last = "".join(text for text, own in pieces[-1:] if own)
    answer = dialect.extract_answer(last)
    accepted = gold_answers(golds)
    turns = sum(own for _, own in pieces)
    return Trace(
        id=identifier,
        question_id=str(question_key) if question_key else question_id(question),
        question=question,
        golds=accepted,
        metadata={FRAME_KEY: [before, after]},
        segments=segments,
        searches=searches,
        sources=number_sources(searches),
        answer=answer,
        stop_reason="answered" if finished and answer is not None else "turn_limit",
        outcome=outcome(answer, accepted) if accepted else {},
        dialect=dialect.name,
        usage=Usage(turns=turns, searches=len(searches), estimated=True),
    )


def _framed(prompt: str) -> tuple[str, str, str]:
    """Return what the chat template put before the message, the message, and after it."""
    match = _TEMPLATE.fullmatch(prompt)
    return (
        (match["before"], match["content"], match["after"]) if match else ("", prompt, "")
    )


def _by_history(history: Sequence[str], reasons: Sequence[str], output: str) -> Pieces:
    """Tell the model's pieces of a history from inserted ones; empty if it does not fit."""
    left, pieces = list(reasons), []
    for piece in history:
        own = bool(left) and piece == left[0]
        if own:
            left.pop(0)
        pieces.append((piece, own))
    fits = not left and "".join(text for text, _ in pieces) == output
    return pieces if fits else []


def split_output(output: str) -> Pieces:
    r"""Cut an output at the results that follow its queries.

    >>> split_output("a<|end_search_query|>\n<|begin_search_result|>b<|end_search_result|>c")[1:]
    [('\n<|begin_search_result|>b<|end_search_result|>', False), ('c', True)]
    """
    parts = _INSERTED.split(output)
    return [(text, index % 2 == 0) for index, text in enumerate(parts) if text]


def _segments(dialect: Dialect, pieces: Pieces) -> list[Segment]:
    segments: list[Segment] = []
    turn = 0
    for text, own in pieces:
        if own:
            turn += 1
            segments += written(dialect, text, turn)
            continue
        notices = (dialect.limit_message(0), dialect.repeat_message(""))
        kind = "notice" if text in notices else "result"
        segments.append(given(dialect, text, turn, kind=kind))
    return segments


def _searches(
    dialect: Dialect, segments: Sequence[Segment], pages: Sequence[list[Document]]
) -> list[SearchRecord]:
    """Return a record for each query that was answered by a result, with its pages."""
    asked = {
        segment.turn: " ".join(dialect.parse(segment.text).queries)
        for segment in segments
        if segment.kind == "query"
    }
    answered = [s.turn for s in segments if s.kind == "result" and s.turn in asked]
    found = list(pages) if len(pages) == len(answered) else [[] for _ in answered]
    return [
        SearchRecord(turn=turn, query=asked[turn], documents=documents)
        for turn, documents in zip(answered, found, strict=True)
    ]


def parse_pages(text: str) -> list[Document]:
    """Return the documents of numbered JSON blocks (inference.py:670), or of a JSON list."""
    if text.lstrip().startswith("["):
        return [_document(page) for page in load_json(text)]
    return [_document(load_json(block)) for block in _PAGE.split(text) if block.strip()]


def _document(page: Mapping[str, Any]) -> Document:
    return Document(
        title=str(page.get("title") or ""),
        text=str(page.get("context") or page.get("text") or ""),
        url=str(page.get("url") or ""),
        snippet=str(page.get("snippet") or ""),
        date=str(page.get("date") or ""),
    )


def _merged(segments: Sequence[Segment]) -> list[tuple[str, bool]]:
    """Return the pieces of an output: neighbouring segments of one author are one."""
    pieces: list[tuple[str, bool]] = []
    turn = 0
    for segment in segments:
        if segment.kind == "prompt":
            continue
        same = pieces and pieces[-1][1] == segment.trainable and segment.turn == turn
        if same and segment.trainable:
            pieces[-1] = (pieces[-1][0] + segment.text, True)
        else:
            pieces.append((segment.text, segment.trainable))
        turn = segment.turn
    return pieces
