"""The `deepsearch` command: one thin function a verb.

Errors that are the user's to mend are printed as one line and end with exit code 1; `-v`
gives the trace back. Heavy imports stay inside the verbs, so `--help` is quick.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError
from rich.console import Console

from .errors import DeepSearchError

app = typer.Typer(
    name="deepsearch",
    help="A deep-search agent for LangGraph, and the flywheel that makes its model better.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
world_app = typer.Typer(
    help="A fictional web to practise on: no key, no network.", no_args_is_help=True
)
train_app = typer.Typer(help="Train a model on curated traces.", no_args_is_help=True)
app.add_typer(world_app, name="world")
app.add_typer(train_app, name="train")

out = Console()
err = Console(stderr=True)

Model = Annotated[
    str,
    typer.Option("--model", help="Served model name, or provider:model. [served model]"),
]
BaseUrl = Annotated[str, typer.Option("--base-url", help="OpenAI-compatible server.")]
SearchSpec = Annotated[
    str,
    typer.Option("--search", help="tavily | serper | searxng:URL | corpus:PATH | http:URL"),
]
DialectName = Annotated[
    str, typer.Option("--dialect", help="Protocol the model was trained to speak.")
]
CondenserName = Annotated[
    str, typer.Option("--condenser", help="none | extractive | reason_in_documents")
]
SummarizerModel = Annotated[
    str,
    typer.Option(
        "--summarizer-model", help="Model that reads documents. [the reasoning model]"
    ),
]
SummarizerUrl = Annotated[
    str, typer.Option("--summarizer-url", help="Its server. [--base-url]")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any other setting as NAME=VALUE, e.g. max_searches=4."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
OutDir = Annotated[Path, typer.Option("--out", help="Run directory.")]
Concurrency = Annotated[int, typer.Option(help="Runs in flight at once.", min=1)]
Seed = Annotated[int, typer.Option(help="Seed of all sampling.")]


@app.callback()
def options(
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Show the trace back of an error.")
    ] = False,
) -> None:
    """Deep search: ask, collect traces, curate, train, reload, measure."""
    _state["verbose"] = verbose


_state = {"verbose": False}


def main() -> None:
    """Run the command; errors become one line on stderr."""
    # LangGraph marks its delta channels as beta on import; that is ours to follow.
    warnings.filterwarnings("ignore", message=".*DeltaChannel.*")
    try:
        app()
    except DeepSearchError as error:
        _fail(str(error))
    except ValidationError as error:
        _fail("; ".join(map(_complaint, error.errors())))
    except KeyboardInterrupt:
        _fail("interrupted; run the same command again to go on", code=130)


def _complaint(error: Any) -> str:
    name = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return f"there is no setting {name!r}; see docs/agent.md or Context"
    return f"setting {name}: {error['msg']}"


def _fail(message: str, code: int = 1) -> None:
    if _state["verbose"]:
        err.print_exception()
    err.print(f"error: {message}", style="red", markup=False, soft_wrap=True)
    sys.exit(code)


def _settings(pairs: list[str] | None, **named: Any) -> dict[str, Any]:
    """Return the settings of a run: the options that were given, and `--set` pairs."""
    settings = {name: value for name, value in named.items() if value not in ("", None)}
    for pair in pairs or ():
        name, separator, value = pair.partition("=")
        if not separator:
            msg = f"--set takes NAME=VALUE, not {pair!r}"
            raise DeepSearchError(msg)
        settings[name.strip()] = value.strip()
    return settings


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    model: Model = "",
    base_url: BaseUrl = "",
    search: SearchSpec = "",
    dialect: DialectName = "",
    condenser: CondenserName = "",
    summarizer_model: SummarizerModel = "",
    summarizer_url: SummarizerUrl = "",
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Answer one question, with sources."""
    from .graph.deep_search import create_deep_search_agent

    chosen = _settings(
        settings,
        model=model,
        base_url=base_url,
        search=search,
        dialect=dialect,
        condenser=condenser,
        summarizer_model=summarizer_model,
        summarizer_url=summarizer_url,
    )
    agent = create_deep_search_agent(**chosen)
    if as_json:
        result = agent.invoke({"question": question})
        kept = {key: result[key] for key in ("answer", "stop_reason", "sources")}
        _print_json(kept)
        return
    answer = _stream_answer(agent, question)
    if not answer:
        msg = "the model gave no answer; see the text above, or try another model"
        raise DeepSearchError(msg)


def _stream_answer(agent: Any, question: str) -> str:
    """Print the run as it happens; return the answer."""
    final: dict[str, Any] = {}
    modes = ["messages", "custom", "values"]
    for mode, part in agent.stream({"question": question}, stream_mode=modes):
        if mode == "messages":
            chunk, metadata = part
            if metadata.get("langgraph_node") in ("reason", "generate"):
                err.print(chunk.text, end="", style="dim", markup=False, highlight=False)
        elif mode == "custom" and part["event"] == "search":
            err.print(f"\n  searching: {part['query']}", style="cyan", markup=False)
        elif mode == "values":
            final = part
    err.print()
    out.print(final.get("answer", ""), style="bold", markup=False)
    for source in final.get("sources", ()):
        if source["used"]:
            line = f"  [{source['id']}] {source['title']}  {source['url']}"
            out.print(line, markup=False, highlight=False)
    return final.get("answer", "")


@app.command()
def serve(
    model: Annotated[
        str, typer.Argument(help="Model folder or name; the packaged base model if absent.")
    ] = "",
    engine: Annotated[
        Literal["auto", "vllm", "transformers"], typer.Option(help="What serves it.")
    ] = "auto",
    name: Annotated[str, typer.Option(help="Name it is served under. [folder name]")] = "",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8000,
) -> None:
    """Serve a model for the agent, until Ctrl-C."""
    from .training.serve import serve_until_interrupted

    serve_until_interrupted(model, engine=engine, name=name, port=port)


@world_app.command("build")
def world_build(
    path: Annotated[Path, typer.Argument(help="Folder to write.")],
    pages: Annotated[int, typer.Option(help="Pages, 200 to 100,000.")] = 1500,
    seed: Seed = 0,
) -> None:
    """Write a desk world: pages, corpus.jsonl, questions.jsonl, train and test split."""
    from .world.build import build_world

    summary = build_world(path, pages=pages, seed=seed)
    out.print(str(summary), markup=False)


@world_app.command("serve")
def world_serve(
    path: Annotated[Path, typer.Argument(help="A built world.")],
    port: Annotated[int, typer.Option(help="Port on the loopback.")] = 8765,
) -> None:
    """Serve a world's pages and its search over HTTP, until Ctrl-C."""
    from .world.server import run_server

    run_server(path, port=port)


@app.command()
def rollout(
    questions: Annotated[Path, typer.Argument(help="Question file, JSON Lines.")],
    directory: OutDir,
    rollouts: Annotated[int, typer.Option(help="Runs of each question.", min=1)] = 10,
    limit: Annotated[int, typer.Option(help="Only the first N questions; 0: all.")] = 0,
    concurrency: Concurrency = 32,
    seed: Seed = 0,
    model: Model = "",
    base_url: BaseUrl = "",
    search: SearchSpec = "",
    dialect: DialectName = "",
    condenser: CondenserName = "",
    summarizer_model: SummarizerModel = "",
    summarizer_url: SummarizerUrl = "",
    settings: Settings = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print calls, tokens and hours; run nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run questions through the agent into traces; run again, it goes on where it stopped."""
    from .evals.metrics import outcome
    from .graph.deep_search import create_deep_search_agent
    from .graph.plan import plan_rollouts
    from .graph.rollout import RolloutEngine, check_manifest
    from .questions import read_questions

    chosen = _settings(
        settings,
        model=model,
        base_url=base_url,
        search=search,
        dialect=dialect,
        condenser=condenser,
        summarizer_model=summarizer_model,
        summarizer_url=summarizer_url,
    )
    asked = read_questions(questions)[: limit or None]
    if plan:
        estimate = plan_rollouts(asked, rollouts, concurrency, directory, chosen)
        _print_json(estimate.to_json()) if as_json else out.print(
            estimate.text(), markup=False
        )
        return
    agent = create_deep_search_agent(**chosen)
    check_manifest(directory, {"questions": questions.name, "seed": seed, **chosen})
    with _progress("rollouts") as show:
        engine = RolloutEngine(
            agent,
            directory,
            concurrency=concurrency,
            seed=seed,
            scorer=outcome,
            on_progress=show,
        )
        result = engine.run(asked, rollouts)
    _report_rollouts(result, directory, as_json)


def _report_rollouts(result: Any, directory: Path, as_json: bool) -> None:
    summary = {
        "finished": result.already + result.done,
        "total": result.total,
        "failed": result.failed,
        "searches": result.searches,
        "failed_searches": result.failed_searches,
        "tokens": result.tokens,
        "traces": str(directory / "traces.jsonl"),
    }
    if as_json:
        _print_json(summary)
    else:
        out.print(
            f"{summary['finished']} of {summary['total']} rollouts in {summary['traces']}"
            f" ({result.searches} searches, {result.failed_searches} failed; "
            f"{result.tokens} tokens)",
            markup=False,
        )
    if result.failed:
        msg = (
            f"{result.failed} rollouts failed, see failures.jsonl; run again to retry them"
        )
        raise DeepSearchError(msg)


@contextmanager
def _progress(what: str) -> Iterator[Any]:
    """Show rollouts as they finish: a bar on a terminal, a line now and then elsewhere."""
    from .graph.progress import RolloutDisplay

    with RolloutDisplay(what, err) as display:
        yield display.update


@app.command()
def curate(
    traces: Annotated[list[Path], typer.Argument(help="Trace files or run directories.")],
    directory: OutDir,
    preset: Annotated[
        str, typer.Option(help="Set of filters and constants.")
    ] = "reference",
    without: Annotated[
        list[str] | None, typer.Option(help="Leave a filter out; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Keep the traces worth training on; curation.json says what each filter removed."""
    from .curation.pipeline import curate as run

    report = run(traces, directory, preset=preset, without=tuple(without or ()))
    _print_json(report.to_json()) if as_json else out.print(report.table())


@train_app.command("sft")
def train_sft(
    traces: Annotated[Path, typer.Argument(help="Curated traces.")],
    directory: OutDir,
    model: Annotated[
        str,
        typer.Option("--model", help="Model folder; the packaged base model if absent."),
    ] = "",
    config: Annotated[
        Path | None,
        typer.Option("--config", help="JSON or TOML file, or sft_desk, sft_paper."),
    ] = None,
    name: Annotated[
        str, typer.Option(help="Name in the registry beside the folder. [folder name]")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Fine-tune on what the model wrote in the traces; resumes from its checkpoints."""
    from .training.base_model import prepare_base_model
    from .training.config import load_config
    from .training.registry import ModelRegistry
    from .training.sft import train_sft

    parent = Path(model) if model else prepare_base_model()
    result = train_sft(traces, parent, directory, load_config(config))
    ModelRegistry(directory.parent).add(
        name or directory.name, directory, parent=parent.name, training=result.to_json()
    )
    _print_json(result.to_json()) if as_json else out.print(str(result), markup=False)


@app.command()
def models(
    directory: Annotated[Path, typer.Argument(help="Run directory.")] = Path("runs/desk"),
    use: Annotated[str, typer.Option(help="Make this version the current one.")] = "",
    as_json: AsJson = False,
) -> None:
    """List trained models and what each was trained on; go back to an earlier one."""
    from .training.registry import ModelRegistry

    registry = ModelRegistry(directory)
    if not registry.models():
        msg = (
            f"no trained models in {directory}: name a run directory that holds models.json"
        )
        raise DeepSearchError(msg)
    if use:
        registry.use(use)
    _print_json(registry.to_json()) if as_json else out.print(registry.table())


@app.command()
def evaluate(
    questions: Annotated[Path, typer.Argument(help="Question file with answers.")],
    directory: OutDir,
    limit: Annotated[int, typer.Option(help="Only the first N questions; 0: all.")] = 0,
    concurrency: Concurrency = 32,
    seed: Seed = 0,
    model: Model = "",
    base_url: BaseUrl = "",
    search: SearchSpec = "",
    dialect: DialectName = "",
    condenser: CondenserName = "",
    summarizer_model: SummarizerModel = "",
    summarizer_url: SummarizerUrl = "",
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Answer questions with known answers once each and score them."""
    from .evals.run import evaluate_questions
    from .graph.deep_search import create_deep_search_agent
    from .questions import read_questions

    chosen = _settings(
        settings,
        model=model,
        base_url=base_url,
        search=search,
        dialect=dialect,
        condenser=condenser,
        summarizer_model=summarizer_model,
        summarizer_url=summarizer_url,
    )
    asked = read_questions(questions)[: limit or None]
    agent = create_deep_search_agent(**chosen)
    with _progress("questions") as show:
        summary = evaluate_questions(
            agent,
            asked,
            directory,
            concurrency=concurrency,
            seed=seed,
            on_progress=show,
            manifest={"questions": questions.name, **chosen},
        )
    _print_json(summary.to_json()) if as_json else out.print(summary.table())


@app.command()
def loop(
    directory: OutDir = Path("runs/desk"),
    preset: Annotated[str, typer.Option(help="Sizes and settings of the loop.")] = "desk",
    engine: Annotated[
        Literal["auto", "vllm", "transformers"],
        typer.Option(help="What serves the models."),
    ] = "auto",
    seed: Seed = 0,
    self_distill: Annotated[
        bool,
        typer.Option(
            "--self-distill", help="Add a second round on the trained model's runs."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the whole flywheel: agent, traces, curation, training, reload, gain."""
    from .loop import Loop, loop_preset

    config = loop_preset(preset, engine=engine, seed=seed, self_distill=self_distill)
    result = Loop(config, directory, err).run()
    _print_json(result.to_json()) if as_json else out.print(result.table())


@app.command()
def export(
    traces: Annotated[Path, typer.Argument(help="Trace file or run directory.")],
    file: Annotated[Path, typer.Option("--out", help="File to write.")],
    form: Annotated[
        Literal["openai", "sharegpt", "parquet", "sds"],
        typer.Option("--format", help="openai | sharegpt | parquet | sds"),
    ] = "openai",
) -> None:
    """Write traces in a format that other trainers read."""
    from .curation.exports import export_traces

    count = export_traces(traces, form, file)
    out.print(f"{count} traces in {file}", markup=False)


@app.command()
def view(
    traces: Annotated[Path, typer.Argument(help="Trace file or run directory.")],
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 0,
    open_browser: Annotated[bool, typer.Option("--open/--no-open")] = True,
) -> None:
    """Look at traces in the browser, until Ctrl-C."""
    from .evals.viewer import serve_viewer

    serve_viewer(traces, port=port, open_browser=open_browser)


if __name__ == "__main__":
    main()
