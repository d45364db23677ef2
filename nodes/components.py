"""The parts an agent is made of, looked up for a run.

What the factory was given as an object is used as it is; everything else is built from
the run's settings. Builders cache, so a server does not make clients anew for each run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ..context import Context, Environment, environment_settings
from ..tools.base import Reader, SearchProvider
from ..tools.factory import WEB, check_search_spec, make_reader, make_search
from .condensers.base import Condenser
from .condensers.factory import Parts as CondenserParts
from .condensers.factory import make_condenser
from .dialects import Dialect, get_dialect
from .dialects.parts.answering import as_answering_dialect
from .models.base import Reasoner, Sampling
from .models.resolve import resolve_reasoner
from .roles import RolesReasoner

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
    schema: ClassVar[type[Context]] = Context
    """The settings of a run."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Settings the factory was given; below those passed with a run."""
    _ready: set[str] = field(default_factory=set, compare=False)
    _contexts: dict[Environment, tuple[Context, Context]] = field(
        default_factory=dict, compare=False
    )

    @classmethod
    def of(
        cls, parts: Mapping[str, Any], settings: Mapping[str, Any], **objects: Any
    ) -> Self:
        """Return components from parts that are objects or names.

        Args:
            parts: by field; one that is a string is the setting of that name.
            settings: further settings.
            objects: parts that have no setting.

        Raises:
            ValueError: a setting is unknown or out of bounds.
            UnknownDialectError: no dialect has that name.
            SearchSpecError: `search` names no known provider.
        """
        names = {name: part for name, part in parts.items() if isinstance(part, str)}
        settings = {**settings, **names}
        get_dialect(cls.schema(**settings).dialect)
        if "search" in names:
            check_search_spec(names["search"])
        own = {name: part for name, part in parts.items() if name not in names}
        return cls(**own, **objects, defaults=settings)

    async def aready(self, run: Run) -> None:
        """Build the run's parts in a thread, so that a node finds them made.

        Building asks servers and reads files, which must not block an event loop.
        """
        if run["id"] in self._ready:
            return
        if not self._are_given(run):
            await asyncio.to_thread(self._build, run)
        self._note(run)

    def _are_given(self, run: Run) -> bool:
        """Return whether every part is an object already."""
        settings = run["settings"]
        if self.model is None or self.search is None:
            return False
        if settings["summarizer_model"] or settings["summarizer_url"]:
            return False
        return self.reader is not None or not self._may_read(self.search, settings)

    def ready(self, run: Run) -> None:
        """Build the run's parts, so that what is missing is said before a model writes."""
        if run["id"] not in self._ready:
            self._build(run)
            self._note(run)

    def _note(self, run: Run) -> None:
        if len(self._ready) >= READY_RUNS:
            self._ready.clear()
        self._ready.add(run["id"])

    def _build(self, run: Run) -> None:
        # What is here comes first: a missing corpus or key needs no server to be seen.
        if self._may_read(self.search_for(run), run["settings"]):
            self.reader_for(run)
        self.reasoner_for(run)
        self.condenser_for(run)

    @staticmethod
    def _may_read(search: SearchProvider, settings: Mapping[str, Any]) -> bool:
        """Return whether the run needs its reader built beforehand.

        One over a corpus takes time and may fail; one of the web does neither.
        """
        return not search.returns_full_text or settings["reader"] != WEB

    def context(self, given: Context | None) -> Context:
        """Merge settings: passed with the run > factory > environment > default."""
        base, own = self._own_contexts()
        if given is None:
            return own
        # A field that was set later is known by its value alone.
        explicit = {
            name: value
            for name in given.model_fields_set
            if (value := getattr(given, name)) != getattr(base, name) or name in given.given
        }
        return own.model_copy(update=explicit) if explicit else own

    def _own_contexts(self) -> tuple[Context, Context]:
        """Return the settings without and with those of the factory.

        Kept as long as the environment stays: building them takes a millisecond each.
        """
        environment = environment_settings()
        found = self._contexts.get(environment)
        if found is None:
            found = self.schema(), self.schema(**self.defaults)
            self._contexts.clear()
            self._contexts[environment] = found
        return found

    def dialect_for(self, run: Run) -> Dialect:
        """Return the run's dialect.

        Raises:
            NoAnswerDialectError: it is one that answers no questions.
        """
        return as_answering_dialect(self._named_dialect(run))

    def _named_dialect(self, run: Run) -> Dialect:
        return self.dialect or get_dialect(run["settings"]["dialect"])

    def check_dialect(self) -> None:
        """Refuse a dialect of the factory's that the graph cannot use.

        Raises:
            DeepSearchError: it is one.
        """
        self.dialect_for({"settings": self.context(None).model_dump()})

    def reasoner_for(self, run: Run) -> Reasoner:
        """Return what writes the turns: the reasoning model, or several roles of it."""
        if run["settings"].get("roles"):
            model, dialect = self._model_for(run), self.dialect_for(run)
            return RolesReasoner(model, dialect, run["question"])
        return self._single_reasoner(run)

    def _single_reasoner(self, run: Run) -> Reasoner:
        """Return the reasoning model; the same server for the whole of a run."""
        reasoner = self._model_for(run)
        if self.dialect_for(run).uses_chat_template:
            return reasoner
        return reasoner.without_template()

    def _model_for(self, run: Run) -> Reasoner:
        if self.model is not None:
            return self._own_reasoner
        settings = run["settings"]
        model = run.get("model") or settings["model"]
        return resolve_reasoner(model, base_url=settings["base_url"], run_key=run["id"])

    @cached_property
    def _own_reasoner(self) -> Reasoner:
        # One for all runs: it remembers what its model has refused.
        return resolve_reasoner(self.model)

    def summarizer_for(self, run: Run) -> Reasoner:
        """Return the model that reads documents; the reasoning model unless one is named."""
        settings = run["settings"]
        if not (settings["summarizer_model"] or settings["summarizer_url"]):
            return self._model_for(run)
        return resolve_reasoner(
            settings["summarizer_model"],
            base_url=settings["summarizer_url"] or settings["base_url"],
            run_key=run["id"],
            setting="summarizer_url" if settings["summarizer_url"] else "base_url",
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
        if self.reader is not None:
            return self.reader
        return make_reader(
            settings["reader"],
            cache_dir=_path(settings["cache_dir"]),
            allow_private=allowed_hosts(settings),
        )

    def condenser_for(self, run: Run) -> Condenser:
        """Return the condenser of a query's documents."""
        if self.condenser is not None:
            return self.condenser
        return self._made_condenser(run, "condenser")

    def page_condenser_for(self, run: Run) -> Condenser:
        """Return the condenser of a page that the model asks for by address."""
        return self._made_condenser(run, "page_condenser")

    def _made_condenser(self, run: Run, kind: str) -> Condenser:
        # Runs from before the setting, in checkpoints, have no prompts.
        prompt = run.get("condenser_prompts", {}).get(kind, "")
        parts = CondenserParts(
            settings=run["settings"],
            dialect=self.dialect_for(run),
            summarizer=lambda: self.summarizer_for(run),
            sampling=sampling_of(run),
            reasoner=lambda: self._single_reasoner(run),
            search=lambda: self.search_for(run),
            reader=lambda: self.reader_for(run),
            top_k=run["limits"]["top_k"],
            prompt=prompt,
        )
        return make_condenser(run["settings"][kind], parts)


def sampling_of(run: Run) -> Sampling:
    """Return how the run samples."""
    settings = run["settings"]
    return Sampling(
        temperature=settings["temperature"],
        top_p=settings["top_p"],
        top_k=settings["sampling_top_k"],
        max_tokens=run["limits"]["turn_tokens"],
        seed=settings["seed"],
        # Runs from before the setting, in checkpoints, have none.
        repetition_penalty=settings.get("repetition_penalty", 1.0),
    )


def allowed_hosts(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the private hosts that may be fetched."""
    hosts = (host.strip() for host in settings["allow_private"].split(","))
    return tuple(host for host in hosts if host)


def _path(value: str | Path | None) -> Path | None:
    return Path(value) if value else None
