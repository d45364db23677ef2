"""Prepare: fix the run's settings, build the prompt, reset what an earlier run left."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from ..context import Context, resolve_context
from ..errors import DeepSearchError
from ..trace import require_trace_folder
from .components import Components
from .condensers.prompt_file import read_condenser_prompt
from .dialects import Dialect, recorded_name
from .models.base import chat_segments
from .prompt_file import read_instruction
from .thoughts import check_thoughts

NEW_COUNTS: Mapping[str, Any] = {
    "turns": 0,
    "invalid": 0,
    "searches": 0,
    "recalls": 0,
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


LOGS = ("segments", "children", "searches", "reads", "found", "sources")
"""Logs of the state that a new run empties."""


class NoQuestionError(DeepSearchError):
    """The graph was called without a question."""

    def __init__(self) -> None:
        super().__init__(
            "no question: pass {'question': '…'} or messages that end with a human message"
        )


class Prepare:
    """First step of a run."""

    def __init__(self, components: Components, *, opens: bool = True) -> None:
        """Make the step.

        Args:
            components: the parts of the agent.
            opens: whether the prompt becomes the first segments; else a later step does
                that with what it has found out (`opening`), and the prompt is only built
                here so that what is wrong with it is said before a model writes.
        """
        self._components = components
        self._opens = opens
        self._met: set[str] = set()
        """Dialects of earlier runs: their files are read."""

    def run(self, state: Mapping[str, Any], runtime: Runtime[Context]) -> dict[str, Any]:
        """Return the reset state with the prompt's segments."""
        context = self._context(runtime)
        run, dialect, messages = self._begin(state, context)
        self._components.ready(run)
        reasoner = self._components.reasoner_for(run)
        if not self._opens:
            return _reset(run, _named(reasoner, dialect, context))
        ids = reasoner.render(messages, dialect.prefill)
        reset = _reset(run, _named(reasoner, dialect, context))
        return _opened(reset, messages, dialect, ids)

    async def arun(
        self, state: Mapping[str, Any], runtime: Runtime[Context]
    ) -> dict[str, Any]:
        """Async version of `run`."""
        context = self._context(runtime)
        files = (context.prompt_file, context.condenser_prompt_file, context.trace_dir)
        has_files = any(files)
        if context.dialect in self._met and not has_files:
            run, dialect, messages = self._begin(state, context)
        else:  # touches files, which must not block an event loop
            run, dialect, messages = await asyncio.to_thread(self._begin, state, context)
        await self._components.aready(run)
        reasoner = self._components.reasoner_for(run)
        if not self._opens:
            return _reset(run, _named(reasoner, dialect, context))
        ids = await reasoner.arender(messages, dialect.prefill)
        reset = _reset(run, _named(reasoner, dialect, context))
        return _opened(reset, messages, dialect, ids)

    def _context(self, runtime: Runtime[Context]) -> Context:
        given = runtime.context
        if given is not None:
            given = resolve_context(given, self._components.schema)
        return self._components.context(given)

    def _begin(
        self, state: Mapping[str, Any], context: Context
    ) -> tuple[dict[str, Any], Dialect, list[dict[str, str]]]:
        question = find_question(state)
        settings = context.model_dump(mode="json")
        dialect = self._components.dialect_for({"settings": settings})
        own = self._components.condenser is not None
        if self._components.dialect is not None:
            settings["dialect"] = dialect.name
        settings.update(dialect_defaults(context, dialect))
        check_thoughts(dialect, keeps=context.keep_thoughts)
        run = {
            "id": uuid.uuid4().hex,
            "question": question,
            "message": getattr(last_human(state), "id", None),
            "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "episode": dict(state.get("episode") or {}),
            "settings": settings,
            "dialect": recorded_name(settings["dialect"]),
            "limits": limits(context, dialect),
            "condenser_prompts": read_condenser_prompt(
                context.condenser_prompt_file,
                settings,
                others=() if own else _other_condensers(context, dialect),
                own_condenser=own,
            ),
        }
        messages = prompt_messages(run, dialect)
        if context.trace_dir is not None:
            require_trace_folder(context.trace_dir)
        self._met.add(context.dialect)
        return run, dialect, messages


def prompt_messages(
    run: Mapping[str, Any], dialect: Dialect, **more: Any
) -> list[dict[str, str]]:
    """Return a run's prompt; reads its prompt file, if it has one.

    Args:
        run: what was fixed for the run.
        dialect: the run's.
        more: further settings of `Dialect.prompt`.
    """
    path = run["settings"]["prompt_file"]
    return dialect.prompt(
        run["question"],
        max_searches=run["limits"]["searches"],
        instruction=read_instruction(Path(path) if path else None, dialect),
        today=run["started_at"][:10],
        **more,
    )


def opening(
    messages: Sequence[Mapping[str, str]], dialect: Dialect, ids: list[int] | None
) -> dict[str, Any]:
    """Return the update that makes a rendered prompt the transcript's first segments."""
    return {
        "segments": chat_segments(messages, ids, dialect.prefill),
        "counts": {**NEW_COUNTS, "context_tokens": len(ids or ())},
    }


def find_question(state: Mapping[str, Any]) -> str:
    """Return the question: the last human message when there is a newer one than it.

    On a thread a caller may give `question` once and go on with messages, or ask one
    question twice; a message that an earlier run saw is not newer.

    Raises:
        NoQuestionError: neither is there.
    """
    asked = (state.get("question") or "").strip()
    earlier = state.get("run") or {}
    human = last_human(state)
    said = human.text.strip() if human is not None else ""
    is_newer = human is not None and human.id != earlier.get("message")
    if said and (not asked or (asked == earlier.get("question") and is_newer)):
        return said
    if not asked:
        raise NoQuestionError
    return asked


def last_human(state: Mapping[str, Any]) -> Any:
    """Return the last human message, None where there is none."""
    messages: Sequence[Any] = state.get("messages") or ()
    return next((m for m in reversed(messages) if m.type == "human"), None)


def dialect_defaults(context: Context, dialect: Dialect) -> dict[str, Any]:
    """Return the settings that are the dialect's where the run names none."""
    chosen = {
        "condenser": (
            context.condenser,
            dialect.condenser_for(open_ended=context.open_ended),
        ),
        "page_condenser": (context.page_condenser, dialect.page_condenser),
        "read_pages": (context.read_pages, dialect.reads_found_pages),
    }
    return {
        name: default if value is None else value
        for name, (value, default) in chosen.items()
    }


def _other_condensers(context: Context, dialect: Dialect) -> list[str]:
    """Return the condenser that questions of the other kind have under the same settings."""
    if context.condenser is not None:
        return []
    return [dialect.condenser_for(open_ended=not context.open_ended)]


def limits(context: Context, dialect: Dialect) -> dict[str, Any]:
    """Return the run's budgets: the settings, else the dialect's defaults; None: none."""
    budgets = dialect.budgets
    chosen = {
        "searches": (context.max_searches, budgets.max_searches),
        "turns": (context.max_turns, budgets.max_turns),
        "searching_turns": (context.max_turns, budgets.searching_turns),
        "turn_tokens": (context.max_turn_tokens, budgets.max_turn_tokens),
        "top_k": (context.top_k, budgets.top_k),
        "tokens": (context.max_tokens, None),
        "context_tokens": (context.max_context_tokens, budgets.max_context_tokens),
        "seconds": (context.max_seconds, None),
        "invalid": (None, budgets.max_invalid),
        "force_answer": (context.force_answer, dialect.forces_answer),
    }
    return {
        name: default if value is None else value
        for name, (value, default) in chosen.items()
    }


def _named(reasoner: Any, dialect: Dialect, context: Context) -> dict[str, Any]:
    exactness = reasoner.exactness
    if dialect.layout == "turns" and exactness == "text":
        exactness = "message"  # a template may strip thoughts from earlier turns
    if not context.keep_thoughts:
        exactness = "message"  # the whole transcript was never one prompt
    return {
        "model": reasoner.name,
        "exactness": exactness,
        "context_limit": reasoner.context_limit,
        "overridden": reasoner.overridden,
    }


def _opened(
    reset: dict[str, Any],
    messages: Sequence[Mapping[str, str]],
    dialect: Dialect,
    ids: list[int] | None,
) -> dict[str, Any]:
    opened = opening(messages, dialect, ids)
    return {**reset, **opened, "segments": Overwrite(opened["segments"])}


def _reset(run: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": {**run, **named},
        "question": run["question"],
        **{log: Overwrite([]) for log in LOGS},
        "pending": {},
        "counts": {**NEW_COUNTS},
        "answer": "",
        "stop_reason": "",
        "error": None,
    }
