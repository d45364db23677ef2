"""`deepsearch report`: a question, a report with its sources."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import DeepSearchError
from .app import AGENT, app
from .options import (
    CONDENSERS,
    AsJson,
    RunOptions,
    out_file,
    question_argument,
    setting,
    with_run_options,
)
from .terminal import err, print_json
from .watch import watch

WRITER = "The writer"
"""Heading of its options in the verb's `--help`."""


@app.command(rich_help_panel=AGENT)
@with_run_options
def report(
    question: Annotated[str, question_argument("What the report is to be about.")],
    run: RunOptions,
    dialect: Annotated[
        str,
        setting(
            "--dialect",
            "Protocol in which the model has a report written: web_thinker_report, or a .py "
            "file of your own.",
            "web_thinker_report",
        ),
    ] = "",
    condenser: Annotated[
        str, setting("--condenser", CONDENSERS, "the dialect's: explorer")
    ] = "",
    out: Annotated[Path | None, out_file("File for the report, in markdown.")] = None,
    writer_model: Annotated[
        str,
        typer.Option(
            help="Model that plans, writes and edits.",
            rich_help_panel=WRITER,
            show_default="the summarizer",
        ),
    ] = "",
    writer_url: Annotated[
        str,
        typer.Option(
            help="Its server.", rich_help_panel=WRITER, show_default="the summarizer's"
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Research a question and write a report, every citation checked."""
    from ..graph.preflight import check_agent
    from ..graph.report import create_report_agent

    if out is not None:
        _require_file(out)
    own = {
        "dialect": dialect,
        "condenser": condenser,
        "writer_model": writer_model,
        "writer_url": writer_url,
    }
    named = {name: value for name, value in own.items() if value}
    agent = create_report_agent(**{**run.settings(), **named})
    check_agent(agent)
    final, failures = watch(agent, question, shows_text=not as_json)
    if not as_json:
        err.print()
    if not final["report"]:
        msg = (
            f"no report was written ({final['stop_reason']}); see what the model wrote, or "
            "try another model"
        )
        raise DeepSearchError(msg)
    if out is not None:
        _write(out, final["report"])
    _show(final, failures, out, as_json=as_json)
    if final["error"]:
        msg = f"the report is what was written before the run broke off: {final['error']}"
        raise DeepSearchError(msg)
    if failures and not final["sources"]:
        msg = f"the report rests on no search, since none worked: {failures[-1]}"
        raise DeepSearchError(msg)


def _show(
    final: dict[str, Any], failures: list[str], out: Path | None, *, as_json: bool
) -> None:
    cited = [source for source in final["sources"] if source["cited"]]
    cited.sort(key=lambda source: source["number"])
    if as_json:
        kept = {key: final[key] for key in ("report", "stop_reason", "removed_citations")}
        print_json({**kept, "sources": cited, "failed_searches": len(failures)})
        return
    if out is None:
        sys.stdout.write(final["report"])  # as it is: a console would wrap its lines
    removed = final["removed_citations"]
    where = f"written to {out}; " if out is not None else ""
    taken = f"; {removed} citations of nothing retrieved were removed" if removed else ""
    line = f"{where}{final['stop_reason']}; {len(cited)} sources cited{taken}"
    err.print(line, markup=False, soft_wrap=True)


def _require_file(path: Path) -> None:
    """Refuse a place where no file can be written, before a run is spent on it.

    Raises:
        DeepSearchError: it is a folder, or lies in no folder that can be written to.
    """
    if path.is_dir():
        msg = f"--out {path} is a folder: name a file, e.g. {path / 'report.md'}"
        raise DeepSearchError(msg)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"--out {path}: no folder can be made there ({error.strerror})"
        raise DeepSearchError(msg) from error
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        msg = f"--out {path} cannot be written to: name another file"
        raise DeepSearchError(msg)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
