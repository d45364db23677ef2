"""The house's import rules: a room imports only rooms before it, and stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = [
    "",
    "tools",
    "nodes",
    "graph",
    "world",
    "evals",
    "curation",
    "training",
    "loop.py",
    "recipes",
    "cli",
]
"""In order; the empty name stands for the other root modules."""

HEAVY = (
    "torch",
    "transformers",
    "vllm",
    "datasets",
    "trl",
    "deepspeed",
    "peft",
    "bm25s",
    "langchain_openai",
    "trafilatura",
    "tavily",
)


def modules():
    files = [path for path in ROOT.glob("*.py") if path.name != "setup.py"]
    for room in ROOMS[1:]:
        files += sorted((ROOT / room).rglob("*.py"))  # nothing for a single file
    return files


def rank(path: Path) -> int:
    return rank_of(path.relative_to(ROOT).parts[0])


def rank_of(name: str) -> int:
    """Return the rank of a room, or of a root module with or without its ending."""
    for known in (name, f"{name}.py"):
        if known in ROOMS:
            return ROOMS.index(known)
    return 0


def imported(path: Path):
    """Yield (rank, name) of each of our modules that a file imports, wherever it does."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            target = (*base, *(node.module.split(".") if node.module else ()))
            if not target:
                target = (node.names[0].name,)
            yield rank_of(target[0]), ".".join(target)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_imports_only_rooms_before_it(path):
    if path == ROOT / "__init__.py":
        return  # lazy re-exports: covered by the test below
    own = rank(path)
    wrong = [name for other, name in imported(path) if other > own]
    assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


@pytest.mark.parametrize(
    "module", ["langgraph_deepsearch", "langgraph_deepsearch.graph.deep_search"]
)
def test_importing_stays_light(module):
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_every_public_name_is_there():
    import langgraph_deepsearch

    for name in langgraph_deepsearch.__all__:
        assert getattr(langgraph_deepsearch, name) is not None


def test_an_unknown_name_is_refused():
    import langgraph_deepsearch

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        langgraph_deepsearch.nothing
