"""One deterministic model server over real HTTP, for every test that needs a model.

It speaks `/v1/models`, `/tokenize`, `/detokenize`, `/v1/completions` and
`/v1/chat/completions` (streamed or not) as vLLM does: token ids, log-probabilities,
usage, context overflow, stop strings. What it says comes from a script.

    server = FakeServer()                       # or the fixture `fake_server`
    server.script(["one reply", "the next"])    # in order, whatever is asked
    server.script(lambda prompt: "Paris" if "France" in prompt else "?")
    server.script([...], model="summarizer")    # a second model beside `fake-model`
    server.base_url                             # http://127.0.0.1:PORT/v1
    server.requests                             # every request: path, body, prompt, ids
    server.close()

A request for one token is a probe: it takes no reply, no made failure, and is not in
`generations()`. A reply ends the model's turn; `{EOS}` inside it ends it there. Tokens
are slices of three UTF-8 bytes, so a tag straddles tokens, an emoji spans two, and text
joined and tokenised again gives other ids than its parts did. The template is ChatML
without a default system message.

Switches (attributes, changed at any time):
    ignore_stop      stop strings have no effect (transformers' server)
    no_tokenize      /tokenize and /detokenize answer 404; no context length is told
    no_token_ids     `return_token_ids` has no effect
    no_continuation  the template drops thoughts from a final assistant message
    no_usage         no token counts
    chunk_tokens     tokens in one streamed chunk (default 1)
    token_delay      seconds before each chunk
    drop_after       tokens after which the connection breaks, `drop_times` times
    context_limit    tokens of prompt the model can hold (default 8192)
    api_key          a key that must be sent
    thoughts         text that chat replies carry as `reasoning_content`
    schemas          what a JSON schema (`response_format`) does: "ignored" (the default),
                     "held" (replies are bent to it) or "refused" (a 400)
    fail(status, message, times)   the next generations answer with that error
`aborted` counts generations whose client went away, `written` the tokens sent.
"""

from __future__ import annotations

import codecs
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from held_reply import hold

BOT, EOS = "<|im_start|>", "<|im_end|>"
SPECIAL = {BOT: 1, EOS: 2}
TOKEN_BYTES = 3
BLOCK = 16
"""Prompt tokens are found in the prefix cache in blocks of this many."""

Script = Callable[[str], str]


def encode(text: str) -> list[int]:
    """Return the ids of a text; special tokens are recognised in it."""
    ids: list[int] = []
    for part in re.split(f"({re.escape(BOT)}|{re.escape(EOS)})", text):
        if part in SPECIAL:
            ids.append(SPECIAL[part])
            continue
        data = part.encode()
        slices = (data[i : i + TOKEN_BYTES] for i in range(0, len(data), TOKEN_BYTES))
        # The length leads, so that no two slices share an id and none is special.
        ids += [int.from_bytes(bytes([len(piece)]) + piece, "big") for piece in slices]
    return ids


def token_bytes(token: int) -> bytes:
    """Return what one id stands for."""
    for text, special in SPECIAL.items():
        if token == special:
            return text.encode()
    data = token.to_bytes(TOKEN_BYTES + 1, "big").lstrip(b"\0")
    return data[1:]


def decode(ids: Sequence[int]) -> str:
    """Return the text of ids."""
    return b"".join(token_bytes(token) for token in ids).decode(errors="replace")


def logprob(token: int) -> float:
    """Return the made-up log-probability of a token: the same wherever it is asked."""
    return -round(0.01 + (token % 97) / 100, 4)


class FakeServer:
    """The server; runs on a free port from the moment it is made."""

    def __init__(self, models: Sequence[str] = ("fake-model",), port: int = 0) -> None:
        self.models = list(models)
        self.requests: list[dict[str, Any]] = []
        self.ignore_stop = self.no_tokenize = self.no_token_ids = False
        self.no_continuation = self.no_usage = False
        self.chunk_tokens = 1
        self.token_delay = 0.0
        self.drop_after: int | None = None
        self.drop_times = 0
        self.context_limit = 8192
        self.api_key: str | None = None
        self.thoughts = ""
        self.schemas = "ignored"
        self.aborted = self.written = 0
        self.lock = threading.Lock()
        self._failures: list[tuple[int, str]] = []
        self._scripts: dict[str, Script] = {}
        self._seen: list[list[int]] = []
        handler = type("Handler", (_Handler,), {"fake": self})
        self._http = _QuietServer(("127.0.0.1", port), handler)
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        return self._http.server_address[1]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def script(self, replies: Script | Sequence[str], model: str | None = None) -> None:
        """Say what a model replies: a function of the prompt's text, or a list in order."""
        name = model or self.models[0]
        if name not in self.models:
            self.models.append(name)
        self._scripts[name] = replies if callable(replies) else _in_order(list(replies))

    def fail(self, status: int, message: str = "made to fail", times: int = 1) -> None:
        """Make the next generations answer with an error."""
        self._failures += [(status, message)] * times

    def generations(self) -> list[dict[str, Any]]:
        """Return the requests that asked a model to write, probes left out."""
        return [
            r
            for r in self.requests
            if r["path"].endswith("completions") and r["body"].get("max_tokens") != 1
        ]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> FakeServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def template(self, body: dict[str, Any]) -> str:
        """Return the rendered prompt of a body with `messages`."""
        messages, text = body["messages"], ""
        continues = bool(body.get("continue_final_message"))
        for index, message in enumerate(messages):
            content = _content(message)
            if self.no_continuation and message["role"] == "assistant":
                content = re.sub(r"<think>.*?(</think>\s*|$)", "", content, flags=re.S)
            text += f"{BOT}{message['role']}\n{content}"
            if not (continues and index == len(messages) - 1):
                text += f"{EOS}\n"
        if body.get("add_generation_prompt", True) and not continues:
            text += f"{BOT}assistant\n"
        return text

    def reply(self, model: str, prompt: str) -> str:
        script = self._scripts.get(model)
        if script is None:
            msg = f"no script for {model}: call server.script(...)"
            raise _RefusalError(400, msg)
        with self.lock:
            return script(prompt)

    def next_failure(self) -> tuple[int, str] | None:
        with self.lock:
            return self._failures.pop(0) if self._failures else None

    def cached_tokens(self, ids: list[int]) -> int:
        """Return how many prompt tokens an earlier request had, in whole blocks."""
        with self.lock:
            best = max((_common(ids, seen) for seen in self._seen), default=0)
            return best // BLOCK * BLOCK

    def remember(self, ids: list[int]) -> None:
        with self.lock:
            self._seen.append(ids)


class _RefusalError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small writes would wait for each other's acknowledgement otherwise.
    disable_nagle_algorithm = True
    fake: ClassVar[FakeServer]

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/health":
            self._json(200, {})
        elif self.path == "/v1/models" and self._is_allowed():
            limit = {"max_model_len": self.fake.context_limit}
            limit = {} if self.fake.no_tokenize else limit  # vLLM alone tells it
            data = [{"id": name, "owned_by": "vllm", **limit} for name in self.fake.models]
            self._json(200, {"object": "list", "data": data})
        else:
            self._error(404, "Not Found")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        record = {"path": self.path, "body": body, "headers": dict(self.headers)}
        with self.fake.lock:
            self.fake.requests.append(record)
        if not self._is_allowed():
            return
        routes = {
            "/tokenize": self._tokenize,
            "/detokenize": self._detokenize,
            "/v1/completions": self._generate,
            "/v1/chat/completions": self._generate,
        }
        hidden = self.fake.no_tokenize and self.path in ("/tokenize", "/detokenize")
        if hidden or self.path not in routes:
            self._error(404, "Not Found")
            return
        try:
            routes[self.path](body, record)
        except _RefusalError as error:
            self._error(error.status, str(error))
        except (BrokenPipeError, ConnectionResetError):
            with self.fake.lock:
                self.fake.aborted += 1
            self.close_connection = True

    def _is_allowed(self) -> bool:
        key = self.fake.api_key
        if key is None or self.headers.get("Authorization") == f"Bearer {key}":
            return True
        self._error(401, "invalid API key")
        return False

    def _tokenize(self, body: dict[str, Any], record: dict[str, Any]) -> None:
        self._check_model(body)
        text = self.fake.template(body) if "messages" in body else body["prompt"]
        ids = encode(text)
        limit = self.fake.context_limit
        self._json(200, {"tokens": ids, "count": len(ids), "max_model_len": limit})

    def _detokenize(self, body: dict[str, Any], record: dict[str, Any]) -> None:
        self._json(200, {"prompt": decode(body["tokens"])})

    def _check_model(self, body: dict[str, Any]) -> str:
        model = body.get("model") or self.fake.models[0]
        if model not in self.fake.models:
            raise _RefusalError(404, f"The model `{model}` does not exist.")
        return model

    def _generate(self, body: dict[str, Any], record: dict[str, Any]) -> None:
        is_probe = body.get("max_tokens") == 1
        failure = None if is_probe else self.fake.next_failure()
        if failure:
            raise _RefusalError(*failure)
        model = self._check_model(body)
        ids = self._prompt_ids(body)
        prompt = decode(ids)
        record.update(prompt=prompt, ids=ids)
        self._check_length(ids, body)
        answer = _Answer(self.fake, body, model, ids, self._is_chat())
        schema = self._schema(body)
        reply = "a" if is_probe else self.fake.reply(model, prompt)
        answer.write(hold(reply, schema) if schema else reply)
        self.fake.remember(ids)
        if body.get("stream"):
            self._stream(answer)
        else:
            self._json(200, answer.whole())

    def _schema(self, body: dict[str, Any]) -> dict[str, Any] | None:
        asked = body.get("response_format")
        if asked is None or self.fake.schemas == "ignored":
            return None
        if self.fake.schemas == "refused":
            raise _RefusalError(400, "response_format: Extra inputs are not permitted")
        assert asked["type"] == "json_schema"
        return asked["json_schema"]["schema"]

    def _is_chat(self) -> bool:
        return self.path.endswith("/chat/completions")

    def _prompt_ids(self, body: dict[str, Any]) -> list[int]:
        if self._is_chat():
            return encode(self.fake.template(body))
        prompt = body["prompt"]
        return encode(prompt) if isinstance(prompt, str) else prompt

    def _check_length(self, ids: list[int], body: dict[str, Any]) -> None:
        limit, wanted = self.fake.context_limit, body.get("max_tokens") or 0
        if wanted > limit:
            msg = (
                f"max_tokens={wanted} cannot be greater than max_model_len={limit}. "
                "Please request fewer output tokens."
            )
            raise _RefusalError(400, msg)
        if len(ids) > limit:
            msg = (
                f"This model's maximum context length is {limit} tokens. However, your "
                f"prompt contains {len(ids)} input tokens, which exceeds this limit even "
                "without any output tokens. Please reduce the length of the input prompt."
            )
            raise _RefusalError(400, msg)

    def _stream(self, answer: _Answer) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in answer.events():
            time.sleep(self.fake.token_delay)
            self._raise_if_gone()
            if answer.is_dropped():
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self._chunk(f"data: {json.dumps(event)}\n\n")
        self._chunk("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _raise_if_gone(self) -> None:
        # A closed connection is readable and empty; writing alone notices too late.
        self.connection.setblocking(False)
        try:
            if self.connection.recv(1, socket.MSG_PEEK) == b"":
                raise BrokenPipeError
        except BlockingIOError:
            pass
        finally:
            self.connection.setblocking(True)

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _error(self, status: int, message: str) -> None:
        error = {"message": message, "type": "BadRequestError", "code": status}
        self._json(status, {"error": error})

    def _json(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class _Answer:
    """One generation: its tokens, and the forms it is sent in."""

    def __init__(
        self, fake: FakeServer, body: dict[str, Any], model: str, ids: list[int], chat: bool
    ) -> None:
        self._fake, self._body, self._model, self._chat = fake, body, model, chat
        self._prompt_ids = ids
        self._cached = fake.cached_tokens(ids)
        self._ids: list[int] = []
        self._texts: list[str] = []
        self._finish, self._stop_reason = "stop", None
        self._sent = 0

    def write(self, reply: str) -> None:
        """Tokenise the reply, and end it at the end token, a stop string or the limit."""
        room = self._fake.context_limit - len(self._prompt_ids)
        default = 10**6 if self._chat else 16
        limit = min(room, self._body.get("max_tokens") or default)
        tokens = [*encode(reply.partition(EOS)[0]), SPECIAL[EOS]]
        self._ids = tokens[:limit]
        self._finish = "stop" if len(tokens) <= limit else "length"
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._texts = [
            "" if token == SPECIAL[EOS] else decoder.decode(token_bytes(token))
            for token in self._ids
        ]
        self._cut_at_stop()

    def _cut_at_stop(self) -> None:
        stops = self._body.get("stop") or []
        stops = [stops] if isinstance(stops, str) else stops
        if self._fake.ignore_stop or not stops:
            return
        text = ""
        for index, piece in enumerate(self._texts):
            text += piece
            hits = [(text.find(stop), stop) for stop in stops if stop in text]
            if hits:
                start, stop = min(hits)
                keeps = self._body.get("include_stop_str_in_output")
                end = start + (len(stop) if keeps else 0)
                # As vLLM does: the text ends inside the token, the ids hold all of it.
                self._texts = _cut_texts(self._texts[: index + 1], end)
                self._ids = self._ids[: index + 1]
                self._finish, self._stop_reason = "stop", stop
                return

    def is_dropped(self) -> bool:
        fake = self._fake
        if fake.drop_after is None or self._sent <= fake.drop_after:
            return False
        with fake.lock:
            if fake.drop_times <= 0:
                return False
            fake.drop_times -= 1
        return True

    def events(self) -> Iterator[dict[str, Any]]:
        step = self._fake.chunk_tokens
        if self._chat and self._fake.thoughts:
            delta = {"role": "assistant", "reasoning_content": self._fake.thoughts}
            yield self._envelope([{"index": 0, "delta": delta, "finish_reason": None}])
        for start in range(0, len(self._ids), step):
            piece = slice(start, start + step)
            self._sent += len(self._ids[piece])
            with self._fake.lock:
                self._fake.written += len(self._ids[piece])
            is_last = start + step >= len(self._ids)
            yield self._envelope([self._choice(piece, is_last)])
        if (self._body.get("stream_options") or {}).get("include_usage"):
            usage = self._usage()
            if usage:
                yield {**self._envelope([]), "usage": usage}

    def whole(self) -> dict[str, Any]:
        choice = self._choice(slice(None), True)
        if self._chat:
            delta = choice.pop("delta")
            message = {"role": "assistant", "content": delta["content"]}
            if self._fake.thoughts:
                message["reasoning_content"] = self._fake.thoughts
            choice["message"] = message
        envelope = self._envelope([choice])
        usage = self._usage()
        return {**envelope, "usage": usage} if usage else envelope

    def _choice(self, piece: slice, is_last: bool) -> dict[str, Any]:
        ids, text = self._ids[piece], "".join(self._texts[piece])
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": self._finish if is_last else None,
            "stop_reason": self._stop_reason if is_last else None,
        }
        if self._chat:
            choice["delta"] = {"role": "assistant", "content": text}
        else:
            choice["text"] = text
        if self._body.get("return_token_ids") and not self._fake.no_token_ids:
            choice["token_ids"] = ids
        if self._body.get("logprobs") is not None and not self._chat:
            choice["logprobs"] = {
                "tokens": [decode([token]) for token in ids],
                "token_logprobs": [logprob(token) for token in ids],
            }
        return choice

    def _envelope(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        kind = "chat.completion" if self._chat else "text_completion"
        if self._body.get("stream") and self._chat:
            kind += ".chunk"
        return {
            "id": "cmpl-fake",
            "object": kind,
            "created": 0,
            "model": self._model,
            "choices": choices,
        }

    def _usage(self) -> dict[str, Any] | None:
        if self._fake.no_usage:
            return None
        prompt, written = len(self._prompt_ids), len(self._ids)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": written,
            "total_tokens": prompt + written,
            "prompt_tokens_details": {"cached_tokens": self._cached},
        }


def _cut_texts(texts: list[str], end: int) -> list[str]:
    cut = []
    for text in texts:
        cut.append(text[: max(0, end)])
        end -= len(text)
    return cut


def _in_order(replies: list[str]) -> Script:
    def next_reply(prompt: str) -> str:
        if not replies:
            raise _RefusalError(400, "the script has no reply left")
        return replies.pop(0)

    return next_reply


def _common(left: list[int], right: list[int]) -> int:
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count


def _content(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)
