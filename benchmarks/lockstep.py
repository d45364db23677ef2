"""The reference's scheduler, faithfully: global phases with a barrier after each.

Per turn (SimpleDeepSearcher inference.py:505-723): all active sequences generate and the
slowest is waited for; searches run one after another; all pages are fetched by 20
threads; the evidence in them is looked for one by one; a pool of 50 summarizes; all is
dumped to a file. It is built from the same parts as the agent, so that only the schedule
differs. The reference's fresh process pool each turn is left out, in its favour.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph_deepsearch.nodes.condensers.base import CondenseRequest
from langgraph_deepsearch.nodes.condensers.extractive import ExtractiveCondenser
from langgraph_deepsearch.nodes.condensers.reason_in_documents import ReasonInDocuments
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.models.base import Reasoner, Sampling, chat_segments
from langgraph_deepsearch.questions import Question
from langgraph_deepsearch.tools.base import Reader, SearchProvider
from langgraph_deepsearch.tools.passage import evidence_window
from langgraph_deepsearch.trace import Document

FETCHERS = 20
"""Threads that fetch pages, whatever is asked for (google_search.py:179)."""

SUMMARIZERS = 50
"""Processes that summarize (inference.py:346)."""

MAX_TURNS = 15
"""inference.py:74-78."""

DOC_CHARS = 3000
"""Characters kept on each side of the evidence (inference.py:88-92)."""


@dataclass
class Trajectory:
    """One question under way."""

    question: str
    segments: list[dict[str, Any]]
    query: str = ""
    documents: list[Document] = field(default_factory=list)
    searches: int = 0
    is_finished: bool = False
    seconds: float = 0.0

    def add(self, kind: str, text: str, ids: list[int] | None, *, written: bool) -> None:
        """Append a segment."""
        segment = {"kind": kind, "speaker": "assistant", "text": text, "trainable": written}
        self.segments.append({**segment, "turn": 0, "token_ids": ids})


class Lockstep:
    """Runs all questions through the reference's phases."""

    def __init__(
        self,
        reasoner: Reasoner,
        summarizer: Reasoner,
        search: SearchProvider,
        reader: Reader,
        out: Path,
        *,
        top_k: int = 10,
    ) -> None:
        self._dialect = get_dialect()
        self._reasoner = reasoner
        self._condenser = ReasonInDocuments(summarizer, fallback=ExtractiveCondenser())
        self._search = search
        self._reader = reader
        self._out = out
        self._top_k = top_k

    async def arun(self, questions: Sequence[Question]) -> list[Trajectory]:
        """Return the finished sequences."""
        sequences = [await self._begin(question.question) for question in questions]
        for turn in range(MAX_TURNS):
            active = [one for one in sequences if not one.is_finished]
            if not active:
                break
            await asyncio.gather(*(self._generate(one) for one in active))
            searching = [one for one in active if not one.is_finished]
            for one in searching:
                one.documents = await self._search.asearch(one.query, self._top_k)
                one.searches += 1
            await self._fetch(searching)
            self._extract(searching)
            gate = asyncio.Semaphore(SUMMARIZERS)
            await asyncio.gather(*(self._summarize(one, gate) for one in searching))
            self._dump(turn, sequences)
        return sequences

    async def _begin(self, question: str) -> Trajectory:
        messages = self._dialect.prompt(question)
        ids = await self._reasoner.arender(messages)
        return Trajectory(question, chat_segments(messages, ids))

    async def _generate(self, one: Trajectory) -> None:
        written = await self._reasoner.agenerate(
            one.segments,
            cut=self._dialect.first_action_end,
            stop=self._dialect.server_stop,
            sampling=Sampling(max_tokens=20480),
        )
        one.add("reason", written.text, written.token_ids, written=True)
        action = self._dialect.parse(written.text)
        one.is_finished = action.kind != "search"
        one.query = "" if one.is_finished else action.queries[0]

    async def _fetch(self, searching: Sequence[Trajectory]) -> None:
        gate = asyncio.Semaphore(FETCHERS)

        async def fetch(document: Document) -> Document:
            async with gate:
                page = await self._reader.aread(document.url)
            return document.model_copy(update={"text": page.text})

        pages = [document for one in searching for document in one.documents]
        read = iter(await asyncio.gather(*map(fetch, pages)))
        for one in searching:
            one.documents = [next(read) for _ in one.documents]

    def _extract(self, searching: Sequence[Trajectory]) -> None:
        for one in searching:
            one.documents = [
                d.model_copy(update={"text": evidence_window(d.text, d.snippet, DOC_CHARS)})
                for d in one.documents
            ]

    async def _summarize(self, one: Trajectory, gate: asyncio.Semaphore) -> None:
        transcript = "".join(s["text"] for s in one.segments if s["kind"] != "prompt")
        request = CondenseRequest(
            question=one.question,
            query=one.query,
            documents=one.documents,
            reasoning=transcript,
            begin_markers=self._dialect.tags,
        )
        async with gate:
            condensed = await self._condenser.acondense(request)
        text = self._dialect.render_results(condensed.text)
        one.add("result", text, await self._reasoner.aencode(text), written=False)

    def _dump(self, turn: int, sequences: Sequence[Trajectory]) -> None:
        # Every file repeats all earlier turns (inference.py:706-716).
        rows = [{"prompt": one.segments, "finished": one.is_finished} for one in sequences]
        (self._out / f"turn_{turn + 1}.json").write_text(json.dumps(rows), encoding="utf-8")
