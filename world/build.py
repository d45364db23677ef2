"""Build a desk world: a folder of ordinary files, the same bytes for the same settings.

pages/…           HTML, as the server sends it
corpus.jsonl      {id, title, text, url, date} of every page, extracted as a reader does
questions.jsonl   all questions; train.jsonl and test.jsonl hold one split each
facts.jsonl       what is true: {id, type, label, facts} of every entity
behaviours.json   redirects, slow, dead and huge addresses
world.json        seed, sizes and what is guaranteed; written last
world.partial     stands there while a world is being written
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from .facts import WorldFacts, make_facts
from .hazards import address_hazards, hazard_counts, hazard_pages
from .pages import WebPage, entity_page, render_html
from .preset import DEFAULT_PORT, PRESETS, WorldError, WorldPreset
from .questions import make_questions

EXTRACT_LIMIT = 2000
"""Above this many pages the corpus text is taken from the page's paragraphs instead of
being extracted from its HTML; a test shows that both are the same."""

PARTIAL = "world.partial"
"""Written first and removed last, so that a half-written world is known as one."""

PARTIAL_TEXT = "deepsearch is writing a world here\n"

WORLD_KEYS = {"seed", "base_url", "preset", "guarantee"}
"""In `world.json` of every world, and hardly in another file of that name."""

GUARANTEE = (
    "No entity whose fact a test question needs is asked about in a train question, so no "
    "(subject, relation) hop and no named entity is shared between the splits."
)


@dataclass(frozen=True)
class WorldSummary:
    """What was built."""

    path: Path
    seed: int
    documents: int
    """Lines of the corpus."""
    pages: dict[str, int]
    """Documents by kind: entity, stale, trap, dead, huge."""
    train: dict[str, int]
    """Train questions by kind."""
    test: dict[str, int]
    base_url: str

    def to_json(self) -> dict[str, Any]:
        """Return it without the path, as `world.json` holds it."""
        return {k: v for k, v in asdict(self).items() if k != "path"}

    def __str__(self) -> str:
        train, test = sum(self.train.values()), sum(self.test.values())
        hazards = ", ".join(f"{n} {k}" for k, n in self.pages.items() if k != "entity")
        return (
            f"world of {self.documents} documents ({hazards}), {train} train and {test} test "
            f"questions, seed {self.seed}, in {self.path}"
        )


def build_world(
    out: str | Path,
    *,
    pages: int | None = None,
    seed: int = 0,
    preset: str | WorldPreset = "desk",
    train_questions: int | None = None,
    test_questions: int | None = None,
    base_url: str = f"http://127.0.0.1:{DEFAULT_PORT}",
) -> WorldSummary:
    """Write a world.

    Args:
        out: folder to write; made when absent, refused when it holds anything else than
            this very world, whole, or one that was never finished.
        pages: documents of the corpus, 200 to 100,000; the preset's when None.
        seed: decides everything else, whatever the hash seed or the machine.
        preset: name of a preset, or one of your own.
        train_questions: the preset's, scaled to the size, when None.
        test_questions: likewise.
        base_url: written into the corpus's addresses; serve the world there, or pass the
            addresses through `WorldServer.localize`.

    Raises:
        WorldError: the settings or the folder cannot be used.
    """
    settings = _settings(preset, pages, train_questions, test_questions)
    base_url = base_url.rstrip("/")
    asked = {"seed": seed, "base_url": base_url, "preset": asdict(settings)}
    folder = _open_folder(Path(out), asked)
    random = Random(f"desk world {seed} {settings.pages}")
    counts = hazard_counts(settings.pages, settings.hazards)
    facts = make_facts(settings.pages - sum(counts.values()), random, settings.hazards)
    questions = make_questions(facts, random, settings)
    written = _write_pages(folder, facts, counts, random, settings, base_url)
    for name, split in (("questions", None), ("train", "train"), ("test", "test")):
        _write_lines(
            folder / f"{name}.jsonl",
            (q for q in questions if split is None or q["split"] == split),
        )
    _write_lines(folder / "facts.jsonl", _fact_records(facts))
    summary = WorldSummary(
        path=folder,
        seed=seed,
        documents=sum(written.values()),
        pages=dict(written),
        train=_kinds(questions, "train"),
        test=_kinds(questions, "test"),
        base_url=base_url,
    )
    _write_json(
        folder / "world.json",
        {**summary.to_json(), "preset": asked["preset"], "guarantee": GUARANTEE},
    )
    (folder / PARTIAL).unlink()
    return summary


def _settings(
    preset: str | WorldPreset, pages: int | None, train: int | None, test: int | None
) -> WorldPreset:
    if isinstance(preset, str):
        if preset not in PRESETS:
            msg = f"unknown world preset {preset!r}; known: {', '.join(PRESETS)}"
            raise WorldError(msg)
        preset = PRESETS[preset]
    changes = {"pages": pages, "train_questions": train, "test_questions": test}
    settings = replace(preset, **{k: v for k, v in changes.items() if v is not None})
    settings.check()
    return settings


def _open_folder(folder: Path, asked: Mapping[str, Any]) -> Path:
    if folder.exists() and not folder.is_dir():
        msg = f"{folder} is a file: name a folder for the world"
        raise WorldError(msg)
    whole = _whole_world(folder)
    if whole:
        _refuse_another(folder, whole, asked)
    elif folder.is_dir() and any(folder.iterdir()) and not _is_half_written(folder):
        msg = f"{folder} holds other files: name a new folder for the world"
        raise WorldError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PARTIAL).write_text(PARTIAL_TEXT, encoding="utf-8")
    # A half-written world must not pass for a whole one.
    (folder / "world.json").unlink(missing_ok=True)
    if (folder / "pages").is_dir():
        import shutil

        shutil.rmtree(folder / "pages")
    return folder


def _is_half_written(folder: Path) -> bool:
    return _read(folder / PARTIAL) == PARTIAL_TEXT


def _whole_world(folder: Path) -> dict[str, Any]:
    """Return what a folder's world says of itself; empty when there is no whole one.

    Names of files alone prove nothing.
    """
    try:
        found = json.loads(_read(folder / "world.json"))
    except ValueError:
        return {}
    is_world = isinstance(found, dict) and found.keys() >= WORLD_KEYS
    return found if is_world and isinstance(found["preset"], dict) else {}


def _refuse_another(
    folder: Path, found: Mapping[str, Any], asked: Mapping[str, Any]
) -> None:
    """Refuse to build over another world: runs and models may rest on the one there."""
    there, wanted = _flat(found), _flat(asked)
    # An older version's world says nothing of settings that came later.
    differing = [name for name in wanted if name in there and there[name] != wanted[name]]
    if not differing:
        return
    is_there = ", ".join(f"{name} {there[name]}" for name in differing)
    is_asked = ", ".join(f"{name} {wanted[name]}" for name in differing)
    msg = (
        f"{folder} holds another world ({is_there}) than is asked for ({is_asked}): name "
        "another folder, or remove that one first"
    )
    raise WorldError(msg)


def _flat(world: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides a world, as JSON gives it back."""
    preset = world["preset"]
    sizes = ("pages", "train_questions", "test_questions")
    train, test = WorldPreset(
        **{name: preset[name] for name in sizes if name in preset}
    ).question_counts()
    counts = {"train_questions": train, "test_questions": test}
    own = {"seed": world["seed"], "base_url": world["base_url"]}
    return json.loads(json.dumps({**preset, **counts, **own}))


def _read(path: Path) -> str:
    return path.read_text("utf-8", errors="replace") if path.is_file() else ""


def _write_pages(
    folder: Path,
    facts: WorldFacts,
    counts: Mapping[str, int],
    random: Random,
    settings: WorldPreset,
    base_url: str,
) -> Counter[str]:
    pages = [entity_page(facts, entity, random) for entity in facts.entities.values()]
    pages += hazard_pages(facts, dict(counts), random, settings.hazards)
    behaviours, indexed = address_hazards(pages, random, settings.hazards)
    random.shuffle(pages)
    extract = len(pages) <= EXTRACT_LIMIT
    kinds: Counter[str] = Counter()
    with (folder / "corpus.jsonl").open("w", encoding="utf-8", newline="\n") as corpus:
        for page in pages:
            html = render_html(page)
            if page.kind != "dead":
                _write_html(folder / "pages" / page.path, html)
            record = {
                "id": page.id,
                "title": page.title,
                "text": extract_text(html) if extract else page.text,
                "url": f"{base_url}/{indexed.get(page.id, page.path)}",
                "date": page.date,
            }
            corpus.write(json.dumps(record, ensure_ascii=False) + "\n")
            kinds[page.kind] += 1
    _write_html(folder / "pages" / "index.html", render_html(_index_page(pages)))
    _write_json(folder / "behaviours.json", behaviours.to_json())
    return Counter(dict(sorted(kinds.items())))


def extract_text(html: str) -> str:
    """Return a page's main text as the agent's reader extracts it."""
    from ..tools.extract import extract_page

    return extract_page(html.encode(), "text/html; charset=utf-8", "http://world/").text


def _index_page(pages: list[WebPage]) -> WebPage:
    links = tuple((page.title, page.path) for page in pages[:100])
    text = "An almanac of people, places and works. Use the search, or start below."
    return WebPage(
        "index", "The Open Almanac", "index.html", (text,), "2024-01-01", links=links
    )


def _fact_records(facts: WorldFacts) -> Iterable[dict[str, Any]]:
    for entity in facts.entities.values():
        yield {
            "id": entity.id,
            "type": entity.type,
            "label": entity.label,
            "mention": entity.mention,
            "facts": {
                r.name: list(facts.text(entity, r.name)) for r in facts.relations(entity)
            },
        }


def _kinds(questions: list[dict[str, Any]], split: str) -> dict[str, int]:
    return dict(
        sorted(Counter(q["kind"] for q in questions if q["split"] == split).items())
    )


def _write_html(path: Path, html: str) -> None:
    try:
        path.write_text(html, encoding="utf-8", newline="\n")
    except FileNotFoundError:  # the first page of its folder
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8", newline="\n")


def _write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(
        json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
