"""How fast curation goes and how much memory it takes, on synthetic traces.

    python benchmarks/curation_speed.py --traces 100000 --preset reference

Writes a file of traces of about 10 kB (three searches of ten documents), curates it and
prints traces a minute and the peak memory. The aim is 20,000 traces a minute, with memory
that grows by a few hundred bytes a trace and not with its length.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from langgraph_deepsearch.curation.pipeline import curate
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.trace import Document, SearchRecord, Segment, Trace, write_traces

WORDS = [f"word{i}" for i in range(2000)]
ROLLOUTS = 10
"""Rollouts of a question, as in the paper."""


def synthetic(count: int, documents: int) -> Iterator[Trace]:
    dialect, rng = get_dialect(), random.Random(0)
    for number in range(count):
        segments = [Segment(kind="prompt", speaker="user", text="Question?")]
        searches = []
        for turn in (1, 2, 3):
            found = [
                Document(
                    id=str(i),
                    title=f"Page {number}-{turn}-{i}",
                    url=f"http://x.example/{number}/{turn}/{i}",
                    text=" ".join(rng.choices(WORDS, k=25)),
                )
                for i in range(documents)
            ]
            query = " ".join(rng.choices(WORDS, k=5))
            searches.append(SearchRecord(turn=turn, query=query, documents=found))
            reason = " ".join(rng.choices(WORDS, k=60))
            texts = (("reason", reason), ("query", dialect.format_query(query)))
            segments += [
                Segment(kind=k, speaker="assistant", text=t, trainable=True, turn=turn)
                for k, t in texts
            ]
            evidence = dialect.render_results(" ".join(rng.choices(WORDS, k=80)))
            segments.append(
                Segment(kind="result", speaker="tool", text=evidence, turn=turn)
            )
        answer = rng.choice(["Paris", "Paris", "\\text{Paris}", "Lyon"])
        closing = "So it is settled.</think>", f"\n\n{dialect.format_answer(answer)}"
        segments += [
            Segment(kind=k, speaker="assistant", text=t, trainable=True, turn=4)
            for k, t in zip(("reason", "answer"), closing, strict=True)
        ]
        yield Trace(
            id=f"t{number}",
            question_id=f"q{number // ROLLOUTS}",
            question="What is the capital?",
            golds=["Paris"],
            segments=segments,
            searches=searches,
            answer=answer,
            stop_reason="answered",
            dialect=dialect.name,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=int, default=100_000)
    parser.add_argument("--documents", type=int, default=10)
    parser.add_argument("--preset", default="reference")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "traces.jsonl"
        write_traces(file, synthetic(options.traces, options.documents))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.monotonic()
        report = curate(file, folder, preset=options.preset)
        seconds = time.monotonic() - started
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        figures = {
            "traces": report.read,
            "kept": report.kept,
            "megabytes": round(file.stat().st_size / 1e6),
            "seconds": round(seconds, 1),
            "traces_per_minute": round(report.read / seconds * 60),
            "peak_rss_mb": round(after / 1024),
            "grown_by_mb": round((after - before) / 1024),
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
