"""Asks a server once what it can do, and returns the most exact reasoner for it."""

from __future__ import annotations

from typing import Any

from .base import ContextOverflowError, ModelError, Reasoner
from .continuation import ContinuationReasoner
from .http import ServerClient
from .local_template import load_template
from .message import MessageReasoner
from .served import ServedChatModel
from .text_route import ServedTextModel
from .token import TokenReasoner

PROBE_TEXT = "The capital of Peru is the city of"
"""A partial answer; a template that keeps it ends the rendered prompt with it."""


def probe_server(client: ServerClient, name: str) -> Reasoner:
    """Return the reasoner for a served name: token-exact, else text, else message.

    Args:
        client: the server.
        name: a served name; empty for the first that the server lists.

    Raises:
        ModelError: the server is down, or does not serve that name.
    """
    served, limit = find_model(client, name)
    if gives_token_ids(client, served):
        model = ServedChatModel(model=served, base_url=client.base_url, client=client)
        return TokenReasoner(model, context_limit=limit)
    if continues(client, served):
        chat = ServedTextModel(
            model=served, client=client, takes_extra=True, continues_text=True
        )
        return ContinuationReasoner(chat, served, context_limit=limit)
    template = load_template(served, client.base_url)
    if template is not None and _completes(client, served):
        text = ServedTextModel(
            model=served,
            client=client,
            route="completions",
            template=template,
            continues_text=True,
        )
        limit = limit or template.context_limit
        return ContinuationReasoner(text, served, context_limit=limit)
    plain = ServedTextModel(model=served, client=client)
    return MessageReasoner(plain, served, context_limit=limit)


def find_model(client: ServerClient, name: str) -> tuple[str, int | None]:
    """Return the served name and its context length, None where the server is silent.

    Raises:
        ModelError: the server is down, or does not serve that name; the message lists
            what it serves.
    """
    listed = {model["id"]: model for model in _listed(client)}
    if name in listed or (listed and not name):
        chosen = listed[name or next(iter(listed))]
        return chosen["id"], chosen.get("max_model_len")
    answered = _unlisted(client, name)
    if answered:
        return answered, None
    if not name:
        msg = f"the server at {client.base_url} lists no model: name the one it serves"
        raise ModelError(msg)
    known = ", ".join(sorted(listed)[:20]) or "nothing that it lists"
    msg = f"{client.base_url} does not serve {name!r}; it serves: {known}"
    raise ModelError(msg)


def _listed(client: ServerClient) -> list[dict[str, Any]]:
    try:
        answer = client.get("/models")
    except ModelError as error:
        # transformers' server fails here with a 500 when there is no hub cache to list.
        if error.status in (404, 500):
            return []
        raise
    # Some servers answer with the list itself.
    listed = answer.get("data") if isinstance(answer, dict) else answer
    if not isinstance(listed, list):
        return []
    return [m for m in listed if isinstance(m, dict) and isinstance(m.get("id"), str)]


def _unlisted(client: ServerClient, name: str) -> str | None:
    """Return the model that answers to a name that is not listed, None if none does.

    transformers' server lists the hub's cache, not the folder it was started with.
    """
    body = {"prompt": "a", "max_tokens": 1} | ({"model": name} if name else {})
    try:
        answer = client.post("/completions", body)
    except ContextOverflowError:
        return name or None
    except ModelError as error:
        if error.retryable and not name:
            raise
        return None
    model = answer.get("model") if isinstance(answer, dict) else None
    return name or (model.partition("@")[0] if isinstance(model, str) else None)


def gives_token_ids(client: ServerClient, name: str) -> bool:
    """Return whether the server tokenizes, and gives ids with what it writes."""
    try:
        body = {"model": name, "prompt": PROBE_TEXT, "add_special_tokens": False}
        ids = client.post("/tokenize", body)["tokens"]
        body = {"model": name, "prompt": ids, "max_tokens": 1, "return_token_ids": True}
        choice = client.post("/completions", body)["choices"][0]
    except (ModelError, KeyError, TypeError, IndexError) as error:
        if isinstance(error, ModelError) and error.retryable:
            raise
        return False
    return bool(choice.get("token_ids"))


def continues(client: ServerClient, name: str) -> bool:
    """Return whether the template keeps a partial assistant message at the prompt's end.

    Templates that strip thoughts from earlier turns drop it or fail. A server without
    `/tokenize` cannot show its prompt, so it is not trusted with a partial message.
    """
    partial = f"<think>\n{PROBE_TEXT}"
    body = {
        "model": name,
        "messages": [
            {"role": "user", "content": "Where is it?"},
            {"role": "assistant", "content": partial},
        ],
        "continue_final_message": True,
        "add_generation_prompt": False,
    }
    try:
        rendered = client.post("/tokenize", body)["tokens"]
        text = client.post("/detokenize", {"model": name, "tokens": rendered})["prompt"]
    except (ModelError, KeyError, TypeError) as error:
        if isinstance(error, ModelError) and error.retryable:
            raise
        return False
    return text.endswith(partial)


def _completes(client: ServerClient, name: str) -> bool:
    body = {"model": name, "prompt": PROBE_TEXT, "max_tokens": 1}
    try:
        return bool(client.post("/completions", body).get("choices"))
    except ModelError as error:
        if error.retryable:
            raise
        return False
