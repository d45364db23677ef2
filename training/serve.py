"""Serves a model over the OpenAI HTTP protocol, and leaves no process behind.

The server runs in a process group of its own, under a small guardian process that ends
the whole group when the program that started it is gone, however it went.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Literal, NoReturn

import httpx

from ..errors import DeepSearchError, MissingDependencyError
from ..nodes.models.local_template import publish_model_files
from .base_model import is_adapter_dir, is_model_dir, prepare_base_model
from .guardian import GUARDIAN_SOURCE
from .hub import cached_snapshot
from .model_files import adapter_rank, context_length
from .model_source import find_weights
from .process_group import end_group
from .tokenizer import require_tokenizer

Engine = Literal["auto", "vllm", "transformers"]

VLLM_PYTHON_VARIABLE = "DEEPSEARCH_VLLM_PYTHON"
"""Environment variable that names the interpreter vLLM is installed in."""

VLLM_PYTHON_FOLDER = ".venv-vllm"
"""Folder of vLLM's own virtual environment, which `make demo` makes."""

START_SECONDS = 300.0
"""Longest wait for a server to become healthy."""

POLL_SECONDS = 0.25

LOG_TAIL_LINES = 15
"""Lines of the server's log shown when it fails."""

CPU_CACHE_GIB = "2"
"""Memory for vLLM's key-value cache on a CPU, GiB, unless the environment says more."""


VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks of adapters that vLLM can be told to make room for."""

WILDCARD_HOST = "0.0.0.0"  # noqa: S104 - compared with, never bound unasked
"""Listens everywhere; this machine itself reaches it by its loopback address."""

MIN_BATCHED_TOKENS = 8192
"""Tokens vLLM on a CPU may work on in one step; at least a whole prompt."""

OWN_TOKENIZER = ("--tokenizer", "--skip-tokenizer-init")
"""Arguments of vLLM with which a model's folder needs no tokenizer."""

OTHER_SOURCE = ("--download-dir", "--revision", "--load-format")
"""Arguments of vLLM with which the Hub does not say what it can load."""

FEW_CORES = 4
"""Up to this many cores vLLM gets them all: on two, 244 tokens/s at 32 requests against
145 with one kept free."""


class ServerError(DeepSearchError):
    """A model server did not start, or ended by itself."""


class ModelServer:
    """A running model server; a context manager that stops it.

    Args:
        model: folder of the model, or (vLLM only) the name of one on the Hugging Face Hub
            that lies in its cache here or can be fetched. A folder that holds a LoRA adapter
            is served on its base model by vLLM, and by transformers' server merged with
            it, in `<folder>-merged`. None: the packaged model.
        name: served name, or several; the folder's name if None.
        engine: what serves it. `auto` takes vLLM where an interpreter has it.
        host: address to listen at.
        port: 0 takes a free one.
        merge: vLLM too serves an adapter merged with its base, which must lie here: on a CPU
            some twenty times as fast. Its base is then not served beside it.
        lora: vLLM accepts adapters while it runs (see `reload.load_adapter`).
        max_lora_rank: largest rank of such an adapter; rounded up to one vLLM takes.
        updatable: vLLM takes other weights while it runs (see `reload.reload_weights`), and
            whatever else its development routes do: for a trainer, not for the world.
        max_length: longest transcript in tokens; the model's if None.
        start_seconds: longest wait for health.
        log: file of the server's output; a temporary one if None.
        extra_arguments: passed to the engine as they are.

    Raises:
        ModelSourceError: the model, or its base, is not there.
        ServerError: the engine is not there.
        MissingDependencyError: a package the engine needs is not installed.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        name: str | Sequence[str] | None = None,
        engine: Engine = "auto",
        host: str = "127.0.0.1",
        port: int = 0,
        merge: bool = False,
        lora: bool = False,
        max_lora_rank: int = 64,
        updatable: bool = False,
        max_length: int | None = None,
        start_seconds: float = START_SECONDS,
        log: str | os.PathLike[str] | None = None,
        extra_arguments: Sequence[str] = (),
    ) -> None:
        self._model = str(model) if model else str(prepare_base_model())
        names = [name] if isinstance(name, str) else list(name or ())
        self.model_names = [n for n in names if n] or [Path(self._model).name]
        self.engine, self._python = _resolve_engine(engine)
        self._extra = list(extra_arguments)
        is_adapter = is_adapter_dir(self._model)
        self._merges = is_adapter and (merge or self.engine == "transformers")
        self._has_adapter = is_adapter and not self._merges
        """Whether an adapter is served beside what the engine loads."""
        self._weights = find_weights(
            self._model,
            "transformers" if self._merges else self.engine,
            asks_hub=not self._is_given(OTHER_SOURCE)
            and not os.environ.get("VLLM_USE_MODELSCOPE"),
        )
        """What the engine loads; for an adapter its base, until they are merged."""
        self._host = host
        self._wanted_port = port
        self.port = 0
        self._lora = lora
        self._max_lora_rank = max_lora_rank
        self._updatable = updatable
        self._max_length = max_length
        self._start_seconds = start_seconds
        self._work = Path(tempfile.mkdtemp(prefix="deepsearch-serve-"))
        self.log = Path(log) if log else self._work / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._published: Path | None = None
        self.start_took = 0.0
        """Seconds from start to health."""

    @property
    def url(self) -> str:
        """Base URL of the OpenAI routes."""
        return f"{self._address}/v1"

    @property
    def _address(self) -> str:
        host = "127.0.0.1" if self._host == WILDCARD_HOST else self._host
        return f"http://{host}:{self.port}"

    @property
    def is_running(self) -> bool:
        """Whether the server process is alive."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> ModelServer:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> ModelServer:
        """Start the server and wait until it is healthy.

        Raises:
            ServerError: it cannot listen there, it ended, or was not healthy in time; the
                message has the end of its log.
            TokenizerError: the model has no tokenizer.
        """
        started = time.monotonic()
        try:
            self._take_port()
            self._require_tokenizer()
            if self.engine == "transformers":
                self._check_transformers()
            if self._merges:
                self._merge()
            ready_by = time.monotonic() + self._start_seconds
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab") as output:
                self._process = subprocess.Popen(  # noqa: S603 - our own command line
                    [sys.executable, "-c", GUARDIAN_SOURCE, *self._command()],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=self._work,
                    env=self._environment(),
                    start_new_session=True,
                )
            self._wait_until_healthy(ready_by)
        except BaseException:
            self.stop()
            raise
        if self.engine == "transformers":
            # It cannot render prompts: clients do it, with the files they find by this.
            self._published = publish_model_files(
                self.url, self.model_names[0], self._weights
            )
        self.start_took = time.monotonic() - started
        return self

    def stop(self) -> None:
        """End the server and all its children; does nothing when it is stopped."""
        process, self._process = self._process, None
        if process is not None:
            end_group(process)
        if self._published is not None:
            self._published.unlink(missing_ok=True)
        shutil.rmtree(self._work, ignore_errors=True)

    def _take_port(self) -> None:
        try:
            self.port = free_port(self._host, self._wanted_port)
        except OSError as error:
            raise ServerError(self._cannot_listen(error)) from error

    def _is_given(self, arguments: Sequence[str]) -> bool:
        return any(given.partition("=")[0] in arguments for given in self._extra)

    def _require_tokenizer(self) -> None:
        """Refuse a whole model without a tokenizer, unless the engine is given another."""
        named = self._is_given(OWN_TOKENIZER)
        # Merging takes the adapter's own tokenizer where there is one.
        if is_model_dir(self._weights) and not named and not self._merges:
            require_tokenizer(self._weights)

    @property
    def is_slow(self) -> bool:
        """Whether vLLM computes an adapter on a CPU, token by token.

        SmolLM2-135M writes some 7 tokens a second with one, and some 150 without.
        """
        return self._has_adapter and not _has_gpu()

    def _merge(self) -> None:
        from .merge import merge_beside

        self._weights = str(merge_beside(Path(self._model), Path(self._weights)))

    def _check_transformers(self) -> None:
        """Refuse what transformers' server cannot do."""
        if self._lora or self._updatable:
            what = "adapters" if self._lora else "other weights"
            msg = f"transformers' server takes no {what} while it runs; serve with vLLM"
            raise ServerError(msg)
        if len(self.model_names) > 1:
            msg = "transformers' server has one name; give one, or serve with vLLM"
            raise ServerError(msg)
        if not is_model_dir(self._weights):
            msg = f"{self._weights} is no model folder; transformers' server needs one"
            raise ServerError(msg)

    def _cannot_listen(self, error: OSError) -> str:
        port = self._wanted_port
        if error.errno == errno.EADDRINUSE:
            return f"port {port} is taken; stop what listens there or choose another port"
        return (
            f"cannot listen at {self._host}:{port} ({error.strerror}); choose another host "
            "or port"
        )

    def _command(self) -> list[str]:
        return (
            self._vllm_command() if self.engine == "vllm" else self._transformers_command()
        )

    def _vllm_command(self) -> list[str]:
        model, adapters = self._weights, []
        if self._has_adapter:
            adapters = [
                f"{name}={Path(self._model).absolute()}" for name in self.model_names
            ]
        if Path(model).is_dir():
            model = str(Path(model).absolute())
        names = [Path(model).name] if adapters else self.model_names
        command = [self._python, "-m", "vllm.entrypoints.openai.api_server"]
        command += ["--model", model, "--served-model-name", *names]
        command += ["--host", self._host, "--port", str(self.port)]
        if not _has_gpu():
            command += self._vllm_cpu_arguments(model)
        if self._max_length:
            command += ["--max-model-len", str(self._max_length)]
        ranks = [self._max_lora_rank] if self._lora else []
        if adapters:
            ranks.append(adapter_rank(self._model))
            command += ["--lora-modules", *adapters]
        if ranks:
            room = str(_room_for_rank(max(ranks)))
            command += ["--enable-lora", "--max-lora-rank", room]
        return command + self._extra

    def _vllm_cpu_arguments(self, model: str) -> list[str]:
        # Compilation costs 40 s more at the start than it saves in a short run.
        arguments = ["--enforce-eager", "--dtype", "bfloat16"]
        longest = self._max_length or context_length(model)
        if longest:
            # A prompt read in chunks together with a request's own seed kills vLLM 0.32
            # on a CPU ("CPU Generator does not use offset"); whole prompts do not.
            room = str(max(longest, MIN_BATCHED_TOKENS))
            arguments += ["--no-enable-chunked-prefill", "--max-num-batched-tokens", room]
        return arguments

    def _transformers_command(self) -> list[str]:
        # This server knows a model by its path alone: a link with the wanted name, in
        # the folder it starts in, is that path. Its model list shows a hub cache, so it
        # gets one with that model.
        _link(self._work / self.model_names[0], self._weights)
        cached = self._work / "hub" / f"models--{self.model_names[0].replace('/', '--')}"
        _link(cached / "snapshots" / "served", self._weights)
        (cached / "refs").mkdir()
        (cached / "refs" / "main").write_text("served")
        command = [self._python, "-m", "transformers.cli.transformers", "serve"]
        command += [self.model_names[0], "--host", self._host, "--port", str(self.port)]
        if not _has_gpu():
            command += ["--device", "cpu"]
        return command + self._extra

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        if Path(self._weights).is_dir() or self._has_cached_base():
            environment["HF_HUB_OFFLINE"] = "1"
        if self.engine == "transformers":
            environment["HF_HUB_CACHE"] = str(self._work / "hub")
        if self.engine == "vllm":
            environment.setdefault("VLLM_CPU_KVCACHE_SPACE", CPU_CACHE_GIB)
            environment.setdefault("VLLM_NO_USAGE_STATS", "1")
            cores = (
                sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
            )
            if len(cores) <= FEW_CORES:
                # By default one core is kept free, which on two of them is half.
                bound = ",".join(map(str, cores)) or "auto"
                environment.setdefault("VLLM_CPU_OMP_THREADS_BIND", bound)
            environment["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = (
                "True" if self._lora else "False"
            )
            if self._updatable:
                environment["VLLM_SERVER_DEV_MODE"] = "1"
            # Another environment's packages on the path would break vLLM's own.
            environment.pop("PYTHONPATH", None)
        return environment

    def _has_cached_base(self) -> bool:
        return self._has_adapter and cached_snapshot(self._weights) is not None

    def _wait_until_healthy(self, deadline: float) -> None:
        address = f"{self._address}/health"
        with httpx.Client(timeout=2.0, trust_env=False) as client:
            while time.monotonic() < deadline:
                if not self.is_running:
                    self.fail("ended before it was ready")
                try:
                    if client.get(address).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass  # not listening yet
                time.sleep(POLL_SECONDS)
        self.fail(f"was not ready after {self._start_seconds:.0f} s")

    def fail(self, what: str) -> NoReturn:
        """Raise what became of the server, with the end of its log.

        Args:
            what: follows its name in the message.

        Raises:
            ServerError: always.
        """
        kept = Path(tempfile.gettempdir()) / f"deepsearch-{self.engine}-{os.getpid()}.log"
        if self.log.is_relative_to(self._work):
            shutil.copyfile(self.log, kept)
        else:
            kept = self.log
        tail = log_tail(self.log)
        msg = (
            f"the {self.engine} server of {self._model} {what}; its log ({kept}) ends:\n"
            f"{tail}"
        )
        raise ServerError(msg)


def _link(link: Path, target: str) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(Path(target).absolute(), target_is_directory=True)


def _resolve_engine(engine: Engine) -> tuple[Literal["vllm", "transformers"], str]:
    """Return the engine and the interpreter that runs it."""
    python = None if engine == "transformers" else find_vllm_python()
    if python is not None:
        return "vllm", python
    if engine == "vllm":
        msg = (
            f"vLLM is not installed; pip install 'langgraph-deepsearch[serve]', or set "
            f"{VLLM_PYTHON_VARIABLE} to the Python that has it"
        )
        raise ServerError(msg)
    for package in ("transformers", "torch", "uvicorn", "fastapi"):
        if find_spec(package) is None:
            raise MissingDependencyError(package, "local")
    return "transformers", sys.executable


def find_vllm_python() -> str | None:
    """Return an interpreter that has vLLM, None where there is none.

    Looked for in this order: the environment variable, `.venv-vllm` in the current
    folder and in the one this package lies in, and this interpreter.

    Raises:
        ServerError: the environment variable names no file.
    """
    named = os.environ.get(VLLM_PYTHON_VARIABLE)
    if named:
        if not Path(named).is_file():
            msg = f"{VLLM_PYTHON_VARIABLE} is {named!r}, which is no file; correct or unset it"
            raise ServerError(msg)
        return named
    for folder in (Path.cwd(), Path(__file__).parent.parent):
        python = folder / VLLM_PYTHON_FOLDER / "bin" / "python"
        if python.is_file():
            return str(python)
    return sys.executable if find_spec("vllm") else None


def _room_for_rank(rank: int) -> int:
    """Return the smallest rank that vLLM makes room for and that an adapter fits."""
    for room in VLLM_RANKS:
        if rank <= room:
            return room
    msg = (
        f"vLLM takes adapters up to rank {VLLM_RANKS[-1]}, not {rank}; train a smaller one"
    )
    raise ServerError(msg)


def free_port(host: str = "127.0.0.1", wanted: int = 0) -> int:
    """Return a port nobody listens on just now.

    Args:
        host: address it is to be free at.
        wanted: the port, 0 for any.

    Raises:
        OSError: the wanted port is taken, or there is no listening at the address.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, wanted))
        return probe.getsockname()[1]


def log_tail(path: Path, lines: int = LOG_TAIL_LINES) -> str:
    """Return the last lines of a log that say something."""
    if not path.is_file():
        return "(no log)"
    text = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([line for line in text if line.strip()][-lines:]) or "(empty)"


def _has_gpu() -> bool:
    return shutil.which("nvidia-smi") is not None and Path("/dev/nvidiactl").exists()
