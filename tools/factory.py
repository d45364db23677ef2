"""Makes the search provider and the reader that settings name, once for all runs."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import DeepSearchError
from .base import Reader, SearchProvider
from .cache import Cache
from .cached import CachedReader, CachedSearch
from .model_folder import model_state
from .reader import HttpReader
from .safety import UnsafeUrlError, check_url, parse_allowed

if TYPE_CHECKING:
    from .corpus import RankingName

SEARCH_FORMS = (
    "tavily[?full], serper, searxng:URL, corpus:PATH[?snippets], "
    "dense:PATH[?model=FOLDER&snippets], hybrid:PATH[?model=FOLDER&snippets], "
    "http:URL, http+CONTRACT:URL or simulated:URL"
)
"""The specs that `make_search` understands."""

WEB = "web"
"""The reader spec of pages fetched over HTTP."""

READER_FORMS = f"{WEB} or corpus:PATH"
"""The specs that `make_reader` understands."""

LOCAL_RANKINGS: dict[str, RankingName] = {
    "corpus": "bm25",
    "dense": "dense",
    "hybrid": "hybrid",
}
"""Kinds of spec that search a local corpus, and how they rank it."""

NAMED = ("tavily", "tavily?full", "serper")
"""Specs of the web that need no address."""

ADDRESSED = ("searxng", "simulated", "http", "https")
"""Kinds of spec that need one; `http+CONTRACT` is another."""

CACHE_FILE = "tools.sqlite"
"""Name of the search and page cache in a cache folder."""

_building = threading.Lock()

_OPTION = r"(?:snippets|model=[^?&]*)"
_OPTIONS = re.compile(rf"\?({_OPTION}(?:[?&]{_OPTION})*)\Z")


class SearchSpecError(DeepSearchError):
    """A search spec names no provider, or its address is no address."""


class ReaderSpecError(DeepSearchError):
    """A reader spec names no reader."""


def make_search(
    spec: str,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    allow_private: str | Iterable[str] = (),
) -> SearchProvider:
    """Return the provider a spec names; the same object for the same arguments.

    The address in `searxng:URL` and `http:URL` is the operator's own choice and may be
    private; `allow_private` concerns pages that searches lead to.

    Args:
        spec: tavily, serper, searxng:URL, corpus:PATH, http:URL; `tavily?full` brings
            whole pages, `corpus:PATH?snippets` only snippets; `dense:PATH` and
            `hybrid:PATH` rank a corpus by vectors, or by words and vectors, and take
            `?model=FOLDER` and `?snippets`, joined by `&`;
            `http+CONTRACT:URL` asks a server of another contract (`contracts.CONTRACTS`);
            `simulated:URL` lets a served model write what a search would find.
        cache_dir: folder for results of web searches and the corpus index; none: nothing
            is kept.
        allow_private: private hosts that may be fetched.

    Raises:
        SearchSpecError: unknown spec.
        MissingKeyError: the provider's key is not in the environment.
        CorpusError: the corpus cannot be used.
    """
    parse_allowed(allow_private)
    spec = spec.strip()
    check_search_spec(spec)
    folder = _folder(cache_dir)
    # One at a time: a server's first runs would else build one index each.
    with _building:
        return _search(spec, folder, _fingerprint(spec))


def check_search_spec(spec: str) -> None:
    """Refuse a spec that names no kind of search; opens no file and asks no server.

    Raises:
        SearchSpecError: unknown spec.
    """
    spec = spec.strip()
    kind, _, argument = spec.partition(":")
    if kind.startswith("http+") and argument:
        _check_contract(spec, kind.removeprefix("http+"))
    elif kind == "corpus" and split_corpus_spec(argument).model:
        msg = f"{spec!r}: words need no model; use dense: or hybrid: for vectors"
        raise SearchSpecError(msg)
    elif spec not in NAMED and not (argument and kind in (*ADDRESSED, *LOCAL_RANKINGS)):
        raise _unknown(spec)


def _check_contract(spec: str, contract: str) -> None:
    from .contracts import CONTRACTS

    if contract not in CONTRACTS:
        known = ", ".join(f"http+{name}" for name in CONTRACTS)
        msg = f"unknown contract in {spec!r}: use {known}"
        raise SearchSpecError(msg)


def _unknown(spec: str) -> SearchSpecError:
    return SearchSpecError(f"unknown search {spec!r}: use {SEARCH_FORMS}")


def make_reader(
    spec: str = WEB,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    allow_private: str | Iterable[str] = (),
) -> Reader:
    """Return the page reader a spec names; the same object for the same arguments.

    Args:
        spec: `web` fetches pages over HTTP; `corpus:PATH` reads the passages of a local
            corpus by their addresses and fetches nothing.
        cache_dir: folder of the page cache; none: nothing is kept.
        allow_private: private hosts that may be fetched, `host` or `host:port`.

    Raises:
        ReaderSpecError: unknown spec.
        CorpusError: the corpus cannot be used.
    """
    allowed = parse_allowed(allow_private)
    spec = spec.strip()
    if spec == WEB:
        return _reader(_folder(cache_dir), allowed)
    kind, _, argument = spec.partition(":")
    if kind != "corpus" or not argument:
        msg = f"unknown reader {spec!r}: use {READER_FORMS}"
        raise ReaderSpecError(msg)
    path = split_corpus_spec(argument).path
    with _building:
        return _corpus_reader(path, _corpus_state(path))


class CorpusSpec(NamedTuple):
    """What stands after `corpus:`, `dense:` or `hybrid:`."""

    path: Path
    snippets: bool = False
    model: str = ""


def split_corpus_spec(argument: str) -> CorpusSpec:
    """Return the parts of a spec's `PATH?model=FOLDER&snippets`, both options optional.

    >>> split_corpus_spec("a?b.jsonl?snippets&model=e5")[1:]
    (True, 'e5')
    """
    found = _OPTIONS.search(argument)
    if found is None:
        return CorpusSpec(Path(argument).expanduser())
    options = re.split(r"[?&]", found[1])
    models = [one.removeprefix("model=") for one in options if one.startswith("model=")]
    path = Path(argument[: found.start()]).expanduser()
    return CorpusSpec(path, "snippets" in options, models[-1] if models else "")


def _folder(cache_dir: str | os.PathLike[str] | None) -> Path | None:
    return None if cache_dir is None or str(cache_dir) == "" else Path(cache_dir).resolve()


def _fingerprint(spec: str) -> tuple[str, ...]:
    """Return what, besides the spec, a provider was built from: it is rebuilt on change."""
    kind, _, argument = spec.partition(":")
    if kind in LOCAL_RANKINGS:
        corpus = split_corpus_spec(argument)
        return _corpus_state(corpus.path) + _model_state(corpus.model)
    return (os.environ.get("TAVILY_API_KEY", ""), os.environ.get("SERPER_API_KEY", ""))


def _corpus_state(path: Path) -> tuple[str, ...]:
    try:
        path = path / "corpus.jsonl" if path.is_dir() else path
        status = path.stat()
    except OSError:  # who loads it says it better
        return ()
    return (str(path.resolve()), str(status.st_mtime_ns), str(status.st_size))


def _model_state(model: str) -> tuple[str, ...]:
    return model_state(Path(model).expanduser()) if model else ()


@lru_cache(maxsize=16)
def _search(spec: str, folder: Path | None, _state: tuple[str, ...]) -> SearchProvider:
    kind, _, argument = spec.partition(":")
    if kind in LOCAL_RANKINGS and argument:
        from .corpus import CorpusSearch

        # A corpus answers faster than any cache; the folder keeps its index.
        corpus = split_corpus_spec(argument)
        return CorpusSearch(
            corpus.path,
            snippets=corpus.snippets,
            cache_dir=folder,
            ranking=LOCAL_RANKINGS[kind],
            model=corpus.model,
        )
    provider = _web_search(spec, kind, argument)
    # What a simulator finds depends on the episode, which no cache knows.
    if folder is None or getattr(provider, "needs_episode", False):
        return provider
    return CachedSearch(provider, _cache(folder))


def _web_search(spec: str, kind: str, argument: str) -> SearchProvider:
    if spec in ("tavily", "tavily?full"):
        from .tavily import TavilySearch

        return TavilySearch(include_raw_content=spec.endswith("?full"))
    if spec == "serper":
        from .serper import SerperSearch

        return SerperSearch()
    if kind == "searxng" and argument:
        from .searxng import SearxngSearch

        return SearxngSearch(_address(spec, argument))
    if kind == "simulated" and argument:
        from .simulated import parse_simulator_spec

        simulator = parse_simulator_spec(argument)
        _address(spec, simulator.base_url)
        return simulator
    if kind == "http" and argument:
        from .http_retriever import HttpRetriever

        # `http:URL`, and a URL alone, whose scheme has eaten the prefix.
        return HttpRetriever(
            _address(spec, spec if argument.startswith("//") else argument)
        )
    if kind.startswith("http+") and argument:
        from .http_retriever import HttpRetriever

        return HttpRetriever(_address(spec, argument), kind.removeprefix("http+"))
    if kind == "https" and argument.startswith("//"):
        from .http_retriever import HttpRetriever

        return HttpRetriever(_address(spec, spec))
    raise _unknown(spec)


def _address(spec: str, url: str) -> str:
    try:
        return check_url(url).url
    except UnsafeUrlError as error:
        msg = f"search {spec!r}: {error}"
        raise SearchSpecError(msg) from error


@lru_cache(maxsize=16)
def _reader(folder: Path | None, allowed: tuple[str, ...]) -> Reader:
    reader = HttpReader(allow_private=allowed)
    return reader if folder is None else CachedReader(reader, _cache(folder))


@lru_cache(maxsize=16)
def _corpus_reader(path: Path, _state: tuple[str, ...]) -> Reader:
    from .corpus_reader import CorpusReader

    return CorpusReader(path)


@lru_cache(maxsize=16)
def _cache(folder: Path) -> Cache:
    return Cache(folder / CACHE_FILE)
