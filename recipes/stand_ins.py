"""Stand-ins at a desk for models that are too large for one: a simulator and a judge.

They are small programs behind the HTTP protocol of a model server, asked with the very
prompts that a model would get, so that everything around them is the real thing. What they
say they know from the desk world: the simulator writes what its index finds, or what it
does not; the judge compares with the accepted answers.
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

SIMULATOR, JUDGE = "desk-simulator", "desk-judge"
"""Names they are served under."""

DOCUMENT_CHARS = 200
"""Length of a simulated document, about the 30 words that the prompt asks for."""

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
