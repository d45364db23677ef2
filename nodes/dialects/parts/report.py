"""What a dialect of the report graph says besides: sections, edits and checks."""

from __future__ import annotations

from abc import abstractmethod

from ..base import Dialect

REPORT_ACTIONS = ("write", "edit", "check")
"""Actions that the report graph carries out, beside the search."""


class ReportDialect(Dialect):
    """Base of dialects whose model has a report written, section by section.

    The model names what is to be written or changed; another call writes it, and the model
    sees only the report's outline. A turn without any action ends the run: its words are
    the model's closing words, not the report.
    """

    use = "reports"

    @abstractmethod
    def wrap_outline(self, outline: str) -> str:
        """Return the report's outline the way a check is answered."""

    @abstractmethod
    def done_message(self, what: str) -> str:
        """Return what a chat-only model reads after a section or an edit was made.

        Such a model must be answered before it goes on; any other goes on at once.

        Args:
            what: what was done, a sentence without its stop.
        """

    @abstractmethod
    def failed_message(self, reason: str) -> str:
        """Return what the model reads when nothing was written or changed."""
