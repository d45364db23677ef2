"""The wheel holds what the tree holds: a forgotten sub-package works only in editable mode."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = (
    *(
        "tools",
        "nodes",
        "graph",
        "world",
        "evals",
        "curation",
        "training",
        "recipes",
        "cli",
    ),
    "examples/recipes",
)
DATA = (".html", ".css", ".js", ".json", ".typed")


def wanted() -> set[str]:
    """Return every file of the package, as the wheel should name it."""
    files = [path for path in ROOT.glob("*.py") if path.name != "setup.py"]
    files += [ROOT / "py.typed"]
    for room in ROOMS:
        for path in (ROOT / room).rglob("*"):
            if path.suffix == ".py" or path.suffix in DATA:
                files.append(path)
    return {f"langgraph_deepsearch/{path.relative_to(ROOT).as_posix()}" for path in files}


IGNORED = shutil.ignore_patterns(".*", "build", "dist", "runs", "*.egg-info", "__pycache__")
"""What lies beside the sources; above all an old `build`, whose files would come along."""


def test_the_wheel_holds_the_tree(tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=IGNORED)
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--outdir",
        str(tmp_path),
        str(tree),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert wanted() <= names, sorted(wanted() - names)
    ours = {name for name in names if name.startswith("langgraph_deepsearch/")}
    assert not ours - wanted(), sorted(ours - wanted())
    entry = next(name for name in names if name.endswith("entry_points.txt"))
    assert (
        "deepsearch = langgraph_deepsearch.cli:main"
        in zipfile.ZipFile(wheel).read(entry).decode()
    )
