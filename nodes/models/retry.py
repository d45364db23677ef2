"""Which failures of a model are worth another try."""

from __future__ import annotations

import httpx

from .base import ModelError

RETRY_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may pass: time-outs, conflicts, rate limits, server trouble."""


def is_retryable(error: BaseException) -> bool:
    """Return whether the same call may work later.

    Time-outs, dropped connections, 429 and 5xx are; a 400 or a refused key never is.
    """
    if isinstance(error, ModelError):
        return error.retryable
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in RETRY_STATUS
    if isinstance(error, httpx.TransportError):
        return not isinstance(error, httpx.UnsupportedProtocol)
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return status in RETRY_STATUS
    # openai's and anthropic's connection errors have no status and no common base.
    return type(error).__name__ in ("APIConnectionError", "APITimeoutError")
