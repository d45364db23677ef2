"""Plan: the writer says how the subject is to be researched; the plan joins the prompt."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from ...context import Context
from ..dialects.parts.prompt import fill_in
from ..prepare import opening, prompt_messages
from .step import Done, State, Work, WriterStep

INSTRUCTION = (
    "Plan how to research this subject on the web, so that a report can be written about "
    "it:\n\n{question}\n\n"
    "Write at most 8 numbered steps, (1), (2) and so on. Each says what is to be found out, "
    "so that all of them together cover the subject. Write the steps and nothing else, in the "
    "language of the subject.\n"
)
"""Our own words; eight steps as in the original."""


class Plan(WriterStep):
    """First call of a run: the plan, then the prompt that holds it."""

    name = "plan"

    def run(
        self, state: State, config: RunnableConfig, runtime: Runtime[Context]
    ) -> dict[str, Any]:
        """Return the prompt's segments, with the plan in them."""
        run = state["run"]
        planned = super().run(state, config, runtime)
        dialect = self._components.dialect_for(run)
        reasoner = self._components.reasoner_for(run)
        messages = prompt_messages(run, dialect, plan=planned["plan"])
        ids = reasoner.render(messages, dialect.prefill)
        return _opened(planned, opening(messages, dialect, ids))

    async def arun(
        self, state: State, config: RunnableConfig, runtime: Runtime[Context]
    ) -> dict[str, Any]:
        """Async version of `run`."""
        run = state["run"]
        planned = await super().arun(state, config, runtime)
        dialect = self._components.dialect_for(run)
        reasoner = self._components.reasoner_for(run)
        plan = planned["plan"]
        # Reads the prompt file, which must not block an event loop.
        messages = await asyncio.to_thread(prompt_messages, run, dialect, plan=plan)
        ids = await reasoner.arender(messages, dialect.prefill)
        return _opened(planned, opening(messages, dialect, ids))

    def work(self, state: State) -> Work:
        question = state["run"]["question"]
        content = fill_in(INSTRUCTION, {"question": question})
        reply = yield [{"role": "user", "content": content}]
        dialect = self._components.dialect_for(state["run"])
        plan = dialect.neutralize(reply.text) if reply else ""
        # What an earlier run on the same thread wrote is gone with its question.
        emptied = {"drafts": Overwrite([]), "opened": Overwrite([]), "report": ""}
        return Done({"plan": plan, **emptied, "removed_citations": 0})


def _opened(planned: dict[str, Any], opened: dict[str, Any]) -> dict[str, Any]:
    counts = {**opened["counts"], "seconds": planned["counts"]["seconds"]}
    return {**planned, "segments": opened["segments"], "counts": counts}
