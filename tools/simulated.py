"""A search engine that is a language model: ZeroSearch's, with its noise schedule.

The model writes the documents a search would have found. It is told the question and its
gold answer, and whether the documents should help or mislead; how often they mislead grows
with the training step. Needs no search key and no index, only a served model. The released
simulators (Simulation_LLM_google_7B_V2 and others) are served like any other model.

Facts: llm_agent/generation.py of Alibaba-NLP/ZeroSearch: schedule :540-548, sampling and the
shape of the prompt :67-137. The prompt here is in our own words; a prompt file brings the
original's, which its fine-tuned simulators expect. Unlike the original, a query keeps its
own question and answer when others of its batch do not search (:503-505, :592 mix them up),
and a server that is down is an error, not an endless wait.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from ..errors import DeepSearchError
from ..trace import Document
from .base import Episode
from .blocking import run_blocking
from .http import RETRIES, JsonService, ServiceError

DOCUMENTS = 5
"""Documents the model is asked for."""

TEMPERATURE = 0.8
MAX_TOKENS = 600
"""Sampling of the simulator (llm_agent/generation.py)."""

NOISE_START = 0.0
NOISE_END = 0.5
"""Probability of misleading documents at the first and the last training step."""

TIMEOUT = 120.0
"""Seconds a reply may take in all; a model writes more slowly than an index answers."""

PROMPT = (
    "Act as a web search engine. For the query below, write {count} documents that it "
    "could return, each about 30 words long.\n"
    "The documents are to be {kind}.\n"
    "{background}"
    "Query: {query}\n"
    "Write each document on a line of its own that starts with its number, as `Doc 1:`. Do "
    "not say that they are {kind}, and write nothing else.\n"
)
"""Our own words. `kind` is `useful` or `noisy`."""

BACKGROUND = (
    'They are for someone who wants to answer "{question}", whose answer is {answer}.\n'
)
"""What the model is told where question and answer are known; our own words."""

KEY_VARIABLE = "DEEPSEARCH_API_KEY"

_DOCUMENT = re.compile(
    r"^\s*(?:\*\*)?Doc(?:ument)?\s*\d+\s*(?:\*\*)?\s*[:.)]\s*", re.MULTILINE
)
_NUMBERED = re.compile(r"^\s*\d+\s*[:.)]\s+", re.MULTILINE)


class SimulatorError(DeepSearchError):
    """The simulated search is not set up right."""


def noise_probability(
    step: int, steps: int, *, start: float = NOISE_START, end: float = NOISE_END
) -> float:
    """Return how likely a search is to mislead at a training step.

    start + (4^(step/steps) - 1) / 3 * (end - start): slow at first, `end` at the last.

    >>> [round(noise_probability(step, 200), 3) for step in (0, 100, 200)]
    [0.0, 0.167, 0.5]
    """
    if steps <= 0:
        return start
    share = min(max(step / steps, 0.0), 1.0)
    return start + (4**share - 1) / 3 * (end - start)


@dataclass(frozen=True)
class SimulatedSearch:
    """Asks a served model for the documents of a query."""

    base_url: str
    """Of an OpenAI-compatible server."""
    model: str = ""
    """The served name; empty for the first that the server lists."""
    prompt: str = PROMPT
    """With `{query}`, `{kind}`, `{count}`, and `{background}` or `{question}` and
    `{answer}`."""
    noise_start: float = NOISE_START
    noise_end: float = NOISE_END
    seed: int = 0
    """Of the draw between useful and noisy; the same search gets the same draw."""
    timeout: float = TIMEOUT
    retries: int = RETRIES
    name: str = field(default="simulated", init=False)
    returns_full_text: bool = field(default=True, init=False)
    needs_episode: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.noise_start <= 1 or not 0 <= self.noise_end <= 1:
            msg = "the simulator's noise must be from 0 to 1"
            raise SimulatorError(msg)
        if "{query}" not in self.prompt:
            msg = "the simulator's prompt lacks {query}: put it where the query belongs"
            raise SimulatorError(msg)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "url": self.base_url,
            "model": self.model,
            "prompt": sha256(self.prompt.encode()).hexdigest()[:16],
            "noise": [self.noise_start, self.noise_end],
            "seed": self.seed,
        }

    def search(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        """Return at most `k` documents as the model writes them."""
        return run_blocking(self.asearch(query, k, episode=episode))

    async def asearch(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        """Async version of `search`."""
        known = episode or Episode()
        prompt = self.prompt_for(query, min(k, DOCUMENTS), known)
        reply = await self._ask(prompt)
        return [Document(text=text) for text in read_documents(reply)[:k]]

    def is_noisy(self, query: str, episode: Episode) -> bool:
        """Tell whether a search is to mislead."""
        probability = noise_probability(
            episode.training_step,
            episode.training_steps,
            start=self.noise_start,
            end=self.noise_end,
        )
        key = f"{self.seed}\0{episode.training_step}\0{episode.question}\0{query}"
        draw = int.from_bytes(sha256(key.encode()).digest()[:8], "big") / 2**64
        return draw < probability

    def prompt_for(self, query: str, count: int, episode: Episode) -> str:
        """Return what the model is asked."""
        values = {
            "query": query,
            "kind": "noisy" if self.is_noisy(query, episode) else "useful",
            "count": str(count),
            "question": episode.question,
            "answer": " or ".join(episode.golds),
        }
        known = episode.question and episode.golds
        values["background"] = _fill(BACKGROUND, values) if known else ""
        return _fill(self.prompt, values)

    async def _ask(self, prompt: str) -> str:
        service = JsonService(
            "the simulated search engine",
            key_variable=KEY_VARIABLE,
            timeout=self.timeout,
            retries=self.retries,
        )
        url, headers = self.base_url.rstrip("/"), self._headers()
        model = self.model or _first_model(
            await service.call("GET", f"{url}/models", headers=headers)
        )
        body = {
            "model": model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": TEMPERATURE,
            "max_tokens": MAX_TOKENS,
        }
        answer = await service.call(
            "POST", f"{url}/chat/completions", json=body, headers=headers
        )
        try:
            return str(answer["choices"][0]["message"]["content"] or "")
        except (KeyError, IndexError, TypeError) as error:
            msg = "the simulated search engine answered with no message; check its address"
            raise ServiceError(msg) from error

    def _headers(self) -> dict[str, str]:
        key = os.environ.get(KEY_VARIABLE, "").strip()
        return {"Authorization": f"Bearer {key}"} if key else {}


def _fill(text: str, values: Mapping[str, str]) -> str:
    # One pass, so that a question which says {query} is not filled in.
    names = "|".join(values)
    return re.sub(rf"\{{({names})\}}", lambda m: values[m[1]], text)


def _first_model(answer: Any) -> str:
    try:
        return str(answer["data"][0]["id"])
    except (KeyError, IndexError, TypeError) as error:
        msg = "the simulator's server lists no model: name one with ?model=NAME"
        raise ServiceError(msg) from error


def read_documents(reply: str) -> list[str]:
    r"""Return the documents of a simulator's reply, without their numbers.

    >>> read_documents("<think>hm</think>\nDoc 1: One.\nStill one.\nDoc 2: Two.")
    ['One. Still one.', 'Two.']
    >>> read_documents("1. One.\n2. Two.")
    ['One.', 'Two.']
    >>> read_documents("One.\n\nTwo.")
    ['One.', 'Two.']
    """
    text = reply.rpartition("</think>")[2].strip()
    for mark in (_DOCUMENT, _NUMBERED):
        first = mark.search(text)
        if first:
            parts = mark.split(text[first.start() :])[1:]
            break
    else:
        parts = re.split(r"\n\s*\n", text)
    return [" ".join(part.split()) for part in parts if part.strip()]


def parse_simulator_spec(argument: str) -> SimulatedSearch:
    """Return the simulator of a spec's part after `simulated:`: an address and settings.

    `http://127.0.0.1:6001/v1?model=NAME&noise_start=0&noise_end=0.5&seed=0&prompt=FILE`.

    Raises:
        SimulatorError: an unknown setting, a value that is none, or no prompt file.
    """
    url, _, query = argument.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    known = {"model": str, "noise_start": float, "noise_end": float, "seed": int}
    settings: dict[str, Any] = {}
    for name, value in given.items():
        if name == "prompt":
            settings[name] = _read_prompt(Path(value).expanduser())
            continue
        if name not in known:
            msg = (
                f"the simulator has no setting {name!r}; known: {', '.join(known)}, prompt"
            )
            raise SimulatorError(msg)
        try:
            settings[name] = known[name](value)
        except ValueError as error:
            msg = f"the simulator's {name} cannot be {value!r}: a number is expected"
            raise SimulatorError(msg) from error
    return SimulatedSearch(url, **settings)


def _read_prompt(path: Path) -> str:
    if not path.is_file():
        msg = f"no prompt file for the simulator at {path}: check the path"
        raise SimulatorError(msg)
    return path.read_text(encoding="utf-8")
