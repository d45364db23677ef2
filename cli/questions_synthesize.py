"""`deepsearch questions synthesize`: new questions from pages, checked by code."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import DeepSearchError
from .options import AsJson, Concurrency, OutDir, Seed
from .questions import BaseUrl, Model, Plan, finish, print_plan, questions
from .terminal import err, work_progress

if TYPE_CHECKING:
    from ..curation.asking import Asker
    from ..curation.synthesis.pages import PageSet

CRAWLED_FILE = "pages.jsonl"


Pages = Annotated[
    str,
    typer.Argument(
        help="Corpus (JSON Lines of {id, title, text, links?}), or an http(s) address to "
        "crawl from."
    ),
]
MethodName = Annotated[
    Literal["crawlqa", "e2hqa", "ramp"],
    typer.Option(
        help="crawlqa: across linked pages; e2hqa: make --questions harder; ramp: masked "
        "spans."
    ),
]
Count = Annotated[int, typer.Option(help="Questions to try.", min=1)]
Easy = Annotated[
    Path | None, typer.Option("--questions", help="Easy questions, for e2hqa.")
]
Hops = Annotated[
    int,
    typer.Option(help="Pages of a crawlqa chain; names that e2hqa hides plus 1.", min=2),
]
Masks = Annotated[
    Literal["curriculum", "published"],
    typer.Option(help="Of ramp: 1 to 4 in turns, or MaskSearch's rule."),
]
Spans = Annotated[
    Literal["model", "rules"],
    typer.Option(
        help="Of ramp: what names the spans: the model, or rules for English prose, which "
        "ask none."
    ),
]
Verify = Annotated[
    bool,
    typer.Option(help="Let the model answer too: not without the last page, but with all."),
]
CrawlLimit = Annotated[int, typer.Option(help="Pages crawled at most.", min=1)]
AllowPrivate = Annotated[
    str, typer.Option(help="Private hosts that may be crawled, comma-separated.")
]


@questions.command()
def synthesize(
    pages: Pages,
    directory: OutDir,
    method: MethodName = "crawlqa",
    count: Count = 100,
    easy: Easy = None,
    hops: Hops = 2,
    masks: Masks = "curriculum",
    spans: Spans = "model",
    verify: Verify = True,
    crawl_limit: CrawlLimit = 200,
    allow_private: AllowPrivate = "",
    model: Model = "",
    base_url: BaseUrl = "",
    concurrency: Concurrency = 16,
    seed: Seed = 0,
    plan: Plan = False,
    as_json: AsJson = False,
) -> None:
    """Make questions from pages; run again, it goes on where it stopped."""
    if spans == "rules" and method != "ramp":
        msg = f"--spans rules names spans to mask; {method} needs a model that writes"
        raise DeepSearchError(msg)
    from ..curation.asking import Asker
    from ..curation.synthesis.rule_spans import RuleSpans
    from ..curation.synthesis.synthesize import plan_synthesis
    from ..curation.synthesis.synthesize import synthesize as run
    from ..nodes.models.resolve import resolve_reasoner

    page_set = _pages(pages, directory, crawl_limit, allow_private)
    items = _items(method, page_set, easy, count, hops, seed)
    if plan:
        calls = {
            "ramp": int(spans == "model"),
            "e2hqa": (hops - 1) * (1 + verify),
            "crawlqa": 1 + 2 * verify,
        }
        print_plan(plan_synthesis(len(items), directory, calls=calls[method]), as_json)
        return
    if spans == "rules":
        asker: Asker = RuleSpans()
    else:
        asker = Asker(resolve_reasoner(model, base_url=base_url))
    maker = _method(method, asker, page_set, hops, masks, verify)
    with work_progress("items") as show:
        report = run(
            maker,
            items,
            directory,
            seed=seed,
            settings={"pages": pages, "questions": easy, "hops": hops},
            concurrency=concurrency,
            on_progress=show,
        )
    finish(
        report,
        as_json,
        failed=f"the model failed on {report.failed} items",
        failures=directory / "synthesis_failures.jsonl",
        result=f"{report.questions} questions in {directory}/synthesized.jsonl",
    )


def _pages(pages: str, directory: Path, limit: int, allow_private: str) -> PageSet:
    """Read the corpus, or crawl it once into the run's folder."""
    from ..curation.resumable import write_whole
    from ..curation.synthesis.pages import crawl, read_pages
    from ..tools.reader import HttpReader

    if not pages.startswith(("http://", "https://")):
        return read_pages(pages)
    file = directory / CRAWLED_FILE
    if not file.exists():
        reader = HttpReader(allow_private=allow_private)
        records = asyncio.run(crawl(reader, [pages], limit=limit))
        write_whole(file, (json.dumps(record, ensure_ascii=False) for record in records))
        err.print(f"{len(records)} pages in {file}", markup=False)
    return read_pages(file)


def _items(
    method: str, pages: PageSet, easy: Path | None, count: int, hops: int, seed: int
) -> list[Any]:
    from ..curation.synthesis.crawl_qa import chains
    from ..curation.synthesis.ramp import passages
    from ..questions import read_questions

    if method == "crawlqa":
        return list(chains(pages, count, hops=hops, seed=seed))
    if method == "ramp":
        return list(passages(pages, count, seed=seed))
    if easy is None:
        msg = "e2hqa makes easy questions harder: name a question file with --questions"
        raise DeepSearchError(msg)
    return read_questions(easy)[:count]


def _method(
    name: str, asker: Asker, pages: PageSet, hops: int, masks: Any, verify: bool
) -> Any:
    from ..curation.synthesis.crawl_qa import CrawlQA
    from ..curation.synthesis.e2hqa import E2HQA
    from ..curation.synthesis.ramp import Ramp

    if name == "crawlqa":
        return CrawlQA(asker, verify=verify)
    if name == "ramp":
        return Ramp(asker, rule=masks)
    return E2HQA(asker, pages, rounds=hops - 1, verify=verify)
