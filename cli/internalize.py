"""`deepsearch internalize`: what right runs found, rewritten as knowledge of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import FLYWHEEL, app
from .inputs import require_traces
from .options import AsJson, Concurrency, OutDir
from .questions import BaseUrl, Model, Plan, finish, print_plan
from .terminal import work_progress


@app.command(rich_help_panel=FLYWHEEL)
def internalize(
    traces: Annotated[list[Path], typer.Argument(help="Trace files or run directories.")],
    directory: OutDir,
    model: Model = "",
    base_url: BaseUrl = "",
    dialect: Annotated[
        str, typer.Option(help="A dialect that can recall, in whose form it is written.")
    ] = "r1_searcher_plus",
    per_question: Annotated[
        int, typer.Option(help="Right runs of a question, fewest searches first.", min=1)
    ] = 1,
    concurrency: Concurrency = 16,
    plan: Plan = False,
    as_json: AsJson = False,
) -> None:
    """Rewrite right runs as text without a search (R1-Searcher++), to be memorized."""
    require_traces(*traces)
    from ..curation.asking import Asker
    from ..curation.internalize import internalize as run
    from ..curation.internalize import plan_internalize
    from ..curation.rewriter import Rewriter
    from ..nodes.models.resolve import resolve_reasoner

    if plan:
        print_plan(plan_internalize(traces, directory, per_question=per_question), as_json)
        return
    rewriter = Rewriter(Asker(resolve_reasoner(model, base_url=base_url)), dialect)
    with work_progress("runs") as show:
        report = run(
            traces,
            rewriter,
            directory,
            per_question=per_question,
            concurrency=concurrency,
            on_progress=show,
        )
    finish(
        report,
        as_json,
        failed=f"the model failed on {report.failed} runs",
        failures=directory / "internalize_failures.jsonl",
        result=f"{report.internalized} runs to memorize in {directory}/internalized.jsonl",
    )
