"""Rows to fine-tune a simulated search engine on, from runs with a real one (ZeroSearch).

A run whose answer is right shows what useful documents look like, one whose answer is wrong
what noisy ones do (arXiv 2505.04588, search simulation tuning [secondary: from the paper's
text, no code was published]). A row asks for the documents of one search in the words that
`tools/simulated.py` will ask in, question and gold answer included, and answers with what
the real engine found. The released rows are the sets SimulationTuning_google_dataset and
SimulationTuning_wiki_dataset of sunhaonlp.

Our own, since the paper does not say it: a search that right and wrong runs made alike is
left out, and both kinds come in equal numbers.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

from ..errors import DeepSearchError
from ..nodes.dialects import Dialect, dialect_of
from ..tools.base import Episode
from ..tools.simulated import DOCUMENTS, PROMPT, fill_prompt, write_documents
from ..tools.snippet import SNIPPET_CHARS, snippet_window
from ..trace import Document, SearchRecord, Trace
from .filters import is_correct
from .inputs import TraceInput, TraceScan, as_files, digest, question_key
from .resumable import write_whole
from .scoring import needs_score, scored

Kind = Literal["useful", "noisy"]

SIMULATED = "simulated:"
"""What the search spec of a run begins with whose documents a model made up."""


CONTRADICTION = "searches that right and wrong runs made alike"
"""Why a search is neither useful nor noisy."""


class SimulatorRowsError(DeepSearchError):
    """The runs show nothing to tune a simulator on."""


@dataclass(frozen=True)
class SimulatorRow:
    """One search of one run: what the simulator will be asked, and what it should write."""

    id: str
    question: str
    """What tells its question from others; see `question_key`."""
    question_id: str
    query: str
    kind: Kind
    prompt: str
    completion: str

    def to_json(self) -> dict[str, Any]:
        """Return the row as `deepsearch train sft` and other trainers take it."""
        messages = [
            {"role": "user", "content": self.prompt},
            {"role": "assistant", "content": self.completion},
        ]
        return {
            "id": self.id,
            "question_id": self.question_id,
            "query": self.query,
            "kind": self.kind,
            "messages": messages,
        }


@dataclass
class SimulatorReport:
    """What became of the runs; nothing is left out in silence."""

    runs: int = 0
    searches: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    """Rows written, by kind."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Runs and searches that gave no row, by reason."""

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    def __str__(self) -> str:
        """Return the report for people."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.rows.items())
        lines = [f"{kinds} rows from {self.searches} searches of {self.runs} runs"]
        lines += [f"left out: {n} {reason}" for reason, n in self.left_out.most_common()]
        return "\n".join(lines)


@dataclass(frozen=True)
class SimulatorRows:
    """How runs become rows.

    Attributes:
        prompt: what the simulator is asked; an original's text may stand here.
        documents: most documents of a row.
        chars: length a text without a snippet is cut to; 200 characters are the about 30
            words that the prompt asks for.
        balanced: whether both kinds come in equal numbers, the rarer one whole.
        seed: of the draw from the more frequent kind.
    """

    prompt: str = PROMPT
    documents: int = DOCUMENTS
    chars: int = SNIPPET_CHARS
    balanced: bool = True
    seed: int = 0

    def of(self, trace: Trace) -> Iterator[SimulatorRow]:
        """Yield the rows of a run that is judged and has gold answers."""
        kind: Kind = "useful" if is_correct(trace) else "noisy"
        dialect = dialect_of(trace)
        episode = Episode(trace.question, tuple(trace.golds))
        for number, record in enumerate(trace.searches):
            texts = self._texts(record, dialect)
            if texts:
                yield SimulatorRow(
                    id=f"{trace.id}#{number}",
                    question=question_key(trace),
                    question_id=trace.question_id or trace.question,
                    query=record.query,
                    kind=kind,
                    prompt=fill_prompt(
                        self.prompt,
                        record.query,
                        len(texts),
                        episode,
                        is_noisy=kind == "noisy",
                    ),
                    completion=write_documents(texts),
                )

    def _texts(self, record: SearchRecord, dialect: Dialect) -> list[str]:
        shown = (
            self._text(document, record.query)
            for document in record.documents[: self.documents]
        )
        # A page must not teach the simulator to write a control tag.
        return [dialect.neutralize(text) for text in shown if text]

    def _text(self, document: Document, query: str) -> str:
        found = document.snippet or snippet_window(document.text, query, self.chars)
        text, title = " ".join(found.split()), " ".join(document.title.split())
        if not text or not title or title.casefold() in text.casefold():
            return text
        return f"{title}: {text}"  # without its subject a passage says little


def write_simulator_rows(
    traces: TraceInput,
    out: str | os.PathLike[str],
    *,
    making: SimulatorRows | None = None,
) -> SimulatorReport:
    """Write the rows of runs as JSON Lines, each with `messages` and its `kind`.

    Args:
        traces: trace files, run directories, or traces, of runs with a real search engine.
        out: the file to write; an old one is replaced in one step.
        making: how; the defaults if None.

    Raises:
        TraceFileError: a file is absent or a line is no trace.
        SimulatorRowsError: there is no row; the message says where the runs went.
    """
    making = making or SimulatorRows()
    report = SimulatorReport()
    target = Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    with as_files(traces, target.parent) as files:
        judged = _judged((trace for _, trace in TraceScan(files)), report)
        rows = _distinct(judged, making, report)
    rows = _balanced(rows, making, report) if making.balanced else rows
    report.rows = dict(Counter(row.kind for row in rows))
    if not rows:
        reasons = ", ".join(f"{n} {why}" for why, n in report.left_out.most_common())
        msg = (
            f"{report.runs} runs give no row ({reasons or 'none searched'}): give right and "
            "wrong runs of questions with answers, on a real search engine; or take one "
            "kind alone with --no-balanced"
        )
        raise SimulatorRowsError(msg)
    lines = (json.dumps(row.to_json(), ensure_ascii=False) for row in rows)
    write_whole(target, lines)
    return report


def _judged(traces: Iterable[Trace], report: SimulatorReport) -> Iterator[Trace]:
    """Yield the runs that show something, scored where they have no score yet."""
    for one in traces:
        trace = scored(one) if needs_score(one) else one
        report.runs += 1
        report.searches += len(trace.searches)
        reason = _why_not(trace)
        if reason:
            report.left_out[reason] += 1
        else:
            yield trace


def _why_not(trace: Trace) -> str | None:
    if str(trace.settings.get("search", "")).startswith(SIMULATED):
        return "runs on a simulated search engine"
    if not trace.golds:
        return "runs without a gold answer"
    return "runs without a search" if not trace.searches else None


def _distinct(
    traces: Iterable[Trace], making: SimulatorRows, report: SimulatorReport
) -> list[SimulatorRow]:
    """Return each search once; none that right and wrong runs made alike."""
    found: dict[bytes, SimulatorRow | None] = {}
    for trace in traces:
        rows = list(making.of(trace))
        empty = len(trace.searches) - len(rows)
        report.left_out["searches that failed or found nothing"] += empty
        for row in rows:
            key = digest(f"{row.question}\0{row.query.casefold()}\0{row.completion}")
            earlier = found.setdefault(key, row)
            if earlier is row:
                continue
            if earlier is not None and earlier.kind == row.kind:
                report.left_out["searches that another run made too"] += 1
                continue
            report.left_out[CONTRADICTION] += 1 if earlier is None else 2
            found[key] = None
    report.left_out += Counter()  # drops what was counted zero times
    return [row for row in found.values() if row is not None]


def _balanced(
    rows: Sequence[SimulatorRow], making: SimulatorRows, report: SimulatorReport
) -> list[SimulatorRow]:
    """Return as many rows of each kind as there are of the rarer one, in their order."""
    own = {
        kind: [place for place, row in enumerate(rows) if row.kind == kind]
        for kind in ("useful", "noisy")
    }
    fewest = min(map(len, own.values()))
    generator = Random(making.seed)
    drawn = {i for places in own.values() for i in generator.sample(places, fewest)}
    if len(rows) > len(drawn):
        report.left_out["rows of the more frequent kind"] += len(rows) - len(drawn)
    return [row for place, row in enumerate(rows) if place in drawn]
