"""How long sampling takes and how much memory, from 10,000 to 1,000,000 questions.

    python benchmarks/sampling_speed.py --out runs/sampling-speed
    python benchmarks/sampling_speed.py --sizes 1000000 --keep-duplicates

Writes files of annotated questions (Zipf domains and key points, five templates, one in
lower case, 2 % near-duplicates), samples each into 32,000 (a third where there are fewer)
by the whole command: reading, duplicates, decontamination, Algorithm 1, writing, plots.
Each size runs in a process of its own, so that its peak memory is its own. Aims: a
million in two minutes and 4 GiB, and time in proportion to the questions: `times the first`
is CPU time a question over that of the smallest size.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from langgraph_deepsearch.curation.sampling.duplicates import NEAR_DUPLICATE
from langgraph_deepsearch.curation.sampling.sample import SamplingPlan, sample_questions
from langgraph_deepsearch.evals.charts import line
from langgraph_deepsearch.evals.markup import element, join, page, stylesheet

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
TARGET = 32_000
AIM = "1,000,000 questions in 120 s and 4096 MB"
COLUMNS = (
    *("questions", "selected", "left out", "seconds", "CPU s", "CPU us a question"),
    *("times the first", "peak MB"),
)
DOMAINS = "film music sports history politics geography science literature law art".split()
TEMPLATES = (
    "Who is the {r} of the {o} of film {n} {m}?",
    "When was the {r} of {n} {m} founded, and where is it now?",
    "Which {o} has the older {r}, {n} {m} or {m} {k}?",
    "what is the {r} that the {o} of {n} was known for in {y}",
    "The {o} {n} {m}, whose {r} was {k}, is in which county?",
)
RELATIONS = "director father award capital mother studio river author teacher rival".split()


def write_annotated(path: Path, count: int, seed: int = 0) -> None:
    rng = random.Random(seed)
    spelling = random.Random(7)  # the evaluation set has the same names
    names = [f"{a}{b}{c}" for a in "BDGKLMNR" for b in "aeiou" for c in _endings(spelling)]
    earlier: list[str] = []
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            text = rng.choice(TEMPLATES).format(
                r=rng.choice(RELATIONS),
                o=rng.choice(RELATIONS),
                n=rng.choice(names),
                m=rng.choice(names),
                k=rng.choice(names),
                y=rng.randint(1800, 2025),
            )
            if text.startswith("what"):
                text = text.lower()  # as Natural Questions are written
            if earlier and rng.random() < 0.02:
                text = rng.choice(earlier).replace(" the ", " that ", 1)
            elif len(earlier) < 5000:
                earlier.append(text)
            record = {
                "id": f"q{number}",
                "question": text,
                "answer": [rng.choice(names)],
                "source": rng.choice(("nq", "hotpotqa", "2wiki", "musique")),
                "domain": DOMAINS[min(9, int(rng.paretovariate(0.7)) - 1)],
                "key_points": [f"point {_zipf(rng)}" for _ in range(rng.randint(2, 4))],
            }
            file.write(json.dumps(record) + "\n")


def _endings(rng: random.Random) -> list[str]:
    letters = "abcdefghiklmnoprstuv"
    return ["".join(rng.choices(letters, k=rng.randint(3, 6))) for _ in range(200)]


def _zipf(rng: random.Random) -> int:
    return min(3000, int(rng.paretovariate(0.8)))


def measure(size: int, folder: Path, keep_duplicates: bool) -> None:
    """Sample one file and print the figures as JSON."""
    plan = SamplingPlan(
        target=min(TARGET, size // 3),
        near_duplicate=2.0 if keep_duplicates else NEAR_DUPLICATE,
    )
    against = folder / "evaluation.jsonl"
    started, cpu = time.monotonic(), time.process_time()
    report = sample_questions(
        [("pool", folder / f"{size}.jsonl")],
        folder / f"sampled-{size}",
        plan,
        against=[("held-out", against)],
    )
    figures = {
        "questions": size,
        "selected": report.selected,
        "duplicates": report.duplicates,
        "near_duplicates": report.near_duplicates,
        "contaminated": sum(report.contaminated.values()),
        "seconds": round(time.monotonic() - started, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "stages": report.seconds,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(figures))


def print_row(figures: dict[str, Any], first: dict[str, Any]) -> None:
    """Print a size's figures beside those of the smallest."""
    each, least = (f["cpu_seconds"] / f["questions"] for f in (figures, first))
    left_out = sum(figures[n] for n in ("duplicates", "near_duplicates", "contaminated"))
    cells = [
        *(figures["questions"], figures["selected"], left_out, figures["seconds"]),
        *(figures["cpu_seconds"], f"{each * 1e6:.1f}", f"{each / least:.2f}"),
        figures["peak_rss_mb"],
    ]
    print("".join(f"{cell!s:>17}" for cell in cells), flush=True)


def plot(figures: list[dict[str, Any]]) -> str:
    """Return a page with time and memory over the number of questions."""
    charts = [
        element(
            "figure",
            element("figcaption", title),
            line([(f["questions"], f[key]) for f in figures], x="questions", y=title),
        )
        for key, title in (
            ("cpu_seconds", "CPU seconds"),
            ("peak_rss_mb", "peak memory in MB"),
        )
    ]
    body = element("main", element("h1", "Sampling, 10k to 1M questions"), join(*charts))
    return page("Sampling speed", stylesheet("page.css", "report.css"), body)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/sampling-speed"))
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--keep-duplicates", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.sizes[0], options.out, options.keep_duplicates)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    write_annotated(options.out / "evaluation.jsonl", 2000, seed=1)
    figures: list[dict[str, Any]] = []
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; aim: {AIM}")
    print("".join(f"{name:>17}" for name in COLUMNS))
    for size in sorted(options.sizes):
        file = options.out / f"{size}.jsonl"
        if not file.exists():
            write_annotated(file, size)
        flags = ["--keep-duplicates"] if options.keep_duplicates else []
        command = [sys.executable, str(Path(__file__).resolve()), "--one", *flags]
        command += ["--sizes", str(size), "--out", str(options.out)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        figures.append(json.loads(done.stdout.splitlines()[-1]))
        print_row(figures[-1], figures[0])
    (options.out / "sampling_speed.json").write_text(json.dumps(figures, indent=2))
    (options.out / "sampling_speed.html").write_text(plot(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
