"""The parts of a report agent: those of every agent, and the writer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from ...context import Context, ReportContext
from ...errors import DeepSearchError
from ..components import Components, Run, sampling_of
from ..dialects.base import Dialect
from ..dialects.parts.report import ReportDialect
from ..models.base import Reasoner, Sampling
from ..models.resolve import resolve_reasoner

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


class NoReportDialectError(DeepSearchError):
    """The dialect's model has no report written."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"dialect {name!r} writes no reports: leave `dialect` (DEEPSEARCH_DIALECT) out, "
            "or name web_thinker_report or a file of your own with a ReportDialect"
        )


@dataclass(frozen=True)
class ReportComponents(Components):
    """`Components` with a writer: the model that plans, writes and edits."""

    schema: ClassVar[type[Context]] = ReportContext
    writer: BaseChatModel | Reasoner | None = None

    def dialect_for(self, run: Run) -> ReportDialect:
        """Return the run's dialect.

        Raises:
            NoReportDialectError: it is one that answers questions.
        """
        return as_report_dialect(self._named_dialect(run))

    def writer_for(self, run: Run) -> Reasoner:
        """Return the model that writes; the summarizer unless one is given or named."""
        if self.writer is not None:
            return self._own_writer
        settings = run["settings"]
        if not (settings["writer_model"] or settings["writer_url"]):
            return self.summarizer_for(run)
        places = ("writer_url", "summarizer_url", "base_url")
        setting = next((place for place in places if settings[place]), "base_url")
        return resolve_reasoner(
            settings["writer_model"],
            base_url=settings[setting],
            run_key=run["id"],
            setting=setting,
        )

    @cached_property
    def _own_writer(self) -> Reasoner:
        return resolve_reasoner(self.writer)

    def _are_given(self, run: Run) -> bool:
        settings = run["settings"]
        named = settings["writer_model"] or settings["writer_url"]
        return super()._are_given(run) and (self.writer is not None or not named)

    def _build(self, run: Run) -> None:
        super()._build(run)
        self.writer_for(run)


def as_report_dialect(dialect: Dialect) -> ReportDialect:
    """Return the dialect as one that has reports written.

    Raises:
        NoReportDialectError: it is none.
    """
    if not isinstance(dialect, ReportDialect):
        raise NoReportDialectError(dialect.name)
    return dialect


def writing_sampling(run: Run) -> Sampling:
    """Return how the writer samples."""
    return sampling_of(run).with_max_tokens(run["settings"]["writer_max_tokens"])
