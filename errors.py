"""Errors that are the user's to mend: one line that says what to do."""

from __future__ import annotations


class DeepSearchError(Exception):
    """Base of errors whose message is a single line telling the user what to do.

    The command line prints the message alone and exits non-zero; a trace back comes
    only with `-v`.
    """


class MissingDependencyError(DeepSearchError):
    """An optional package is not installed; names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(
            f"{package} is not installed; run: pip install 'langgraph-deepsearch[{extra}]'"
        )
