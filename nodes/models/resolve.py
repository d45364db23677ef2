"""From what a user names to a reasoner.

A served name is looked up on its server, which is asked once what it can do: token ids
(vLLM), else continuing a partial message, else plain chat.
"""

from __future__ import annotations

import importlib.util
import threading
from hashlib import sha256
from typing import Any

from langchain_core.language_models import BaseChatModel

from ...errors import MissingDependencyError
from .base import ModelError, Reasoner
from .continuation import CONTINUE_BODY, ContinuationReasoner
from .http import ServerClient
from .message import MessageReasoner
from .served import ServedChatModel
from .token import TokenReasoner

DEFAULT_URL = "http://127.0.0.1:8000/v1"
"""Where `deepsearch serve` listens."""

PROVIDERS = frozenset(
    "anthropic azure_openai bedrock cohere deepseek fireworks google_genai google_vertexai "
    "groq mistralai nvidia ollama openai openrouter perplexity together xai".split()
)
"""Prefixes of `provider:model` that LangChain's `init_chat_model` knows."""

PROBE_TEXT = "The capital of Peru is the city of"
"""A partial answer; a template that keeps it ends the rendered prompt with it."""

_cache: dict[tuple[str, str, str], Reasoner] = {}
_lock = threading.Lock()


def resolve_reasoner(
    model: str | BaseChatModel | Reasoner | None,
    *,
    base_url: str = "",
    api_key: str | None = None,
    run_key: str = "",
) -> Reasoner:
    """Return the reasoner for a model.

    Args:
        model: a reasoner; any chat model; `provider:model`; or a served name, empty for
            the first that the server lists.
        base_url: the server of a served name; several, comma-separated, share the load.
        api_key: the server's key; `DEEPSEARCH_API_KEY` otherwise.
        run_key: a run's id; the same run always gets the same server.

    Raises:
        ModelError: the server is down or does not serve that name.
        MissingDependencyError: the provider's package is not installed.
    """
    if isinstance(model, Reasoner):
        return model
    if isinstance(model, BaseChatModel):
        return reasoner_over(model)
    name = model or ""
    if name.partition(":")[0] in PROVIDERS and ":" in name:
        return _cached(("provider", name, ""), lambda: reasoner_over(_init_model(name)))
    url = pick_url(base_url or DEFAULT_URL, run_key)
    return _cached((url, name, api_key or ""), lambda: _probe(url, name, api_key))


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


def pick_url(base_urls: str, run_key: str) -> str:
    """Return one of several URLs, always the same for one run.

    >>> pick_url("http://a/v1, http://b/v1", "x") == pick_url("http://a/v1,http://b/v1", "x")
    True
    """
    urls = [url.strip().rstrip("/") for url in base_urls.split(",") if url.strip()]
    digest = sha256(run_key.encode()).digest()
    return urls[int.from_bytes(digest[:4], "big") % len(urls)]


def forget_reasoners() -> None:
    """Drop all cached reasoners: a restarted server may serve other models."""
    with _lock:
        _cache.clear()


def _cached(key: tuple[str, str, str], make: Any) -> Reasoner:
    with _lock:
        found = _cache.get(key)
    if found is None:
        found = make()  # outside the lock: a slow server holds up nobody else
        with _lock:
            found = _cache.setdefault(key, found)
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
    return _openai(model, None, None)


def _openai(model: str, url: str | None, key: str | None) -> BaseChatModel:
    try:
        from langchain_openai import ChatOpenAI
    except ImportError as error:
        package = "langchain-openai"
        raise MissingDependencyError(package, "") from error
    try:
        return ChatOpenAI(model=model, base_url=url, api_key=key)  # type: ignore[arg-type]
    except Exception as error:
        msg = f"{model} cannot be used: {' '.join(str(error).split())[:200]}"
        raise ModelError(msg) from error


def _probe(url: str, name: str, api_key: str | None) -> Reasoner:
    client = ServerClient(url, api_key)
    served, limit = _served_model(client, name)
    if _gives_token_ids(client, served):
        model = ServedChatModel(model=served, base_url=url, client=client)
        return TokenReasoner(model, context_limit=limit)
    chat = _openai(served, url, api_key or "EMPTY")
    kind = ContinuationReasoner if _continues(client, served) else MessageReasoner
    reasoner = kind(chat, served)
    reasoner.context_limit = limit
    return reasoner


def _served_model(client: ServerClient, name: str) -> tuple[str, int | None]:
    models = client.get("/models").get("data") or []
    by_name = {model["id"]: model for model in models}
    if not by_name:
        msg = f"the server at {client.base_url} serves no model"
        raise ModelError(msg)
    if name and name not in by_name:
        known = ", ".join(sorted(by_name))
        msg = f"{client.base_url} does not serve {name!r}; it serves: {known}"
        raise ModelError(msg)
    chosen = by_name[name or next(iter(by_name))]
    return chosen["id"], chosen.get("max_model_len")


def _gives_token_ids(client: ServerClient, name: str) -> bool:
    """Return whether the server tokenizes, and gives ids with what it writes."""
    try:
        body = {"model": name, "prompt": PROBE_TEXT, "add_special_tokens": False}
        ids = client.post("/tokenize", body)["tokens"]
        body = {"model": name, "prompt": ids, "max_tokens": 1, "return_token_ids": True}
        choice = client.post("/completions", body)["choices"][0]
    except (ModelError, KeyError, TypeError) as error:
        if isinstance(error, ModelError) and error.retryable:
            raise
        return False
    return bool(choice.get("token_ids"))


def _continues(client: ServerClient, name: str) -> bool:
    """Return whether the template keeps a partial assistant message at the prompt's end.

    Templates that strip thoughts from earlier turns drop it or fail. A server without
    `/tokenize` cannot show its prompt, so it is not trusted with a partial message.
    """
    messages = [
        {"role": "user", "content": "Where is it?"},
        {"role": "assistant", "content": f"<think>\n{PROBE_TEXT}"},
    ]
    options = {k: v for k, v in CONTINUE_BODY.items() if not k.startswith("include")}
    try:
        body = {"model": name, "messages": messages, **options}
        rendered = client.post("/tokenize", body)["tokens"]
        text = client.post("/detokenize", {"model": name, "tokens": rendered})["prompt"]
    except (ModelError, KeyError, TypeError) as error:
        if isinstance(error, ModelError) and error.retryable:
            raise
        return False
    return text.endswith(messages[-1]["content"])
