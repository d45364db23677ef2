"""What goes over the wire to the retrieval servers of published search agents.

For a client that asks one, and for a server that stands in for one.

    retrieve      POST /retrieve      {"queries": [...], "topk", "return_scores"} answers
                  {"result": [[{"document": {"id", "contents"}, "score"}, ...], ...]}; servers
                  that ignore return_scores, bare documents (Search-R1
                  retrieval_server.py:318-358)
    queries       POST /queries       {"queries": [...], "k"} answers {"queries", "answers":
                  [[line, ...], ...]} (R1-Searcher train/wiki_corpus_load.py:21-39)
    search        POST /search        {"query", "top_n", "return_score"} answers
                  [{"id", "contents"}, ...] (ReSearch retriever_serving.py:38-93)
    batch_search  POST /batch_search  {"query": [...], "top_n"} answers a list of those
    zero_search   POST /retrieve      {"query", "top_k"} answers [{"text"}, ...] (ZeroSearch
                  llm_agent/generation.py:602-609, port 6002)

Unverified: what /search and /batch_search answer with return_score (here the documents,
then the scores; both forms are read).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..trace import Document
from .http import ServiceError
from .results import string


@dataclass(frozen=True)
class Contract:
    """How one kind of server is asked for one query, and what its answer holds."""

    name: str
    route: str
    body: Callable[[str, int], dict[str, Any]]
    items: Callable[[Any], Any]
    """From the answer to the list of that query's results; anything else if it has none."""


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else None


def _field(name: str) -> Callable[[Any], Any]:
    return lambda answer: _first(answer.get(name)) if isinstance(answer, dict) else None


def _unscored(answer: Any) -> Any:
    """Return the documents of `[documents, scores]`, or of documents alone."""
    if isinstance(answer, list) and len(answer) == 2 and isinstance(answer[0], list):
        return answer[0]
    return answer


CONTRACTS = {
    contract.name: contract
    for contract in (
        Contract(
            "retrieve",
            "/retrieve",
            lambda query, k: {"queries": [query], "topk": k, "return_scores": True},
            _field("result"),
        ),
        Contract(
            "queries",
            "/queries",
            lambda query, k: {"queries": [query], "k": k},
            _field("answers"),
        ),
        Contract(
            "search",
            "/search",
            lambda query, k: {"query": query, "top_n": k, "return_score": False},
            _unscored,
        ),
        Contract(
            "batch_search",
            "/batch_search",
            lambda query, k: {"query": [query], "top_n": k, "return_score": False},
            lambda answer: _first(_unscored(answer)),
        ),
        Contract(
            "zero_search",
            "/retrieve",
            lambda query, k: {"query": query, "top_k": k},
            lambda answer: answer,
        ),
    )
}
"""Every contract by its name."""


def read_item(item: Any) -> Document:
    """Return one result of any contract as a document.

    Raises:
        ServiceError: it holds no text.
    """
    if isinstance(item, str):
        return read_line(item)
    record = item.get("document", item) if isinstance(item, dict) else None
    contents = (
        record.get("contents", record.get("text")) if isinstance(record, dict) else None
    )
    if not isinstance(record, dict) or not isinstance(contents, str):
        msg = "the retriever returned a document without `contents`"
        raise ServiceError(msg)
    score = item.get("score") if record is not item else None
    found = split_contents(contents)
    return Document(
        title=string(record.get("title")) or found.title,
        text=found.text,
        title_line=found.line,
        url=string(record.get("url")),
        score=float(score) if isinstance(score, int | float) else None,
    )


class Contents(NamedTuple):
    """A passage that came as one text."""

    title: str
    text: str
    line: str
    """The line that the title was read from, byte for byte; empty if there is none."""


def split_contents(contents: str) -> Contents:
    r"""Return the parts of a passage in the wiki-18 form `"Title"\ntext`.

    No byte is lost: line, line break and text are the passage again.

    >>> split_contents('"Ada \\"Countess\\" Lovelace"\nA mathematician.')[:2]
    ('Ada "Countess" Lovelace', 'A mathematician.')
    >>> split_contents("No title here.")
    Contents(title='', text='No title here.', line='')
    """
    line, newline, text = contents.partition("\n")
    title = line.strip()
    if newline and len(title) > 1 and title[0] == title[-1] == '"':
        title = title[1:-1].replace('\\"', '"').replace('""', '"')
        return Contents(title, text, line)
    if newline and title and text.strip() and len(title) <= 200:
        return Contents(title, text, line)
    return Contents("", contents, "")


def join_contents(document: Document) -> str:
    """Return a document as it came, else in the wiki-18 form; `split_contents` reads it."""
    text = document.text or document.snippet
    line = document.title_line
    if line is None:
        line = f'"{document.title}"' if document.title else ""
    return f"{line}\n{text}" if line else text


_LEADING_ID = re.compile(r'\A\d++\s++(?="?Title: )')
"""The passage's number, which R1-Searcher's loop takes off; numbers within it stay."""

_LINE = re.compile(r"Title: (.*?) Text:  (.*)", re.DOTALL)


def read_line(line: str) -> Document:
    """Return a line of R1-Searcher's passage file, `Title: T Text:  …`, as a document.

    A line with a quotation mark stands in quotes, inner ones doubled, as its file (tab
    separated) has it. A line of another form is all text.

    >>> read_line('"Title: Peru Text:  A ""country""."').text
    'A "country".'
    """
    line = _LEADING_ID.sub("", line)
    text = line[1:-1].replace('""', '"') if _is_quoted(line) else line
    match = _LINE.fullmatch(text)
    if match is None:
        return Document(text=line)
    return Document(title=match[1], text=match[2])


def _is_quoted(line: str) -> bool:
    inner = line[1:-1]
    return (
        len(line) > 1
        and line[0] == line[-1] == '"'
        and '"' in inner
        and '"' not in inner.replace('""', "")
    )


def write_line(document: Document) -> str:
    """Return a document as a line of R1-Searcher's passage file; `read_line` reads it."""
    text = " ".join((document.text or document.snippet).split("\n"))
    if not document.title:
        return text
    line = f"Title: {document.title} Text:  {text}"
    quoted = line.replace('"', '""')
    return f'"{quoted}"' if '"' in line else line


def first_results(contract: Contract, answer: Any, k: int) -> list[Document]:
    """Return the documents of a server's answer to one query, at most `k`.

    Raises:
        ServiceError: the answer is not the contract's.
    """
    items = contract.items(answer)
    if not isinstance(items, Sequence | list) or isinstance(items, str | Mapping):
        msg = (
            "the retriever did not answer with one list of results per query; check its "
            "address"
        )
        raise ServiceError(msg)
    # Some servers ignore the number.
    return [read_item(item) for item in items[:k]]
