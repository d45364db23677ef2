"""The parts an agent is made of, looked up for a run.

What the factory was given as an object is used as it is; everything else is built from
the run's settings. Builders cache, so a server does not make clients anew for each run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..context import Context
from ..errors import DeepSearchError
from ..tools.base import Reader, SearchProvider
from ..tools.factory import make_reader, make_search
from .condensers.base import Condenser
from .condensers.extractive import ExtractiveCondenser
from .condensers.none import NoCondenser
from .condensers.reason_in_documents import ReasonInDocuments
from .dialects import Dialect, get_dialect
from .models.base import Reasoner, Sampling
from .models.resolve import resolve_reasoner

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Run = Mapping[str, Any]
"""What `prepare` fixed for the run: `id`, `settings`, `limits`, `model`, …"""


READY_RUNS = 10_000
"""Runs whose parts are remembered as built; forgetting one costs a look-up."""


@dataclass(frozen=True)
class Components:
    """The parts given to the factory as objects; None means: from the settings."""

    model: BaseChatModel | Reasoner | None = None
    search: SearchProvider | None = None
    reader: Reader | None = None
    condenser: Condenser | None = None
    dialect: Dialect | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Settings the factory was given; below those passed with a run."""
    _ready: set[str] = field(default_factory=set, compare=False)

    async def aready(self, run: Run) -> None:
        """Build the run's parts in a thread, so that a node finds them made.

        Building asks servers and reads files, which must not block an event loop.
        """
        if run["id"] not in self._ready:
            await asyncio.to_thread(self._build, run)
            if len(self._ready) >= READY_RUNS:
                self._ready.clear()
            self._ready.add(run["id"])

    def _build(self, run: Run) -> None:
        self.reasoner_for(run)
        self.condenser_for(run)
        if not self.search_for(run).returns_full_text:
            self.reader_for(run)

    def context(self, given: Context | None) -> Context:
        """Merge settings: passed with the run > factory > environment > default."""
        base = Context()
        given = given or base
        explicit = {
            name: value
            for name in Context.model_fields
            if (value := getattr(given, name)) != getattr(base, name)
        }
        return Context(**{**self.defaults, **explicit})

    def dialect_for(self, run: Run) -> Dialect:
        """Return the run's dialect."""
        return self.dialect or get_dialect(run["settings"]["dialect"])

    def reasoner_for(self, run: Run) -> Reasoner:
        """Return the reasoning model; the same server for the whole of a run."""
        settings = run["settings"]
        model = self.model or run.get("model") or settings["model"]
        return resolve_reasoner(model, base_url=settings["base_url"], run_key=run["id"])

    def summarizer_for(self, run: Run) -> Reasoner:
        """Return the model that reads documents; the reasoning model unless one is named."""
        settings = run["settings"]
        if not (settings["summarizer_model"] or settings["summarizer_url"]):
            return self.reasoner_for(run)
        return resolve_reasoner(
            settings["summarizer_model"],
            base_url=settings["summarizer_url"] or settings["base_url"],
            run_key=run["id"],
        )

    def search_for(self, run: Run) -> SearchProvider:
        """Return the search provider."""
        if self.search is not None:
            return self.search
        settings = run["settings"]
        return make_search(
            settings["search"],
            cache_dir=_path(settings["cache_dir"]),
            allow_private=allowed_hosts(settings),
        )

    def reader_for(self, run: Run) -> Reader:
        """Return the page reader."""
        settings = run["settings"]
        return self.reader or make_reader(
            cache_dir=_path(settings["cache_dir"]), allow_private=allowed_hosts(settings)
        )

    def condenser_for(self, run: Run) -> Condenser:
        """Return the condenser."""
        settings = run["settings"]
        if self.condenser is not None:
            return self.condenser
        extractive = ExtractiveCondenser(max_chars=settings["evidence_chars"])
        if settings["condenser"] == "extractive":
            return extractive
        if settings["condenser"] == "none":
            limit = 2 * settings["max_doc_chars"]
            return NoCondenser(self.dialect_for(run), max_chars=limit)
        return ReasonInDocuments(
            self.summarizer_for(run),
            fallback=extractive,
            sampling=sampling_of(run).with_max_tokens(settings["summarizer_max_tokens"]),
            max_doc_chars=2 * settings["max_doc_chars"],
        )


def sampling_of(run: Run) -> Sampling:
    """Return how the run samples."""
    settings = run["settings"]
    return Sampling(
        temperature=settings["temperature"],
        top_p=settings["top_p"],
        top_k=settings["sampling_top_k"],
        max_tokens=run["limits"]["turn_tokens"],
        seed=settings["seed"],
    )


def allowed_hosts(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the private hosts that may be fetched."""
    hosts = (host.strip() for host in settings["allow_private"].split(","))
    return tuple(host for host in hosts if host)


def read_instruction(path: Path | None) -> str | None:
    """Return a prompt file's text.

    Raises:
        DeepSearchError: the file is absent or never mentions the question.
    """
    if path is None:
        return None
    if not path.is_file():
        msg = f"no prompt file at {path}: check `prompt_file`"
        raise DeepSearchError(msg)
    text = path.read_text(encoding="utf-8")
    if "{question}" not in text:
        msg = f"prompt file {path} lacks {{question}}: put it where the question belongs"
        raise DeepSearchError(msg)
    return text


def _path(value: str | Path | None) -> Path | None:
    return Path(value) if value else None
