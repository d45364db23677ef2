"""A run shown as it happens."""

from __future__ import annotations

from typing import Any

from .terminal import err

WRITING = ("reason", "generate")
"""Steps whose tokens are the agent's own; a condenser's or a writer's are not shown."""

LABELS = {
    "search": ("searching", "query"),
    "write": ("writing", "title"),
    "edit": ("editing", "goal"),
}
"""Events of a stream that are shown: what is said of each, and the field that says of what."""


def watch(
    agent: Any, question: str, *, shows_text: bool
) -> tuple[dict[str, Any], list[str]]:
    """Show a run on stderr as it happens.

    Args:
        agent: a compiled graph.
        question: what it is asked.
        shows_text: whether anything but failures is shown.

    Returns:
        The run's output, and the errors of failed searches.
    """
    final: dict[str, Any] = {}
    failures: list[str] = []
    modes = ["messages", "custom", "values"]
    for mode, part in agent.stream({"question": question}, stream_mode=modes):
        if mode == "values":
            final = part
        elif mode == "messages" and shows_text:
            _show_token(*part)
        elif mode == "custom" and part["event"] == "search_failed":
            failures.append(part["error"])
            err.print(f"  search failed: {part['error']}", style="red", markup=False)
        elif mode == "custom" and shows_text:
            _show_event(part)
    return final, failures


def _show_token(chunk: Any, metadata: dict[str, Any]) -> None:
    from langchain_core.messages import AIMessageChunk

    # The finished answer comes as a message of its own, after its tokens.
    if isinstance(chunk, AIMessageChunk) and metadata["langgraph_node"] in WRITING:
        err.print(chunk.text, end="", style="dim", markup=False, highlight=False)


def _show_event(event: dict[str, Any]) -> None:
    if event["event"] in LABELS:
        label, field = LABELS[event["event"]]
        err.print(f"\n  {label}: {event[field]}", style="cyan", markup=False)
