"""A model server in this process: scripted words, the real model's probabilities.

It speaks what a token-exact run needs (`/v1/models`, `/tokenize`, `/v1/completions` with
token ids and log-probabilities, adapters loaded and dropped while it runs, other weights
where it is `updatable`). What it says
comes from a script; how probable that was is asked of the model under the adapter that the
request names, so that a policy which never reached the server is found out.
"""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


class TinyServer:
    def __init__(self, model, script, context=1024, port=0, updatable=False):
        self.tokenizer = AutoTokenizer.from_pretrained(model)
        self.model = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        self.base = "tiny"
        self.root = str(model)
        self.asked: list[str] = []
        self.sampled: list[dict] = []
        self.script = script
        self.context = context
        self.updatable = updatable
        self.held: list = []
        self.is_busy = False
        self.is_cache_stale = False
        self.adapters: dict[str, str] = {}
        self.known: set[str] = set()
        self.events: list[tuple[str, str]] = []
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"tiny": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(
            target=self.http.serve_forever, args=(0.02,), daemon=True
        )
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def names(self):
        return [self.base, *self.adapters]

    def load(self, name, path):
        with self.lock:
            if self.known:
                self.model.load_adapter(path, adapter_name=_key(name))
            else:
                from peft import PeftModel

                self.model = PeftModel.from_pretrained(
                    self.model, path, adapter_name=_key(name)
                )
            self.adapters[name] = path
            self.known.add(name)
            self.events.append(("load", name))

    def unload(self, name):
        with self.lock:
            self.adapters.pop(name)
            self.events.append(("unload", name))

    def reload(self, path):
        with self.lock:
            self.model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
            self.held.append(self.model)
            self.is_cache_stale = True
            self.events.append(("weights", path))

    def reset(self, drops_running):
        if self.is_busy and not drops_running:
            return False
        self.is_cache_stale = False
        self.events.append(("reset", "running" if drops_running else ""))
        return True

    def logprobs(self, name, prompt, ids):
        """Also of adapters that were dropped since, for the tests to compare with."""
        with self.lock, torch.no_grad(), ExitStack() as stack:
            if name in self.known:
                self.model.set_adapter(_key(name))
            elif self.known:
                stack.enter_context(self.model.disable_adapter())
            logits = self.model(torch.tensor([[*prompt, *ids]])).logits[0]
            chosen = logits[len(prompt) - 1 : -1].log_softmax(-1)
            return chosen.gather(1, torch.tensor(ids)[:, None])[:, 0].tolist()


def _key(name):
    return name.replace(".", "_")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tiny: TinyServer

    def log_message(self, *args):
        pass

    def do_GET(self):
        tiny = self.tiny
        data = [{"id": tiny.base, "root": tiny.root, "parent": None}]
        for name, path in tiny.adapters.items():
            data.append({"id": name, "root": path, "parent": tiny.base})
        data = [{**one, "max_model_len": tiny.context} for one in data]
        self._json({"object": "list", "data": data} if "models" in self.path else {})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            self._json({"tokens": self._ids(body), "max_model_len": self.tiny.context})
        elif self.path == "/v1/load_lora_adapter":
            self.tiny.load(body["lora_name"], body["lora_path"])
            self._json({})
        elif self.path == "/v1/unload_lora_adapter":
            self.tiny.unload(body["lora_name"])
            self._json({})
        elif self.path == "/collective_rpc" and self.tiny.updatable:
            assert body["method"] == "reload_weights"
            self.tiny.reload(body["kwargs"]["weights_path"])
            self._json({"results": [None]})
        elif self.path.startswith("/reset_prefix_cache") and self.tiny.updatable:
            self._json({"success": self.tiny.reset("running" in self.path)})
        elif body.get("model") not in self.tiny.names():
            self._json({"error": {"message": "no such model"}}, 404)
        else:
            self._complete(body)

    def _ids(self, body):
        tokenizer = self.tiny.tokenizer
        if "messages" not in body:
            return tokenizer(body["prompt"], add_special_tokens=False)["input_ids"]
        return tokenizer.apply_chat_template(
            body["messages"], add_generation_prompt=True, return_dict=False
        )

    def _complete(self, body):
        assert not self.tiny.is_cache_stale, "answered from blocks of other weights"
        tokenizer, prompt = self.tiny.tokenizer, body["prompt"]
        if isinstance(prompt, str):
            prompt = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        said = (
            "a" if body["max_tokens"] == 1 else self.tiny.script(tokenizer.decode(prompt))
        )
        if body["max_tokens"] > 1:
            self.tiny.asked.append(body["model"])
            self.tiny.sampled.append(body)
        ids = tokenizer(said, add_special_tokens=False)["input_ids"]
        ids = [*ids, tokenizer.eos_token_id][: body["max_tokens"]]
        values = self.tiny.logprobs(body["model"], prompt, ids)
        texts = [tokenizer.decode([i]) for i in ids]
        if ids[-1] == tokenizer.eos_token_id:
            texts[-1] = ""
        if not body.get("stream"):
            choice = self._choice(ids, texts, values, last=True)
            self._json({"id": "x", "object": "text_completion", "choices": [choice]})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for n in range(len(ids)):
                part = slice(n, n + 1)
                last = n == len(ids) - 1
                choice = self._choice(ids[part], texts[part], values[part], last=last)
                self._event({"id": "x", "object": "c", "model": "m", "choices": [choice]})
            self.wfile.write(b"data: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.close_connection = True

    def _choice(self, ids, texts, values, *, last):
        return {
            "index": 0,
            "text": "".join(texts),
            "token_ids": ids,
            "logprobs": {"tokens": texts, "token_logprobs": values},
            "finish_reason": "stop" if last else None,
            "stop_reason": None,
        }

    def _event(self, event):
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def _json(self, body, status=200):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
