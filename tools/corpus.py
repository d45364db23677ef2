"""Search in a local corpus: a JSON Lines file, no server and no key.

By BM25 the whole index is in memory, or memory-mapped from a cache folder; one query takes
well under a millisecond for thousands of passages. Dense retrieval and a hybrid of both
need the extra `dense`.
"""

from __future__ import annotations

import asyncio
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from ..errors import DeepSearchError
from ..trace import Document
from .base import Episode
from .bm25 import INDEX_SETTINGS, Bm25
from .contracts import split_contents
from .hybrid import HybridIndex, Ranking
from .snippet import SNIPPET_CHARS, snippet_window

CORPUS_FILE = "corpus.jsonl"
"""The file read when a folder is named."""

SKIPPED = b"\0without documents that have no text"
"""Hashed with a corpus of which documents are skipped: an index kept of all its lines counts
other places."""

RankingName = Literal["bm25", "dense", "hybrid"]
"""How a corpus is ranked."""


class CorpusError(DeepSearchError):
    """A corpus file is absent, empty, or holds a line that is no document."""


class Passage(NamedTuple):
    """One document of a corpus."""

    title: str
    text: str
    url: str
    date: str
    id: str
    """The line's `id`, or its number where it has none."""
    title_line: str | None = None
    """See `trace.Document.title_line`."""

    @property
    def address(self) -> str:
        """The passage's `url`, or where it has none an address of its own, `corpus:ID`."""
        return self.url or f"corpus:{quote(self.id, safe='')}"


class CorpusSearch:
    """Search over a JSON Lines file of `{id, title, text, url?, date?}`.

    `contents` (`"Title"`, a newline, the text) is read where there is no `text`. Documents
    without text are skipped. Safe to use from several threads at once; nothing changes after
    construction.

    Args:
        path: the corpus file, or a folder that holds `corpus.jsonl`.
        snippets: return snippets of about 200 characters in place of whole passages, as
            a web search would, so that pages are read by their address (`CorpusReader`
            reads them without a web).
        cache_dir: folder that keeps the index between runs, found again by the hash of
            the corpus; none: it is built each time.
        ranking: by words, by vectors, or both fused by rank.
        model: of the vectors; the packaged one if empty (`dense.py`).

    Raises:
        CorpusError: no such file, a malformed line, or no text in it.
        IndexFileError: the kept index is damaged.
        DenseModelError: the model cannot be loaded.
        MissingDependencyError: what the ranking needs is not installed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        snippets: bool = False,
        cache_dir: str | os.PathLike[str] | None = None,
        ranking: RankingName = "bm25",
        model: str = "",
    ) -> None:
        self.path = Path(path)
        self.name = "corpus" if ranking == "bm25" else ranking
        self.snippets = snippets
        self.returns_full_text = not snippets
        self._passages, self._hash = load_corpus(self.path)
        texts = [(passage.title, passage.text) for passage in self._passages]
        kept = {"content_hash": self._hash, "cache_dir": cache_dir}
        self._index, self._settings = _make_index(texts, ranking, model, kept)

    def __len__(self) -> int:
        return len(self._passages)

    @property
    def settings(self) -> Mapping[str, Any]:
        snippet_chars = SNIPPET_CHARS if self.snippets else 0
        return {"corpus": self._hash, "snippet_chars": snippet_chars, **self._settings}

    def search(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        """Return at most `k` passages, best first; by BM25 such as share a term."""
        return [document for _, document in self.search_with_ids(query, k)]

    def search_with_ids(self, query: str, k: int) -> list[tuple[str, Document]]:
        """Return the same, each with its passage's id."""
        found = [(self._passages[place], score) for place, score in self.ranked(query, k)]
        return [(one.id, self._document(one, score, query)) for one, score in found]

    def ranked(self, query: str, k: int) -> list[tuple[int, float]]:
        """Return the same as (place, score) pairs; places count the passages from 0."""
        return self._index.best(query, k)

    async def asearch(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        """Async version of `search`; scores in a worker thread."""
        return await asyncio.to_thread(self.search, query, k, episode=episode)

    def _document(self, passage: Passage, score: float, query: str) -> Document:
        shown = snippet_window(passage.text, query) if self.snippets else ""
        return Document(
            title=passage.title,
            text="" if self.snippets else passage.text,
            title_line=None if self.snippets else passage.title_line,
            url=passage.address if self.snippets else passage.url,
            snippet=shown,
            date=passage.date,
            score=score,
        )


def _make_index(
    texts: Sequence[tuple[str, str]],
    ranking: RankingName,
    model: str,
    kept: Mapping[str, Any],
) -> tuple[Ranking, dict[str, Any]]:
    """Return the index, and everything that decides what it finds but the corpus."""
    if ranking == "bm25":
        return Bm25(texts, **kept), dict(INDEX_SETTINGS)
    from .dense import DenseIndex

    # Words first: what they need may be missing, and vectors take long.
    words = [Bm25(texts, **kept)] if ranking == "hybrid" else []
    dense = DenseIndex(texts, model=model, **kept)
    if not words:
        return dense, dict(dense.settings)
    hybrid = HybridIndex([*words, dense])
    return hybrid, {**INDEX_SETTINGS, **dense.settings, **hybrid.settings}


def load_corpus(path: Path) -> tuple[list[Passage], str]:
    """Return a corpus's passages in file order, and a hash of its bytes.

    Documents without text are skipped, with a warning that counts them.

    Raises:
        CorpusError: see `CorpusSearch`; the message names the line.
    """
    source = path / CORPUS_FILE if path.is_dir() else path
    if not source.is_file():
        msg = (
            f"no corpus file at {source}: check the path; a corpus is JSON Lines of "
            "{id, title, text}"
        )
        raise CorpusError(msg)
    data = source.read_bytes()
    passages = [
        _parse(line, source, number)
        for number, line in enumerate(data.split(b"\n"), 1)
        if line.strip()
    ]
    kept = [passage for passage in passages if passage.text.strip()]
    if not kept:
        what = "holds no text" if passages else "is empty"
        msg = f"{source} {what}: a corpus has one {{id, title, text}} object a line"
        raise CorpusError(msg)
    digest = sha256(data)
    if len(kept) < len(passages):
        _warn_of_skipped(source, len(passages) - len(kept), len(passages))
        digest.update(SKIPPED)
    return kept, digest.hexdigest()


def _warn_of_skipped(source: Path, skipped: int, total: int) -> None:
    msg = (
        f"{source}: {skipped} of {total} documents have no text and are skipped; "
        "nothing of them can be found or read"
    )
    warnings.warn(msg, RuntimeWarning, stacklevel=2)


def _parse(line: bytes, source: Path, number: int) -> Passage:
    where = f"{source}:{number}"
    try:
        record = json.loads(line)
    except ValueError as error:
        msg = f"{where}: not valid JSON ({error}); mend or remove that line"
        raise CorpusError(msg) from error
    if not isinstance(record, dict):
        msg = f"{where}: not a JSON object; a document is {{id, title, text}}"
        raise CorpusError(msg)
    title, text = _string(record, "title", where), _string(record, "text", where)
    title_line = None
    if "text" not in record and "contents" in record:
        found = split_contents(_string(record, "contents", where))
        title, text, title_line = title or found.title, found.text, found.line
    given = record.get("id")
    return Passage(
        title,
        text,
        url=_string(record, "url", where),
        date=_string(record, "date", where),
        id=str(number if given is None else given),
        title_line=title_line,
    )


def _string(record: Mapping[str, Any], key: str, where: str) -> str:
    value = record.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        msg = f"{where}: `{key}` must be a string, not {type(value).__name__}"
        raise CorpusError(msg)
    return value
