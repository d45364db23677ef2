"""Stand-ins at a desk for models too large for one: a simulator, a judge, a rewriter.

They are small programs behind the HTTP protocol of a model server, asked with the very
prompts that a model would get, so that everything around them is the real thing. The
simulator writes what its index of the desk world finds, or what it does not; the judge
compares with the accepted answers; the rewriter tells of each search the sentences of its
documents that fit it best.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ..evals.judge import PROMPT as JUDGE_PROMPT
from ..evals.metrics import score
from ..nodes.condensers.base import CondenseRequest
from ..nodes.condensers.extractive import ExtractiveCondenser
from ..tools.base import SearchProvider
from ..tools.simulated import PROMPT as SIMULATOR_PROMPT
from ..tools.simulated import write_documents
from ..trace import Document

SIMULATOR, JUDGE, REWRITER = "desk-simulator", "desk-judge", "desk-rewriter"
"""Names they are served under."""

DOCUMENT_CHARS = 200
"""Length of a simulated document, about the 30 words that the prompt asks for."""

_LOOKED_FOR = "Looked for: "
_REWRITING = re.compile(
    r"\nAnswer: (?P<answer>.*?)\n\n(?P<findings>Looked for: .*)\n\nGive one step", re.DOTALL
)
_SHOWN = re.compile(r"^Document (\d+): ", re.MULTILINE)
"""What the rewriter's prompt is read by (`curation/rewriter.py`)."""

Reply = Callable[[str], str]
"""From a prompt to what the model says."""

MAX_BODY = 1_000_000
"""Bytes of a request, at most."""


def judge(prompt: str) -> str:
    """Return the verdict on an answer: right when it holds an accepted one."""
    asked = _read(JUDGE_PROMPT, prompt)
    golds = [gold.strip() for gold in asked["golds"].split(";")]
    return str(score(asked["prediction"], golds).acc == 1)


def simulator(search: SearchProvider) -> Reply:
    """Return a model that writes what a search in the desk world would find.

    Asked for noisy documents it writes what stands right below the results: passages that
    share words with the query and do not answer it.
    """
    condenser = ExtractiveCondenser(max_chars=DOCUMENT_CHARS)

    def reply(prompt: str) -> str:
        asked = _read(SIMULATOR_PROMPT, prompt)
        query, count = asked["query"], int(asked["count"])
        found = search.search(query, 2 * count)
        chosen = found[count:] if asked["kind"] == "noisy" else found[:count]
        texts = (
            condenser.condense(CondenseRequest("", query, [document])).text
            for document in chosen
        )
        return write_documents([text.removeprefix("(1) ") for text in texts if text])

    return reply


def rewriter(prompt: str) -> str:
    """Return what right runs found as knowledge, one step for each search."""
    asked = _REWRITING.search(prompt)
    if asked is None:
        msg = f"the prompt is not the one this stand-in knows: {prompt[:80]!r}"
        raise ValueError(msg)
    steps = [_known(search) for search in asked["findings"].split(_LOOKED_FOR)[1:]]
    told = {
        "steps": [step for step in steps if step],
        "conclusion": f"So the answer is {asked['answer']}.",
    }
    return json.dumps(told, ensure_ascii=False)


def _known(search: str) -> dict[str, Any] | None:
    """Return what the first document that fits a search says, as a step."""
    query, *shown = _SHOWN.split(search)
    query = query.strip()
    condenser = ExtractiveCondenser(max_chars=DOCUMENT_CHARS)
    for number, text in zip(shown[::2], shown[1::2], strict=True):
        title, _, own = text.partition("\n")
        document = Document(title=title, text=own)
        found = condenser.condense(CondenseRequest("", query, [document])).text
        said = found.removeprefix(f"(1) {title}: ").strip("… ")
        if said:
            thought = f"What has to be known next: {query}."
            return {"thought": thought, "knowledge": said, "documents": [int(number)]}
    return None


def _read(template: str, prompt: str) -> Mapping[str, str]:
    """Return what was filled into a prompt's places."""
    pattern, seen = "", set()
    for literal, name in re.findall(r"([^{]*)(?:\{(\w+)\})?", template):
        pattern += re.escape(literal)
        if name:
            pattern += f"(?P={name})" if name in seen else f"(?P<{name}>.*?)"
            seen.add(name)
    match = re.fullmatch(pattern, prompt, re.DOTALL)
    if match is None:
        msg = f"the prompt is not the one this stand-in knows: {prompt[:80]!r}"
        raise ValueError(msg)
    return match.groupdict()


@contextmanager
def serve_stand_ins(models: Mapping[str, Reply]) -> Iterator[str]:
    """Serve stand-ins while the context is open; the base URL is given.

    Args:
        models: served name to what it replies.
    """
    handler = type("Handler", (_Handler,), {"models": dict(models)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="stand-ins")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    models: Mapping[str, Reply]
    timeout = 30

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._answer({"data": [{"id": name} for name in self.models]})
        else:
            self._answer({"error": {"message": f"no route {self.path}"}}, 404)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length") or ""
        if not length.isdigit() or int(length) > MAX_BODY:
            self._answer({"error": {"message": "no body of a fitting length"}}, 413)
            return
        body = json.loads(self.rfile.read(int(length)))
        if self.path != "/v1/chat/completions" or body.get("model") not in self.models:
            # Also what tells a client that there are no token ids and no partial messages.
            self._answer({"error": {"message": f"no {self.path} for that model"}}, 404)
            return
        try:
            said = self.models[body["model"]](str(body["messages"][-1]["content"]))
        except ValueError as error:
            self._answer({"error": {"message": str(error)}}, 400)
            return
        if body.get("stream"):
            self._stream(said)
        else:
            choice = {"message": {"role": "assistant", "content": said}}
            self._answer({"choices": [{"index": 0, "finish_reason": "stop", **choice}]})

    def _stream(self, said: str) -> None:
        events: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ]
        lines = [f"data: {json.dumps(event)}\n\n" for event in events]
        self._send("".join([*lines, "data: [DONE]\n\n"]).encode(), "text/event-stream")

    def _answer(self, content: Any, status: int = 200) -> None:
        data = json.dumps(content, ensure_ascii=False).encode()
        self._send(data, "application/json", status)

    def _send(self, data: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Stay silent: the command's own output is for the user."""
