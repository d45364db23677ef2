"""`deepsearch ask`: one question, answered as you watch."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..errors import DeepSearchError
from .app import AGENT, app
from .options import AsJson, RunOptions, with_run_options
from .terminal import err, out, print_json

WRITING = ("reason", "generate")
"""Steps whose tokens are the agent's own; a condenser's are not shown."""


@app.command(rich_help_panel=AGENT)
@with_run_options
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    run: RunOptions,
    as_json: AsJson = False,
) -> None:
    """Answer one question, with sources."""
    from ..graph.deep_search import create_deep_search_agent
    from ..graph.preflight import check_agent

    agent = create_deep_search_agent(**run.settings())
    check_agent(agent)
    final, failures = _watch(agent, question, shows_text=not as_json)
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


def _watch(
    agent: Any, question: str, *, shows_text: bool
) -> tuple[dict[str, Any], list[str]]:
    """Show the run as it happens; return its output and the errors of failed searches."""
    from langchain_core.messages import AIMessageChunk

    final: dict[str, Any] = {}
    failures: list[str] = []
    modes = ["messages", "custom", "values"]
    for mode, part in agent.stream({"question": question}, stream_mode=modes):
        if mode == "values":
            final = part
        elif mode == "messages":
            chunk, metadata = part
            # The finished answer comes as a message of its own, after its tokens.
            is_token = isinstance(chunk, AIMessageChunk)
            if shows_text and is_token and metadata["langgraph_node"] in WRITING:
                err.print(chunk.text, end="", style="dim", markup=False, highlight=False)
        elif part["event"] == "search" and shows_text:
            err.print(f"\n  searching: {part['query']}", style="cyan", markup=False)
        elif part["event"] == "search_failed":
            failures.append(part["error"])
            err.print(f"  search failed: {part['error']}", style="red", markup=False)
    return final, failures


def _print_answer(final: dict[str, Any]) -> None:
    err.print()
    out.print(final["answer"], style="bold", markup=False)
    for source in final["sources"]:
        if source["used"]:
            line = f"  [{source['id']}] {source['title']}  {source['url']}"
            out.print(line.rstrip(), markup=False, highlight=False)
