"""Which failures of a model are worth another try."""

from __future__ import annotations

import httpx
from langchain_core.exceptions import ModelError as LangChainModelError

from .base import ModelError

RETRY_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may pass: time-outs, conflicts, rate limits, server trouble."""


def is_retryable(error: BaseException) -> bool:
    """Return whether the same call may work later; the predicate of graph retry policies.

    Time-outs, dropped connections, 429 and 5xx are; a 400 or a refused key never is.
    LangGraph's default policy has it the other way round for both.
    """
    if isinstance(error, ModelError):
        return error.retryable
    if isinstance(error, LangChainModelError):
        return error.is_retryable
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in RETRY_STATUS
    if isinstance(error, httpx.TransportError):
        return not isinstance(error, httpx.UnsupportedProtocol)
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return status in RETRY_STATUS
    # Providers' connection errors have no status and no base in common.
    return type(error).__name__ in ("APIConnectionError", "APITimeoutError")
