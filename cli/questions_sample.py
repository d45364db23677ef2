"""`deepsearch questions sample`: a diverse set out of annotated questions."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import AsJson, OutDir
from .questions import questions
from .terminal import err, out, print_json

Files = Annotated[
    list[str], typer.Argument(help="Annotated question files, PATH or SOURCE=PATH.")
]
Target = Annotated[int, typer.Option(help="Questions wanted.", min=1)]
Mix = Annotated[
    list[str] | None,
    typer.Option(
        help="SOURCE=SHARE of the result, or single-hop=SHARE, multi-hop=SHARE; may be "
        "repeated. Without it sources are not told apart."
    ),
]
Against = Annotated[
    list[str] | None,
    typer.Option(
        help="Evaluation set whose questions are left out, PATH or NAME=PATH; may be "
        "repeated."
    ),
]
Without = Annotated[
    list[str] | None,
    typer.Option(
        help="Leave a criterion out: domain, keywords or interrogatives; may be repeated."
    ),
]
MinDomain = Annotated[
    int,
    typer.Option(
        help="Domains with fewer questions count as `other`; the reference has 500.", min=0
    ),
]
NearDuplicate = Annotated[
    float,
    typer.Option(
        help="Overlap that makes two questions nearly the same; over 1: same words only.",
        min=0.01,
    ),
]
Contaminated = Annotated[
    float,
    typer.Option(
        help="Share of an evaluation question that makes a question contaminated; over 1: "
        "same words only.",
        min=0.01,
    ),
]
Shuffle = Annotated[
    int | None,
    typer.Option(
        help="Shuffles questions that Algorithm 1 treats alike.",
        show_default="the files' order",
    ),
]


@questions.command()
def sample(
    files: Files,
    directory: OutDir,
    target: Target,
    mix: Mix = None,
    against: Against = None,
    without: Without = None,
    min_domain: MinDomain = 0,
    near_duplicate: NearDuplicate = 0.6,
    contaminated: Contaminated = 0.5,
    seed: Shuffle = None,
    as_json: AsJson = False,
) -> None:
    """Sample by the paper's Algorithm 1; sampling.html shows before and after."""
    from ..curation.sampling.candidates import parse_file
    from ..curation.sampling.mix import parse_mix
    from ..curation.sampling.sample import SamplingPlan, sample_questions

    plan = SamplingPlan(
        target=target,
        mix=parse_mix(mix or ()),
        without=tuple(without or ()),
        min_domain=min_domain,
        near_duplicate=near_duplicate,
        contaminated=contaminated,
        seed=seed,
    )
    sets = [(file.name, file.path) for file in map(parse_file, against or ())]
    pools = [(file.name, file.path) for file in map(parse_file, files)]
    report = sample_questions(pools, directory, plan, against=sets)
    print_json(report.to_json()) if as_json else out.print(report.table())
    if report.short_by:
        err.print(
            f"{report.short_by} fewer than wanted: the pool holds {report.available}",
            style="yellow",
        )
