"""What all runs of a directory share: questions, settings and model.

A run that is gone on with must not mix runs of another kind in, whether an option, the
environment, the question file or the model behind the server has changed meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..context import Context
from ..questions import Question, questions_digest
from ..trace import read_traces
from .recorder import TRACE_FILE
from .rollout import MANIFEST_FILE, check_manifest, write_manifest

SERVED_MODEL = "served_model"
"""The model that answered, by the name its server gives it."""

NOT_SHARED = frozenset({"seed", "trace_dir", "cache_dir"})
"""Settings of a run that differ from one to the next, or say where something lies."""


def run_manifest(
    run: Mapping[str, Any], files: Sequence[Path], questions: Sequence[Question], seed: int
) -> dict[str, Any]:
    """Return what all runs of a directory share.

    Args:
        run: what `check_agent` gave: settings from options and environment, and the model.
        files: the question files.
        questions: all questions of the files.
        seed: base of the rollouts' seeds.
    """
    settings = run["settings"]
    return {
        "questions": ", ".join(path.name for path in files),
        "questions_sha256": questions_digest(questions),
        "seed": seed,
        **{name: settings[name] for name in settings if name not in NOT_SHARED},
        SERVED_MODEL: run["model"],
    }


def check_run(out: str | Path, manifest: Mapping[str, Any]) -> None:
    """Write what the directory's runs share, or compare with what was written.

    Raises:
        RolloutError: it was started with others; the message names the first difference.
    """
    if SERVED_MODEL in manifest:
        _complete(Path(out), manifest)
    # A setting that was added since then had no effect yet: its default counted.
    fields = Context.model_fields
    check_manifest(out, manifest, {n: fields[n].default for n in manifest if n in fields})


def _complete(out: Path, manifest: Mapping[str, Any]) -> None:
    """Write a manifest of an earlier version in full.

    It names only what was typed; how its runs went stands in their traces. A setting that
    these do not know did not exist: it is left out, so that its default counts. Whatever
    else nobody knows is taken to be as it is now.
    """
    path = out / MANIFEST_FILE
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if "questions" not in earlier or SERVED_MODEL in earlier:
        return
    traces = read_traces(out) if (out / TRACE_FILE).is_file() else iter(())
    first = next(traces, None)
    told = {} if first is None else {**first.settings, SERVED_MODEL: first.model}
    own = {name: earlier[name] for name in ("questions", "seed") if name in earlier}
    known = {
        name: told.get(name, manifest[name])
        for name in manifest
        if first is None or name in told or name not in Context.model_fields
    }
    write_manifest(out, {**known, **own})
