"""Presets: what two of them keep is fixed, and each ablation leaves out what it names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from langgraph_deepsearch.curation.pipeline import NothingKeptError, curate
from langgraph_deepsearch.curation.presets import (
    DIRECT,
    PRESETS,
    REFERENCE,
    REFLECTIVE,
    get_preset,
)
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.trace import Segment, Trace, Usage, read_traces

MEASURES = ("acc", "judge", "user")
SCRIPTS = ("han", "kana", "hangul", "cyrillic", "arabic", "devanagari", "thai", "hebrew")
DROP_EASY = {
    "easy_from": 1 - 1e-5, "drop_probability": 0.8, "seed": 42, "min_ratio": 0.0,
    "max_ratio": 1.0,
}  # fmt: skip
FEWEST = {
    "keep_per_question": 1, "max_records": None, "fewest_searches": True,
    "fewest_words": True,
}  # fmt: skip
CORRECTION = {"cut_after": True, "adds_missing": True, "turn_form": False}

FIXED = {
    "reference": {
        "name": "reference",
        "correction": {**CORRECTION, "cut_before": True},
        "filters": {
            "markers": {},
            "thinking_tags": {"limit": 2},
            "correct": {"measures": MEASURES},
            "self_written_results": {},
            "turn_shape": {"thinking": "required"},
            "first_reason_length": {"words": 300, "by_spaces": True},
            "longest_reason_length": {"words": 300, "by_spaces": True},
            "alternatively": {"limit": 3},
            "hmm": {"limit": 3},
            "wait": {"limit": 3},
            "repeated_trigrams": {
                "share": 0.3, "size": 3, "min_words": 12, "by_spaces": True,
            },
            "distinct_documents": {"ratio": 0.95, "requires_search": True},
        },
        "difficulty": {**DROP_EASY, "min_rollouts": 2},
        "selection": {**FEWEST, "most_reflection": False},
        "final_filters": {
            "answer_after_thought": {},
            "alternatively_total": {"limit": 3},
            "mixed_language": {
                "scripts": ("han",), "limit": 0, "allows_question_script": False,
            },
            "exact_match": {},
            "total_length": {"words": 3000, "by_spaces": True},
        },
    },
    "desk": {
        "name": "desk",
        "correction": {**CORRECTION, "cut_before": False},
        "filters": {
            "markers": {},
            "thinking_tags": {"limit": 2},
            "self_written_results": {},
            "turn_shape": {"thinking": "optional"},
            "answer_after_thought": {},
            "mixed_language": {
                "scripts": SCRIPTS, "limit": 0, "allows_question_script": True,
            },
            "correct": {"measures": MEASURES},
            "exact_match": {},
            "first_reason_length": {"words": 120, "by_spaces": False},
            "longest_reason_length": {"words": 120, "by_spaces": False},
            "alternatively": {"limit": 0},
            "hmm": {"limit": 0},
            "wait": {"limit": 0},
            "admitted_guess": {
                "phrases": (
                    "i think i know", "i have not looked", "i haven't looked",
                    "my best guess", "i will guess", "i'll guess", "i am guessing",
                    "i'm guessing", "without searching further",
                ),
            },
            "repeated_trigrams": {
                "share": 0.3, "size": 3, "min_words": 12, "by_spaces": False,
            },
            "total_length": {"words": 1500, "by_spaces": False},
            "repeated_query": {},
            "grounded_query": {"ratio": 0.5},
            "supported_answer": {
                "exempt": ("yes", "no", "unknown", "none"), "share": 1.0, "where": "shown",
            },
            "distinct_documents": {"ratio": 0.3, "requires_search": True},
        },
        "difficulty": {**DROP_EASY, "min_rollouts": 4},
        "selection": {**FEWEST, "most_reflection": False},
        "final_filters": {},
    },
}  # fmt: skip
"""Measurements were made with these: a change needs a new name, not new constants."""


@pytest.mark.parametrize("name", sorted(FIXED))
def test_what_earlier_measurements_used_stays(name):
    constants = get_preset(name).constants()
    assert constants == FIXED[name]
    order = [list(part) for part in (constants["filters"], constants["final_filters"])]
    fixed = [list(FIXED[name][part]) for part in ("filters", "final_filters")]
    assert order == fixed  # the first filter that objects is the one that is reported


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
@pytest.mark.parametrize(
    ("name", "dimension"),
    [
        ("format", "format"),
        ("path control", "path"),
        ("path", "path"),
        ("search-effectiveness", "effectiveness"),
        ("effectiveness", "effectiveness"),
        ("outcome", "outcome"),
    ],
)
def test_an_ablation_leaves_out_its_dimension_and_no_other(preset, name, dimension):
    without = preset.without([name])
    both = [
        (preset.filters, without.filters),
        (preset.final_filters, without.final_filters),
    ]
    for before, after in both:
        assert list(after) == [f for f in before if f.dimension != dimension]
    assert (without.correction is None) == (dimension == "format")
    assert without.difficulty == preset.difficulty
    assert without.selection.fewest_searches == (dimension != "effectiveness")
    assert without.selection.fewest_words == (dimension != "path")


def knowing_run():
    """Return a right run that searched for nothing."""
    prompt = [
        Segment(kind="prompt", speaker=m["role"], text=m["content"], turn=0)
        for m in get_dialect("r1_searcher_plus").prompt("Where was Ada Lovelace born?")
    ]
    written = [
        ("reason", "I know where she was born.\n\n"),
        ("recall", "<internal>Ada was born in London.</internal>"),
        ("reason", "\n\nSo it is London.\n\n"),
        ("answer", "<answer>London</answer>"),
    ]
    own = [
        Segment(kind=kind, speaker="assistant", text=text, trainable=True, turn=1 + n // 2)
        for n, (kind, text) in enumerate(written)
    ]
    return Trace(
        id="k",
        question="Where was Ada Lovelace born?",
        golds=["London"],
        answer="London",
        dialect="r1_searcher_plus",
        segments=[*prompt, *own],
        stop_reason="answered",
        usage=Usage(turns=2, recalls=1),
    )


def test_a_run_that_knew_is_kept_for_the_system_that_is_to_know(tmp_path):
    report = curate([knowing_run()], tmp_path, preset="r1_searcher_plus")
    assert report.kept == 1
    with pytest.raises(NothingKeptError):
        curate([knowing_run()], tmp_path / "other", preset="r1_searcher")
    wrong = knowing_run().model_copy(update={"golds": ["Paris"]})
    with pytest.raises(NothingKeptError, match="correct"):
        curate([wrong], tmp_path / "wrong", preset="r1_searcher_plus")


def test_difficulty_is_an_ablation_of_its_own():
    assert REFERENCE.without(["difficulty"]) == replace(REFERENCE, difficulty=None)


ROWS = {
    "format": "malformed",
    "path": "long winded",
    "difficulty": "easy",
    "effectiveness": "searches more",
}
"""Ablation to the run that it lets through, of questions that have no other."""


def faulty_runs(build, preset):
    """Return a clean run, and for each row runs that it alone removes or passes over."""
    thought = "" if preset == "desk" else "Hmm, the page says so. "
    closing = f"{thought}So it is Paris.</think>"

    def run(name, question, **fields):
        return build(name, question_id=question, **{"closing": closing, **fields})

    again = ("capital of France", "France city capital", "town of France")
    return [
        run("clean", "clean"),
        run("malformed", "f", closing=f"{thought}<|begin_search_result|> Paris.</think>"),
        run("long winded", "p", closing=f"{thought}{'Alternatively, so. ' * 9}</think>"),
        *[run("easy" if n == 0 else f"easy{n}", "too easy", rollout=n) for n in range(4)],
        run("searches more", "e", queries=again, rollout=0),
        run("searches", "e", queries=again[:2], rollout=1),
        run("wrong", "e", answer="\n\n\\boxed{Lyon}", rollout=2),
    ]


@pytest.mark.parametrize("preset", ["reference", "desk", "direct", "reflective"])
@pytest.mark.parametrize(("row", "let_through"), ROWS.items())
def test_every_ablation_changes_what_is_kept(preset, row, let_through, build, tmp_path):
    runs = faulty_runs(build, preset)

    def kept(without):
        curate(runs, tmp_path, preset=preset, without=without)
        return {t.id for t in read_traces(tmp_path / "curated.jsonl")}

    whole, less = kept([]), kept([row])
    assert whole == {"clean", "searches"}
    assert let_through in less
    assert less != whole


THINKS = "Hmm, the page says Paris. Wait, I double-check it. Wait, Hmm, it is so.</think>"


def runs(build):
    return [
        build("plain", rollout=0),
        build("thinks", rollout=1, closing=THINKS),
        build("thinks more", rollout=2, closing=f"Actually, wait. {THINKS}"),
        build("searches more", rollout=3, queries=("x of France", "y of France"),
              closing=f"Hmm, hmm, wait, actually. {THINKS}"),
    ]  # fmt: skip


def test_direct_takes_the_short_path_and_reflective_the_thoughtful_one(build, tmp_path):
    for preset, kept in ((DIRECT, "plain"), (REFLECTIVE, "thinks more")):
        curate(runs(build), tmp_path, preset=replace(preset, difficulty=None))
        assert [t.id for t in read_traces(tmp_path / "curated.jsonl")] == [kept]


@pytest.mark.parametrize("preset", ["desk", "direct", "reflective"])
def test_a_run_that_never_looked_is_not_preferred_nor_kept(preset, build, tmp_path):
    fields = {"answer": "\n\n\\boxed{yes}", "golds": ["yes"]}
    thinks = "" if preset == "desk" else "Hmm, wait. "
    closing = {"closing": f"{thinks}So yes.</think>"}
    searched = build("searched", rollout=0, **fields, **closing)
    by_heart = build("by heart", rollout=1, queries=(), **fields, **closing)
    failed = build("failed", rollout=2, documents=0, **fields, **closing)
    failed.searches[0].error = "down"
    curate([by_heart, failed, searched], tmp_path, preset=preset)
    assert [t.id for t in read_traces(tmp_path / "curated.jsonl")] == ["searched"]
    with pytest.raises(NothingKeptError, match="no search found anything"):
        curate([by_heart, failed], tmp_path, preset=preset)


def test_every_preset_keeps_a_clean_run(build, tmp_path):
    for name in PRESETS:
        run = build("one", closing="Hmm, the page says Paris.</think>")
        if name == "desk":
            run = build("one")
        report = curate([run], tmp_path, preset=name)
        assert report.kept == 1, name
