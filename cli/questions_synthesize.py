"""`deepsearch questions synthesize`: new questions from pages, checked by code."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import DeepSearchError
from .options import AsJson, Concurrency, OutDir, Seed
from .questions import BaseUrl, Model, Plan, finish, print_plan, questions
from .terminal import err, work_progress

if TYPE_CHECKING:
    from ..curation.asking import Asker
    from ..curation.resumable import WorkPlan
    from ..curation.synthesis.pages import PageSet

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
    from ..curation.inputs import refuse_overwriting
    from ..curation.synthesis.crawl import plain_address
    from ..curation.synthesis.rule_spans import RuleSpans
    from ..curation.synthesis.synthesize import SYNTHESIZED_FILE
    from ..curation.synthesis.synthesize import synthesize as run
    from ..nodes.models.resolve import resolve_reasoner

    inputs = [pages] if easy is None else [pages, easy]
    refuse_overwriting(directory / SYNTHESIZED_FILE, inputs)
    asked = _easy_questions(method, easy)
    page_set = _pages(pages, directory, crawl_limit, allow_private, fetch=not plan)
    items = asked[:count]
    if page_set is not None and method != "e2hqa":
        items = _items(method, page_set, count, hops, seed)
    if plan:
        is_known = page_set is not None or method == "e2hqa"
        most = None if is_known else min(count, crawl_limit)
        calls = {
            "ramp": int(spans == "model"),
            "e2hqa": (hops - 1) * (1 + verify),
            "crawlqa": 1 + 2 * verify,
        }
        print_plan(_plan(method, items, directory, calls[method], most), as_json)
        return
    assert page_set is not None
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
            settings={"pages": plain_address(pages), "questions": easy, "hops": hops},
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


def _pages(
    pages: str, directory: Path, limit: int, allow_private: str, *, fetch: bool
) -> PageSet | None:
    """Read the corpus, or what was crawled into the run's folder.

    None: there is something left to crawl, and nothing is to be fetched.
    """
    from ..curation.synthesis.crawl import CrawlFolder
    from ..curation.synthesis.pages import read_pages
    from ..tools.reader import HttpReader

    if not pages.startswith(("http://", "https://")):
        return read_pages(pages)
    crawled = CrawlFolder(directory, pages, limit=limit)
    if not crawled.is_finished:
        if not fetch:
            return None
        found = asyncio.run(crawled.crawl(HttpReader(allow_private=allow_private)))
        err.print(f"{found} pages in {crawled.pages}", markup=False)
    return read_pages(crawled.pages)


def _plan(
    method: str, items: list[Any], directory: Path, calls: int, most: int | None
) -> WorkPlan:
    """Return what is left; `most` items where the pages are not there yet."""
    from ..curation.resumable import WorkPlan
    from ..curation.synthesis.method import ATTEMPTS
    from ..curation.synthesis.synthesize import plan_synthesis

    if most is not None:
        err.print("the pages are still to be crawled: it may be fewer", markup=False)
        return WorkPlan(most, ATTEMPTS * most * calls)
    keys = list(map(_kinds()[method].key, items))
    return plan_synthesis(keys, directory, calls=calls)


def _easy_questions(method: str, easy: Path | None) -> list[Any]:
    from ..questions import read_questions

    if method != "e2hqa":
        return []
    if easy is None:
        msg = "e2hqa makes easy questions harder: name a question file with --questions"
        raise DeepSearchError(msg)
    return list(read_questions(easy))


def _items(method: str, pages: PageSet, count: int, hops: int, seed: int) -> list[Any]:
    from ..curation.synthesis.crawl_qa import chains
    from ..curation.synthesis.ramp import passages

    if method == "crawlqa":
        return list(chains(pages, count, hops=hops, seed=seed))
    return list(passages(pages, count, seed=seed))


def _kinds() -> dict[str, Any]:
    from ..curation.synthesis.crawl_qa import CrawlQA
    from ..curation.synthesis.e2hqa import E2HQA
    from ..curation.synthesis.ramp import Ramp

    return {kind.name: kind for kind in (CrawlQA, E2HQA, Ramp)}


def _method(
    name: str, asker: Asker, pages: PageSet, hops: int, masks: Any, verify: bool
) -> Any:
    kind = _kinds()[name]
    if name == "crawlqa":
        return kind(asker, verify=verify)
    if name == "ramp":
        return kind(asker, rule=masks)
    return kind(asker, pages, rounds=hops - 1, verify=verify)
