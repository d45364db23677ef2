"""`deepsearch ask`: one question, answered as you watch."""

from __future__ import annotations

from typing import Annotated, Any

from ..errors import DeepSearchError
from .app import AGENT, app
from .options import AsJson, RunOptions, question_argument, with_run_options
from .terminal import err, out, print_json
from .watch import watch


@app.command(rich_help_panel=AGENT)
@with_run_options
def ask(
    question: Annotated[str, question_argument("What you want to know.")],
    run: RunOptions,
    as_json: AsJson = False,
) -> None:
    """Answer one question, with sources."""
    from ..graph.deep_search import create_deep_search_agent
    from ..graph.preflight import check_agent

    agent = create_deep_search_agent(**run.settings())
    check_agent(agent)
    final, failures = watch(agent, question, shows_text=not as_json)
    if as_json:
        kept = {key: final[key] for key in ("answer", "stop_reason", "sources")}
        print_json({**kept, "failed_searches": len(failures)})
    else:
        _print_answer(final)
    if not final["answer"]:
        msg = (
            f"the model gave no answer ({final['stop_reason']}); see what it wrote, or try "
            "another model"
        )
        raise DeepSearchError(msg)
    if failures and not final["sources"]:
        msg = f"the answer rests on no search, since none worked: {failures[-1]}"
        raise DeepSearchError(msg)


def _print_answer(final: dict[str, Any]) -> None:
    from ..nodes.sources import words_of

    err.print()
    out.print(final["answer"], style="bold", markup=False)
    for source in final["sources"]:
        if source["used"]:
            line = f"  [{source['id']}] {'  '.join(words_of(source))}"
            out.print(line.rstrip(), markup=False, highlight=False)
