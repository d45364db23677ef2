"""What kind of server stands behind a URL, for the record of a measurement."""

from __future__ import annotations

from typing import Any, Literal

import httpx

from .http import ServerClient
from .resolve import PROVIDERS

Engine = Literal["vllm", "transformers", "unknown"]

TRANSFORMERS_ROUTE = "/load_model"
"""A route of transformers' server alone (cli/serving/server.py:126); it lists its routes
at FastAPI's `/openapi.json` and names itself nowhere."""


def find_engine(model: str, base_urls: str) -> Engine:
    """Return what serves a model, `unknown` where it does not show or servers differ.

    Args:
        model: as in `Context.model`; a `provider:model` has no server of ours.
        base_urls: its server, or several, comma-separated.
    """
    if ":" in model and model.partition(":")[0] in PROVIDERS:
        return "unknown"
    urls = [url for url in base_urls.split(",") if url.strip()]
    found: set[Engine] = {_engine_of(ServerClient(url)) for url in urls}
    return found.pop() if len(found) == 1 else "unknown"


def _engine_of(client: ServerClient) -> Engine:
    models = _json(client, f"{client.base_url}/models").get("data") or []
    if any(isinstance(m, dict) and m.get("owned_by") == "vllm" for m in models):
        return "vllm"
    routes = _json(client, f"{client.root_url}/openapi.json").get("paths") or {}
    return "transformers" if TRANSFORMERS_ROUTE in routes else "unknown"


def _json(client: ServerClient, url: str) -> dict[str, Any]:
    """Return an answer's JSON object, empty for any other answer."""
    try:
        answer = client.client().get(url).json()
    except (httpx.HTTPError, ValueError):
        return {}  # not knowing is an answer here; the run itself says what is wrong
    return answer if isinstance(answer, dict) else {}
