"""How fast curation goes and how much memory it takes, on synthetic traces.

    python benchmarks/curation_speed.py
    python benchmarks/curation_speed.py --traces 20000 --presets direct

Writes files of traces of about 16 kB (three searches of ten documents), curates each in a
process of its own and prints traces a minute, the peak memory, and what a trace more takes
of it. Three quarters of the traces are right and pass every filter of their preset, so that
the filters have all the work there is; the language identifier reads English sentences. Ten
traces are of one question: difficulty drops the questions that all of them answer, and the
selection takes one run of the rest. The aim is 20,000 traces a minute, with memory that grows
by a few hundred bytes a trace and not with its length.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from langgraph_deepsearch.curation.pipeline import curate
from langgraph_deepsearch.nodes.dialects import Dialect, get_dialect
from langgraph_deepsearch.trace import Document, SearchRecord, Segment, Trace, write_traces

ROLLOUTS = 10
"""Rollouts of a question, as in the paper."""

AIM = 20_000
"""Traces a minute that curation should not fall below."""

SUBJECTS = """the director of the film;the mayor of that town;an old law of the north;the second
page of results;her early work;the founder of this company;a bridge near the river;the writer's
first novel;his older brother;the museum in the centre""".replace("\n", " ").split(";")
VERBS = """was born in;is named after;had moved to;was known for;is described by;gave its name to;
came long before;was rebuilt beside;has little to do with;is mentioned with""".replace(
    "\n", " "
).split(";")
NAMES = [
    f"{a}{b}"
    for a in "Bel Cor Dan Mar Tel Vor".split()
    for b in "ba dis lin mont ra".split()
]


def sentences(rng: random.Random, count: int) -> str:
    """Return English sentences that hardly ever repeat."""
    return " ".join(
        f"{rng.choice(SUBJECTS).capitalize()} {rng.choice(VERBS)} {rng.choice(NAMES)} "
        f"{rng.choice(NAMES)} {rng.randint(100, 2000)}, as {rng.choice(SUBJECTS)} shows."
        for _ in range(count)
    )


def synthetic(count: int, documents: int) -> Iterator[Trace]:
    """Yield traces of which a quarter is wrong and half has a word of rethinking."""
    dialect, rng = get_dialect(), random.Random(0)
    question = ""
    for number in range(count):
        if number % ROLLOUTS == 0:
            question = asked(rng)
        names = question[:-1].split()[-9:]
        segments = [Segment(kind="prompt", speaker="user", text=question)]
        searches = []
        for turn in (1, 2, 3):
            query = f"capital {' '.join(names[turn * 3 - 3 : turn * 3])}"
            segments += written(rng, dialect, query, turn, thinks=number % 2 == 0)
            found = found_documents(rng, number, turn, documents)
            searches.append(SearchRecord(turn=turn, query=query, documents=found))
        answer = rng.choice(["Paris", "Paris", "\\text{Paris}", "Lyon"])
        closing = "So it is settled.</think>", f"\n\n{dialect.format_answer(answer)}"
        segments += [
            Segment(kind=k, speaker="assistant", text=t, trainable=True, turn=4)
            for k, t in zip(("reason", "answer"), closing, strict=True)
        ]
        yield Trace(
            id=f"t{number}",
            question_id=f"q{number // ROLLOUTS}",
            rollout=number % ROLLOUTS,
            question=question,
            golds=["Paris"],
            segments=segments,
            searches=searches,
            answer=answer,
            stop_reason="answered",
            dialect=dialect.name,
            metadata={"domain": rng.choice(NAMES), "hops": 3},
        )


def asked(rng: random.Random) -> str:
    """Return a question; the nine names at its end are what its runs search."""
    return f"What is the capital of the country of {' '.join(rng.sample(NAMES, 9))}?"


def written(
    rng: random.Random, dialect: Dialect, query: str, turn: int, *, thinks: bool
) -> list[Segment]:
    """Return a turn that thinks and searches, with its result."""
    reason = sentences(rng, 4) + (" Hmm, that may be so. " if thinks and turn == 2 else " ")
    evidence = dialect.render_results(f"{sentences(rng, 6)} Its capital is Paris.")
    return [
        Segment(kind="reason", speaker="assistant", text=reason, trainable=True, turn=turn),
        Segment(
            kind="query",
            speaker="assistant",
            text=dialect.format_query(query),
            trainable=True,
            turn=turn,
        ),
        Segment(kind="result", speaker="tool", text=evidence, turn=turn),
    ]


def found_documents(
    rng: random.Random, trace: int, turn: int, count: int
) -> list[Document]:
    """Return documents of several sites."""
    return [
        Document(
            id=str(i),
            title=f"Page {trace}-{turn}-{i}",
            url=f"http://site{i % 4}.example/{trace}/{turn}/{i}",
            text=f"{sentences(rng, 2)} Its capital is Paris.",
        )
        for i in range(count)
    ]


def measure(count: int, documents: int, preset: str) -> dict[str, Any]:
    """Curate synthetic traces and return the figures; its peak memory is the process's."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "traces.jsonl"
        write_traces(file, synthetic(count, documents))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started, cpu = time.monotonic(), time.process_time()
        report = curate(file, folder, preset=preset)
        seconds, cpu = time.monotonic() - started, time.process_time() - cpu
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "traces": report.read,
            "valid": report.valid,
            "questions": report.questions,
            "kept": report.kept,
            "megabytes": round(file.stat().st_size / 1e6),
            "preset": preset,
            "seconds": round(seconds, 1),
            "cpu_seconds": round(cpu, 1),
            "traces_per_minute": round(report.read / seconds * 60),
            "traces_per_cpu_minute": round(report.read / cpu * 60),
            "peak_rss_mb": round(after / 1024),
            "grown_by_mb": round((after - before) / 1024),
        }


def measure_apart(count: int, documents: int, preset: str) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--one", "--traces", count]
    command += ["--documents", documents, "--presets", preset]
    done = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


COLUMNS = {
    "preset": "preset",
    "traces": "traces",
    "valid": "valid",
    "questions": "questions",
    "kept": "kept",
    "megabytes": "MB",
    "seconds": "seconds",
    "cpu_seconds": "CPU s",
    "traces_per_minute": "a minute",
    "traces_per_cpu_minute": "a CPU minute",
    "peak_rss_mb": "peak MB",
    "grown_by_mb": "grown by MB",
}


def row(cells: Iterable[object]) -> str:
    return "".join(f"{cell!s:>13}" for cell in cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--traces", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--documents", type=int, default=10)
    parser.add_argument("--presets", nargs="+", default=["reference", "direct"])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        figures = measure(options.traces[0], options.documents, options.presets[0])
        print(json.dumps(figures))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; aim: {AIM:,} a minute")
    print(row(COLUMNS.values()))
    for preset in options.presets:
        found = [
            measure_apart(n, options.documents, preset) for n in sorted(options.traces)
        ]
        for figures in found:
            print(row([figures[name] for name in COLUMNS]), flush=True)
        first, last = found[0], found[-1]
        more = last["traces"] - first["traces"]
        if more:
            each = (last["peak_rss_mb"] - first["peak_rss_mb"]) * 2**20 / more
            size = last["megabytes"] * 1e6 / last["traces"]
            print(f"{preset}: {each:.0f} bytes of memory a trace of {size:.0f} bytes")


if __name__ == "__main__":
    main()
