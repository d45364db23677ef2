"""From what a user names to a reasoner.

A served name is looked up on its server, which is asked once what it can do: token ids
(vLLM), else continuing a partial message, else plain chat (`probe.py`).
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from hashlib import sha256

from langchain_core.language_models import BaseChatModel

from .base import ModelError, Reasoner
from .continuation import ContinuationReasoner
from .http import BASE_URL, ServerClient, normalize_url
from .message import MessageReasoner
from .probe import probe_server
from .served import ServedChatModel
from .token import TokenReasoner

DEFAULT_URL = "http://127.0.0.1:8000/v1"
"""Where `deepsearch serve` listens."""

PROVIDERS = frozenset(
    "anthropic azure_openai bedrock cohere deepseek fireworks google_genai google_vertexai "
    "groq mistralai nvidia ollama openai openrouter perplexity together xai".split()
)
"""Prefixes of `provider:model` that LangChain's `init_chat_model` knows."""

Key = tuple[str, str, str]
"""Server, model name, API key."""

_cache: dict[Key, Reasoner] = {}
_making: dict[Key, threading.Lock] = {}
_lock = threading.Lock()


def resolve_reasoner(
    model: str | BaseChatModel | Reasoner | None,
    *,
    base_url: str = "",
    api_key: str | None = None,
    run_key: str = "",
    setting: str = BASE_URL,
) -> Reasoner:
    """Return the reasoner for a model.

    Args:
        model: a reasoner; any chat model; `provider:model`; or a served name, empty for
            the first that the server lists.
        base_url: the server of a served name; several, comma-separated, share the load.
        api_key: the server's key; otherwise `DEEPSEARCH_API_KEY`, then `OPENAI_API_KEY`
            for servers that are not local.
        run_key: a run's id; the same run always gets the same server.
        setting: what named the server; a complaint says to set it.

    Raises:
        ModelError: the server is down or does not serve that name, or the provider's
            package or key is missing.
    """
    if isinstance(model, Reasoner):
        return model
    if isinstance(model, BaseChatModel):
        return reasoner_over(model)
    if not isinstance(model, str | None):
        msg = (
            f"a {type(model).__name__} is no chat model: give a BaseChatModel, not one that "
            "was wrapped (bind, with_retry)"
        )
        raise ModelError(msg)
    name = model or ""
    if name.partition(":")[0] in PROVIDERS and ":" in name:
        return _cached(("provider", name, ""), lambda: reasoner_over(_init_model(name)))
    url = pick_url(base_url or DEFAULT_URL, run_key, setting)
    key = (url, name, api_key or "")
    return _cached(
        key, lambda: probe_server(ServerClient(url, api_key, setting=setting), name)
    )


def reasoner_over(model: BaseChatModel) -> Reasoner:
    """Return a reasoner over a chat model object, as exact as the model allows."""
    if isinstance(model, ServedChatModel):
        return TokenReasoner(model)
    if getattr(model, "continues_text", False):
        return ContinuationReasoner(model, model_name(model))
    return MessageReasoner(model, model_name(model))


def model_name(model: BaseChatModel) -> str:
    """Return what a chat model is called."""
    for attribute in ("model_name", "model", "model_id"):
        name = getattr(model, attribute, None)
        if isinstance(name, str) and name:
            return name
    return type(model).__name__


def pick_url(base_urls: str, run_key: str, setting: str = BASE_URL) -> str:
    """Return one of several URLs, always the same for one run.

    >>> pick_url("http://a/v1, http://b/v1", "x") == pick_url("http://a/v1,http://b/v1", "x")
    True
    """
    urls = [normalize_url(url, setting) for url in base_urls.split(",") if url.strip()]
    if not urls:
        msg = f"no URL in {setting} {base_urls!r}: give one, or several with commas"
        raise ModelError(msg)
    digest = sha256(run_key.encode()).digest()
    return urls[int.from_bytes(digest[:4], "big") % len(urls)]


def forget_reasoners() -> None:
    """Drop all cached reasoners: a restarted server may serve other models."""
    with _lock:
        _cache.clear()
        _making.clear()


def _cached(key: Key, make: Callable[[], Reasoner]) -> Reasoner:
    with _lock:
        found = _cache.get(key)
        making = _making.setdefault(key, threading.Lock())
    if found is not None:
        return found
    # One probe for many runs that start at once; other servers do not wait for it.
    with making:
        with _lock:
            found = _cache.get(key)
        if found is None:
            found = make()
            with _lock:
                _cache[key] = found
                # A run that asked for the first model goes on by the name it got.
                _cache.setdefault((key[0], found.name, key[2]), found)
    return found


def _init_model(name: str) -> BaseChatModel:
    provider, _, model = name.partition(":")
    if importlib.util.find_spec("langchain") is not None:
        from langchain.chat_models import init_chat_model

        try:
            return init_chat_model(name)
        except ImportError as error:
            package = f"langchain-{provider.replace('_', '-')}"
            msg = f"{name} needs {package}: run `pip install {package}`"
            raise ModelError(msg) from error
        except Exception as error:
            msg = f"{name} cannot be used: {' '.join(str(error).split())[:200]}"
            raise ModelError(msg) from error
    if provider != "openai":
        msg = f"{name} needs langchain: run `pip install langchain langchain-{provider}`"
        raise ModelError(msg)
    return _openai(model)


def _openai(model: str) -> BaseChatModel:
    try:
        from langchain_openai import ChatOpenAI
    except ImportError as error:
        msg = "openai models need langchain-openai: run `pip install langchain-openai`"
        raise ModelError(msg) from error
    try:
        return ChatOpenAI(model=model)
    except Exception as error:  # the library's own, without a base in common
        msg = f"openai:{model} cannot be used: {' '.join(str(error).split())[:200]}"
        raise ModelError(msg) from error
