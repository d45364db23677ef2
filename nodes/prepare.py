"""Prepare: fix the run's settings, build the prompt, reset what an earlier run left."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from ..context import Context, resolve_context
from ..errors import DeepSearchError
from .components import Components, read_instruction
from .dialects import Dialect
from .models.base import chat_segments

NEW_COUNTS: Mapping[str, Any] = {
    "turns": 0,
    "invalid": 0,
    "searches": 0,
    "reads": 0,
    "prompt_tokens": 0,
    "cached_prompt_tokens": 0,
    "completion_tokens": 0,
    "context_tokens": 0,
    "estimated": False,
    "seconds": 0.0,
}
"""What a run has spent before it starts. `invalid` counts turns in a row without an
action; `context_tokens` is the transcript's length."""


class NoQuestionError(DeepSearchError):
    """The graph was called without a question."""

    def __init__(self) -> None:
        super().__init__(
            "no question: pass {'question': '…'} or messages that end with a human message"
        )


class Prepare:
    """First step of a run."""

    def __init__(self, components: Components) -> None:
        self._components = components

    def run(self, state: Mapping[str, Any], runtime: Runtime[Context]) -> dict[str, Any]:
        """Return the reset state with the prompt's segments."""
        run, dialect, messages = self._begin(state, runtime)
        reasoner = self._components.reasoner_for(run)
        ids = reasoner.render(messages, dialect.prefill)
        return _update(run, _named(reasoner), messages, dialect, ids)

    async def arun(
        self, state: Mapping[str, Any], runtime: Runtime[Context]
    ) -> dict[str, Any]:
        """Async version of `run`."""
        run, dialect, messages = await asyncio.to_thread(self._begin, state, runtime)
        await self._components.aready(run)
        reasoner = self._components.reasoner_for(run)
        ids = await reasoner.arender(messages, dialect.prefill)
        return _update(run, _named(reasoner), messages, dialect, ids)

    def _begin(
        self, state: Mapping[str, Any], runtime: Runtime[Context]
    ) -> tuple[dict[str, Any], Dialect, list[dict[str, str]]]:
        question = find_question(state)
        context = self._components.context(resolve_context(runtime.context))
        settings = context.model_dump(mode="json")
        dialect = self._components.dialect_for({"settings": settings})
        settings["dialect"] = dialect.name
        run = {
            "id": uuid.uuid4().hex,
            "question": question,
            "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "settings": settings,
            "limits": limits(context, dialect),
        }
        messages = dialect.prompt(
            question,
            max_searches=run["limits"]["searches"],
            instruction=read_instruction(context.prompt_file),
            today=run["started_at"][:10],
        )
        return run, dialect, messages


def find_question(state: Mapping[str, Any]) -> str:
    """Return the question: the last human message when there is a newer one than it.

    On a thread a caller may give `question` once and go on with messages.

    Raises:
        NoQuestionError: neither is there.
    """
    asked = (state.get("question") or "").strip()
    answered = str((state.get("run") or {}).get("question", ""))
    messages: Sequence[Any] = state.get("messages") or ()
    human = next((m for m in reversed(messages) if m.type == "human"), None)
    said = human.text.strip() if human is not None else ""
    if said and (not asked or (asked == answered and said != answered)):
        return said
    if not asked:
        raise NoQuestionError
    return asked


def limits(context: Context, dialect: Dialect) -> dict[str, Any]:
    """Return the run's budgets: the settings, else the dialect's defaults; None: none."""
    budgets = dialect.budgets
    chosen = {
        "searches": (context.max_searches, budgets.max_searches),
        "turns": (context.max_turns, budgets.max_turns),
        "turn_tokens": (context.max_turn_tokens, budgets.max_turn_tokens),
        "top_k": (context.top_k, budgets.top_k),
        "tokens": (context.max_tokens, None),
        "context_tokens": (context.max_context_tokens, None),
        "seconds": (context.max_seconds, None),
        "force_answer": (context.force_answer, dialect.forces_answer),
    }
    return {
        name: default if value is None else value
        for name, (value, default) in chosen.items()
    }


def _named(reasoner: Any) -> dict[str, Any]:
    return {
        "model": reasoner.name,
        "exactness": reasoner.exactness,
        "context_limit": reasoner.context_limit,
    }


def _update(
    run: dict[str, Any],
    named: dict[str, Any],
    messages: Sequence[Mapping[str, str]],
    dialect: Dialect,
    ids: list[int] | None,
) -> dict[str, Any]:
    segments = chat_segments(messages, ids, dialect.prefill)
    return {
        "run": {**run, **named},
        "question": run["question"],
        "segments": Overwrite(segments),
        "children": Overwrite([]),
        "searches": Overwrite([]),
        "found": Overwrite([]),
        "pending": {},
        "counts": {**NEW_COUNTS, "context_tokens": len(ids or ())},
        "answer": "",
        "sources": [],
        "stop_reason": "",
        "error": None,
    }
