"""Loads a user's own Python file as a module: a dialect or a recipe named by its path."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from .errors import DeepSearchError


def load_python_file(path: Path, kind: str, error: type[DeepSearchError]) -> ModuleType:
    """Run a file and return its module.

    Args:
        path: the file.
        kind: what it holds, for messages and the module's name: `dialect`, `recipe`.
        error: what is raised.

    Raises:
        DeepSearchError: of the class given; the file is absent or fails.
    """
    if not path.is_file():
        msg = f"no {kind} file at {path}: check the path, or name one of list_{kind}s()"
        raise error(msg)
    # A name of its own in sys.modules, which dataclasses and pickles look up.
    name = f"langgraph_deepsearch_{kind}_{path.stem}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as failure:  # a user's own code may fail in any way
        msg = f"{kind} file {path} cannot be loaded: {type(failure).__name__}: {failure}"
        raise error(" ".join(msg.split())) from failure
    return module
