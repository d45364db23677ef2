"""Puts a trained adapter into a running vLLM server, or other weights in its model's place.

vLLM hashes the blocks of its prefix cache by an adapter's name and path: new weights
behind an old path would be served with stale blocks. So each version has its own folder
and its own name, and a run under way ends on the model it began with. Whole weights keep the
name; the cache is emptied.
"""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path
from typing import Any

import httpx

from ..errors import DeepSearchError
from .base_model import is_adapter_dir, is_model_dir
from .fingerprint import model_fingerprint
from .registry import ModelRegistry, RegistryError
from .result import read_result

LOAD_SECONDS = 120.0
"""Longest wait for a server to load an adapter."""

WEIGHTS_SECONDS = 1800.0
"""Longest wait for a server to load a whole model, from a network disk too."""

PATIENCE_SECONDS = 5.0
"""Longest wait for a server to end what it answers, when its weights were changed."""


class ReloadError(DeepSearchError):
    """The server did not take the adapter, or the weights."""


def load_adapter(url: str, name: str, path: str | os.PathLike[str]) -> str:
    """Load a LoRA adapter into a running server; it is then a model of that name.

    Args:
        url: base URL of the OpenAI routes, `http://host:port/v1`.
        name: name to serve it under; a new one for every version.
        path: the adapter's folder, as the server sees it.

    Returns:
        The name, to be given as the graph's `model`.

    Raises:
        ReloadError: there is no adapter there, the name is taken, or the server cannot.
    """
    folder = Path(path).absolute()
    if not is_adapter_dir(folder):
        msg = f"{folder} holds no adapter (adapter_config.json and safetensors)"
        raise ReloadError(msg)
    if name in served_names(url):
        msg = f"{url} serves a model {name!r} already; a new version needs a new name"
        raise ReloadError(msg)
    _post(url, "load_lora_adapter", {"lora_name": name, "lora_path": str(folder)})
    return name


def load_registered(registry: ModelRegistry, url: str, key: str = "") -> str:
    """Load a registered adapter into a running server, unless it is there already.

    The name is the model's with its version, so that going back to an earlier version is
    loading it again, and runs under way go on with the one they began with.

    Args:
        registry: the trained models.
        url: base URL of the OpenAI routes.
        key: `name@version`, or a name for its newest; the current model if empty.

    Returns:
        The name it is served under.

    Raises:
        RegistryError: there is no such model, none is current, or its files are gone or
            were replaced.
        ReloadError: it is no adapter, the server holds another base, or does not take it.
    """
    model = registry.get(key) if key else registry.current()
    if model is None:
        msg = "no model is current; choose one with `deepsearch models --use NAME@VERSION`"
        raise RegistryError(msg)
    if model.key in served_names(url):
        return model.key
    registry.check_files(model)
    path = registry.path(model)
    if is_model_dir(path) and not is_adapter_dir(path):
        msg = (
            f"{model.key} is a whole model, which a running server cannot take; restart "
            f"it: `deepsearch serve {path} --name {model.name}`"
        )
        raise ReloadError(msg)
    _require_its_base(url, model.key, path)
    return load_adapter(url, model.key, path)


def require_base(url: str, parent: str, user: str) -> bool:
    """Refuse a server that holds another model than an adapter is for.

    An adapter fits any base of the same shape, and says nothing sensible on another.

    Args:
        url: base URL of the OpenAI routes.
        parent: the base as `training.json` names it, `name@fingerprint`.
        user: what needs it, for the message.

    Returns:
        Whether the server's model is known to be it; False where its path, which the
        server tells, cannot be read here.

    Raises:
        ReloadError: the server is down, or its model is another one.
    """
    name, _, fingerprint = parent.rpartition("@")
    roots = [str(one.get("root") or "") for one in _served(url) if not one.get("parent")]
    found = {root: model_fingerprint(Path(root)) for root in roots if _is_base(root)}
    if fingerprint in found.values():
        return True
    # A relative path is one of the server's own folder; here it may name another model.
    others = [root for root in found if Path(root).is_absolute()]
    if name and others and len(others) == len(roots):
        msg = (
            f"the server at {url} holds {others[0]}, which is not {name}, the model that "
            f"{user}: start it with that one, `deepsearch serve MODEL --lora` (or --updatable)"
        )
        raise ReloadError(msg)
    return False


def _is_base(root: str) -> bool:
    return bool(root) and is_model_dir(root) and not is_adapter_dir(root)


def _require_its_base(url: str, key: str, adapter: Path) -> None:
    result = read_result(adapter)
    if result is None or "@" not in result.parent:
        return
    if not require_base(url, result.parent, f"{key} was trained on"):
        msg = (
            f"whether the server at {url} holds {result.parent}, which {key} was trained "
            "on, cannot be told from here: on another model its answers are worthless"
        )
        warnings.warn(msg, RuntimeWarning, stacklevel=3)


def unload_adapter(url: str, name: str) -> None:
    """Take an adapter out of a running server.

    Raises:
        ReloadError: the server does not have it.
    """
    _post(url, "unload_lora_adapter", {"lora_name": name})


def reload_weights(url: str, path: str | os.PathLike[str]) -> None:
    """Have a running server read other weights of its model, under the name it has.

    Its prefix cache is forgotten. Runs under way would go on with the new weights.

    Args:
        url: base URL of the OpenAI routes.
        path: folder of the weights, of the same shape, as the server sees it.

    Raises:
        ReloadError: the server is down, takes no weights, or cannot read these.
    """
    folder = str(Path(path).absolute())
    body = {"method": "reload_weights", "kwargs": {"weights_path": folder}}
    _control(url, "collective_rpc", body)
    _forget_prefixes(url)


def _forget_prefixes(url: str) -> None:
    """Empty the prefix cache, whose blocks are of other weights.

    The server keeps it while it answers something, and drops those answers if told to.

    Raises:
        ReloadError: it keeps it all the same.
    """
    patient_until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < patient_until:
        if _control(url, "reset_prefix_cache", {}).get("success"):
            return
        time.sleep(0.2)
    if not _control(url, "reset_prefix_cache?reset_running_requests=true", {}).get(
        "success"
    ):
        msg = (
            f"the server at {url} answers from blocks of other weights: restart it before "
            "it is used again"
        )
        raise ReloadError(msg)


def _control(url: str, route: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for what vLLM does only where it may be told to, and return its answer."""
    address = f"{url.removesuffix('/v1')}/{route}"
    try:
        response = httpx.post(address, json=body, timeout=WEIGHTS_SECONDS, trust_env=False)
    except httpx.TimeoutException as error:
        msg = f"the server at {url} took more than {WEIGHTS_SECONDS:.0f} s to {route}"
        raise ReloadError(msg) from error
    except httpx.HTTPError as error:
        raise _is_down(url, error) from error
    if response.status_code in (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
        msg = (
            f"the server at {url} takes no other weights while it runs; start it with "
            "`deepsearch serve MODEL --updatable`, or vLLM with VLLM_SERVER_DEV_MODE=1"
        )
        raise ReloadError(msg)
    _refuse_errors(url, route, response)
    # Older vLLM answers some routes with nothing, and means that it is done.
    return response.json() if response.content else {"success": True}


def _refuse_errors(url: str, what: str, response: httpx.Response) -> None:
    if response.is_error:
        said = " ".join(response.text.split())[:300]
        msg = f"the server at {url} refused {what}: {said}"
        raise ReloadError(msg)


def _is_down(url: str, error: Exception) -> ReloadError:
    return ReloadError(
        f"no model server answers at {url} ({error}); start it with `deepsearch serve`"
    )


def served_names(url: str) -> list[str]:
    """Return the names a server answers to.

    Raises:
        ReloadError: the server is down.
    """
    return [model["id"] for model in _served(url)]


def _served(url: str) -> list[dict[str, Any]]:
    """Return what a server says of its models; vLLM tells each one's path as `root`."""
    try:
        response = httpx.get(f"{url}/models", timeout=LOAD_SECONDS, trust_env=False)
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise _is_down(url, error) from error
    return response.json()["data"]


def _post(url: str, route: str, body: dict[str, str]) -> None:
    try:
        response = httpx.post(
            f"{url}/{route}", json=body, timeout=LOAD_SECONDS, trust_env=False
        )
    except httpx.HTTPError as error:
        raise _is_down(url, error) from error
    if (
        response.status_code == httpx.codes.NOT_FOUND
        and "lora" not in response.text.lower()
    ):
        msg = (
            f"the server at {url} takes no adapters while it runs; start it with "
            "`deepsearch serve MODEL --lora`, or vLLM with --enable-lora and "
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"
        )
        raise ReloadError(msg)
    _refuse_errors(url, repr(body["lora_name"]), response)
