"""A search engine that is a language model: ZeroSearch's, with its noise schedule.

The model writes the documents a search would have found. It is told the question and its
gold answer, and whether the documents should help or mislead; how often they mislead grows
with the training step. Needs no search key and no index, only a served model. The released
simulators (Simulation_LLM_google_7B_V2 and others) are served like any other model.

Facts: llm_agent/generation.py of Alibaba-NLP/ZeroSearch: sampling and the shape of the prompt
:67-137; the schedule is `noise.py`. The prompt here is in our own words; a prompt file brings the
original's, which its fine-tuned simulators expect. Unlike the original, a query keeps its
own question and answer when others of its batch do not search (:503-505, :592 mix them up),
and a server that is down is an error, not an endless wait.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
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
from .noise import NOISE_END, NOISE_START, NoiseSchedule

DOCUMENTS = 5
"""Documents the model is asked for."""

TEMPERATURE = 0.8
MAX_TOKENS = 600
"""Sampling of the simulator (llm_agent/generation.py)."""

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
    r"^\s*(?:\*\*Doc(?:ument)?\s*\d+\s*[:.)]\s*\*\*"
    r"|(?:\*\*)?Doc(?:ument)?\s*\d+\s*(?:\*\*)?\s*(?:[:.)]|(?=\(Title:)))\s*",
    re.MULTILINE | re.IGNORECASE,
)
"""A number, in bold or not; before Search-R1's `(Title: …)`, which stays a part
of the text as in the original, nothing stands after it."""

_NUMBERED = re.compile(r"^\s*\d+\s*[:.)]\s+", re.MULTILINE)


class SimulatorError(DeepSearchError):
    """The simulated search is not set up right."""


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
    noise_start: float | None = None
    noise_end: float | None = None
    """Ends of the noise curve. None: ZeroSearch's, or what a training's curriculum says."""
    seed: int = 0
    """Of the draw between useful and noisy; the same search gets the same draw."""
    timeout: float = TIMEOUT
    retries: int = RETRIES
    name: str = field(default="simulated", init=False)
    returns_full_text: bool = field(default=True, init=False)
    needs_episode: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.noise.start <= 1 or not 0 <= self.noise.end <= 1:
            msg = "the simulator's noise must be from 0 to 1"
            raise SimulatorError(msg)
        if "{query}" not in self.prompt:
            msg = "the simulator's prompt lacks {query}: put it where the query belongs"
            raise SimulatorError(msg)

    @property
    def noise(self) -> NoiseSchedule:
        """The curve by which searches mislead more and more often."""
        return NoiseSchedule(
            NOISE_START if self.noise_start is None else self.noise_start,
            NOISE_END if self.noise_end is None else self.noise_end,
        )

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "url": self.base_url,
            "model": self.model,
            "prompt": sha256(self.prompt.encode()).hexdigest()[:16],
            "noise": [self.noise.start, self.noise.end],
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
        probability = self.noise_probability(episode)
        key = f"{self.seed}\0{episode.training_step}\0{episode.question}\0{query}"
        draw = int.from_bytes(sha256(key.encode()).digest()[:8], "big") / 2**64
        return draw < probability

    def noise_probability(self, episode: Episode) -> float:
        """Return how likely a search is to mislead.

        Ends of the curve that were given win over a curriculum's noise.
        """
        is_given = self.noise_start is not None or self.noise_end is not None
        if episode.noise is not None and not is_given:
            return episode.noise
        return self.noise.at(episode.training_step, episode.training_steps)

    def prompt_for(self, query: str, count: int, episode: Episode) -> str:
        """Return what the model is asked."""
        is_noisy = self.is_noisy(query, episode)
        return fill_prompt(self.prompt, query, count, episode, is_noisy=is_noisy)

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


def fill_prompt(
    prompt: str, query: str, count: int, episode: Episode, *, is_noisy: bool
) -> str:
    """Return a simulator's prompt; the same words when it is asked and when it is tuned.

    Args:
        prompt: `PROMPT`, or an original's text with the same places.
        query: what is searched for.
        count: documents to write.
        episode: question and gold answers; without either the model is told none.
        is_noisy: whether the documents are to mislead.
    """
    values = {
        "query": query,
        "kind": "noisy" if is_noisy else "useful",
        "count": str(count),
        "question": episode.question,
        "answer": " or ".join(episode.golds),
    }
    known = episode.question and episode.golds
    values["background"] = _fill(BACKGROUND, values) if known else ""
    return _fill(prompt, values)


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
    >>> read_documents("**Doc 1:** One.\n**Document 2**: Two.")
    ['One.', 'Two.']
    >>> read_documents('Doc 1(Title: "A") One.\nDoc 2(Title: "B") Two.')
    ['(Title: "A") One.', '(Title: "B") Two.']
    >>> read_documents("One.\n\nTwo.")
    ['One.', 'Two.']
    >>> read_documents("<think>Let me see, Doc 1: something")
    []
    """
    text = reply.rpartition("</think>")[2].strip()
    if text.startswith("<think>"):  # a thought that was never closed is no document
        return []
    for mark in (_DOCUMENT, _NUMBERED):
        first = mark.search(text)
        if first:
            parts = mark.split(text[first.start() :])[1:]
            break
    else:
        parts = re.split(r"\n\s*\n", text)
    return [" ".join(part.split()) for part in parts if part.strip()]


def write_documents(texts: Sequence[str]) -> str:
    """Return documents as the simulator is asked to write them.

    >>> read_documents(write_documents(["One.", "Two."]))
    ['One.', 'Two.']
    """
    return "\n".join(f"Doc {number}: {text}" for number, text in enumerate(texts, 1))


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
            settings[name] = read_prompt(Path(value).expanduser())
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


def read_prompt(path: Path) -> str:
    """Return the text of a simulator's prompt file.

    Raises:
        SimulatorError: there is none, or it is not UTF-8.
    """
    if not path.is_file():
        msg = f"no prompt file for the simulator at {path}: check the path"
        raise SimulatorError(msg)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        msg = f"the simulator's prompt file {path} is not UTF-8 text ({error}); save it as UTF-8"
        raise SimulatorError(msg) from error
