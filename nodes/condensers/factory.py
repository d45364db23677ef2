"""Makes the condenser that a setting names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...errors import DeepSearchError
from ...tools.base import Reader, SearchProvider
from ..dialects.base import Dialect
from ..models.base import Reasoner, Sampling
from .base import Condenser
from .exploration import Explorer
from .explorer import ExplorerCondenser
from .extractive import ExtractiveCondenser
from .goal_extractor import GoalExtractor
from .learnings import Learnings
from .none import NoCondenser
from .paging_reader import PagingReader
from .reason_in_documents import ReasonInDocuments


class UnknownCondenserError(DeepSearchError):
    """No condenser has that name."""


@dataclass(frozen=True)
class Parts:
    """What condensers are made of."""

    settings: Mapping[str, Any]
    dialect: Dialect
    summarizer: Callable[[], Reasoner]
    """Gives the model that reads documents; asked only where one is needed."""
    sampling: Sampling
    reasoner: Callable[[], Reasoner]
    """Gives the reasoning model itself, for steps that are agents of their own."""
    search: Callable[[], SearchProvider]
    reader: Callable[[], Reader]
    top_k: int
    prompt: str = ""
    """A prompt file's text in place of the condenser's own; empty: its own."""

    @property
    def extractive(self) -> ExtractiveCondenser:
        """The condenser that stands in where a model fails."""
        return ExtractiveCondenser(max_chars=self.settings["evidence_chars"])

    @property
    def reading(self) -> Sampling:
        """How the summarizer samples."""
        return self.sampling.with_max_tokens(self.settings["summarizer_max_tokens"])


def _reason_in_documents(parts: Parts) -> Condenser:
    return ReasonInDocuments(
        parts.summarizer(),
        fallback=parts.extractive,
        sampling=parts.reading,
        prompt=parts.prompt,
        max_doc_chars=2 * parts.settings["max_doc_chars"],
        needs_marker=parts.dialect.needs_final_marker,
    )


def _none(parts: Parts) -> Condenser:
    return NoCondenser(parts.dialect, max_chars=2 * parts.settings["max_doc_chars"])


def _asking(made: type[GoalExtractor | Learnings | PagingReader]) -> Any:
    def make(parts: Parts) -> Condenser:
        return made(
            parts.summarizer(),
            fallback=parts.extractive,
            sampling=parts.reading,
            prompt=parts.prompt,
        )

    return make


def _explorer(parts: Parts) -> Condenser:
    explorer = Explorer(
        reasoner=parts.reasoner(),
        search=parts.search(),
        reader=parts.reader(),
        page_condenser=make_condenser(
            parts.settings["page_condenser"], replace(parts, prompt="")
        ),
        sampling=parts.sampling,
        top_k=parts.top_k,
    )
    return ExplorerCondenser(explorer, fallback=parts.extractive, prompt=parts.prompt)


FACTORIES: dict[str, Callable[[Parts], Condenser]] = {
    "none": _none,
    "extractive": lambda parts: parts.extractive,
    "reason_in_documents": _reason_in_documents,
    "learnings": _asking(Learnings),
    "goal_extractor": _asking(GoalExtractor),
    "paging_reader": _asking(PagingReader),
    "explorer": _explorer,
}
"""Name (`Context.condenser` and `Context.page_condenser`) to what makes it."""


def make_condenser(name: str, parts: Parts) -> Condenser:
    """Return the condenser of that name.

    Raises:
        UnknownCondenserError: there is none; the message lists the names.
    """
    if name not in FACTORIES:
        msg = f"unknown condenser {name!r}; known: {', '.join(FACTORIES)}"
        raise UnknownCondenserError(msg)
    return FACTORIES[name](parts)
