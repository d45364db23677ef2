"""Recall and time a query of BM25, dense and hybrid search over a corpus with known passages.

    OMP_NUM_THREADS=1 python benchmarks/retrieval_recall.py DIR
    python benchmarks/retrieval_recall.py DIR --questions 200 --rankings bm25 --json out.json

DIR holds `corpus.jsonl` and `questions.jsonl` of `{id, question, supporting_ids}`. The query
is the question as it stands, so that of a multi-hop question the later passages are hard to
find: what an agent reaches with queries of its own is another matter. recall@k is the mean
share of a question's supporting passages among the first k; `all@k` is the share of questions
with all of them there. Intervals are 95 % bootstrap over the questions.

Time is the process's CPU time, so that the load of the machine does not show: with one thread
it is what a query takes on an idle core. Building the index is timed apart. Indexes are kept
for the run, or in `--cache-dir`; where one is taken over, as the vectors of `dense` are by
`hybrid`, its time is that of loading it. `dense` and `hybrid` need the extra `dense`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.evals.bootstrap import intervals
from langgraph_deepsearch.tools.corpus import CorpusSearch, RankingName, load_corpus

CUTS = (5, 10)
"""The k of recall@k."""

RANKINGS: tuple[RankingName, ...] = get_args(RankingName)


@dataclass(frozen=True)
class Asked:
    """A question and the passages that support its answer, by place in the corpus."""

    question: str
    places: frozenset[int]


def read_asked(folder: Path, count: int) -> list[Asked]:
    """Return the first questions whose supporting passages are all in the corpus.

    Raises:
        DeepSearchError: there is no question file, or none fits.
    """
    path = folder / "questions.jsonl"
    if not path.is_file():
        msg = f"no questions at {path}: it has one {{question, supporting_ids}} a line"
        raise DeepSearchError(msg)
    passages, _ = load_corpus(folder)
    place_of = {passage.id: place for place, passage in enumerate(passages)}
    asked = []
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        ids = {str(i) for i in record.get("supporting_ids") or ()}
        if record.get("complete", True) and ids and ids <= place_of.keys():
            places = frozenset(place_of[i] for i in ids)
            asked.append(Asked(record["question"], places))
    if not asked:
        msg = f"no question of {path} has `supporting_ids` that are all in the corpus"
        raise DeepSearchError(msg)
    return asked[: count or None]


def recalls(found: Sequence[int], wanted: frozenset[int]) -> dict[str, list[float]]:
    """Return recall and whether all are there, at each cut.

    >>> recalls([7, 1, 2, 3, 4, 5], frozenset({7, 5}))["recall@5"]
    [0.5]
    """
    values = {}
    for cut in CUTS:
        share = len(wanted & set(found[:cut])) / len(wanted)
        values[f"recall@{cut}"] = [share]
        values[f"all@{cut}"] = [float(share == 1)]
    return values


def measure(
    folder: Path, ranking: RankingName, asked: Sequence[Asked], model: str, cache: Path
) -> dict[str, Any]:
    """Return a ranking's figures."""
    started = time.process_time()
    search = CorpusSearch(folder, ranking=ranking, model=model, cache_dir=cache)
    built = time.process_time() - started
    search.ranked(asked[0].question, max(CUTS))  # what is loaded at the first query
    groups, seconds = [], []
    for one in asked:
        started = time.process_time()
        found = search.ranked(one.question, max(CUTS))
        seconds.append(time.process_time() - started)
        groups.append(recalls([place for place, _ in found], one.places))
    spans = intervals(groups)
    return {
        "ranking": ranking,
        "passages": len(search),
        "questions": len(asked),
        "settings": dict(search.settings),
        **{
            name: {
                "mean": statistics.fmean(group[name][0] for group in groups),
                "interval": spans[name],
            }
            for name in groups[0]
        },
        "index_seconds": built,
        "milliseconds": {
            "median": statistics.median(seconds) * 1000,
            "p95": sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1] * 1000,
        },
    }


FIGURES = [f"{kind}@{cut}" for kind in ("recall", "all") for cut in CUTS]

HEAD = f"{'ranking':8}{''.join(f'{n:>22}' for n in FIGURES)}{'CPU ms a query (p95)':>22}  index s"
"""First line of the table."""


def table_line(row: Mapping[str, Any]) -> str:
    """Return a ranking's figures for people."""
    cells = "".join(f"{_percent(row[name]):>22}" for name in FIGURES)
    took = row["milliseconds"]
    time_cell = f"{took['median']:.2f} ({took['p95']:.2f})"
    return f"{row['ranking']:8}{cells}{time_cell:>22}{row['index_seconds']:>9.1f}"


def _percent(figure: Mapping[str, Any]) -> str:
    low, high = (100 * bound for bound in figure["interval"])
    return f"{100 * figure['mean']:.1f} ({low:.1f} to {high:.1f})"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="of corpus.jsonl and questions.jsonl")
    parser.add_argument("--questions", type=int, default=0, help="only the first N; 0: all")
    parser.add_argument("--rankings", nargs="+", choices=RANKINGS, default=list(RANKINGS))
    parser.add_argument("--model", default="", help="of the vectors; the packaged one")
    parser.add_argument("--json", type=Path, help="file for all figures")
    parser.add_argument("--cache-dir", type=Path, help="keeps the indexes")
    options = parser.parse_args(arguments)
    try:
        asked = read_asked(options.folder, options.questions)
        rows = list(_measured(options, asked))
    except DeepSearchError as error:
        msg = f"error: {error}"
        raise SystemExit(msg) from None
    passages, load = rows[0]["passages"], os.getloadavg()[0]
    print(f"{passages} passages, {len(asked)} questions; load of the machine {load:.1f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _measured(
    options: argparse.Namespace, asked: Sequence[Asked]
) -> Iterator[dict[str, Any]]:
    """Measure each ranking, and print its line at once: vectors take their time."""
    with TemporaryDirectory() as folder:
        cache = options.cache_dir or Path(folder)
        for place, ranking in enumerate(options.rankings):
            row = measure(options.folder, ranking, asked, options.model, cache)
            print(table_line(row) if place else f"{HEAD}\n{table_line(row)}", flush=True)
            yield row


if __name__ == "__main__":
    main()
