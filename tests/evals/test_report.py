import json
import re
from html.parser import HTMLParser

import pytest

from langgraph_deepsearch.evals.evaluation import (
    EvaluationError,
    summarize_traces,
    write_evaluation,
)
from langgraph_deepsearch.evals.report import write_report
from langgraph_deepsearch.evals.side_by_side import MOST_EXAMPLES, choose_examples
from langgraph_deepsearch.trace import ChildRecord, Source, write_traces

HOSTILE = (
    "<script>alert(1)</script></div></details><img src=x onerror=alert(2)> "
    "<|end_search_result|> \"' onmouseover=alert(3) <style>*{display:none}</style>"
)


class Page(HTMLParser):
    """Collects tags and text, and checks that tags are balanced."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.stack = [], "", []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def run_dir(make_trace, tmp_path):
    before = [make_trace(n, answer="x", queries=()) for n in range(8)]
    after = [make_trace(n, kind=("compositional", "comparison")[n % 2]) for n in range(8)]
    write_traces(tmp_path / "before.jsonl", before)
    write_traces(tmp_path / "after.jsonl", after)
    write_evaluation(
        tmp_path,
        before=summarize_traces(before, engine="vllm"),
        after=summarize_traces(after, engine="vllm"),
        seconds=600,
    )
    return tmp_path


def read(run_dir):
    return Page(write_report(run_dir).read_text(encoding="utf-8"))


def test_the_page_tells_the_gain_and_shows_runs_side_by_side(run_dir):
    page = read(run_dir)
    assert "F1 went from 0.000 to 1.000: +1.000 on the same questions" in page.text
    assert "10.0 minutes" in page.text
    assert "Anja Telk was born in Velmar." in page.text
    assert [a.get("class") for t, a in page.tags].count("example") == MOST_EXAMPLES


def test_the_page_loads_nothing_and_runs_nothing(run_dir):
    page = read(run_dir)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "iframe", "link", "object", "base", "form"}
    policy = [a["content"] for t, a in page.tags if a.get("http-equiv")]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert not [a for _, a in page.tags if any(key.startswith("on") for key in a)]
    style = re.search(r"<style>(.*?)</style>", (run_dir / "report.html").read_text(), re.S)
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_hostile_text_stays_text_wherever_it_stands(make_trace, tmp_path):
    traces = [
        make_trace(
            0,
            question=HOSTILE,
            answer=HOSTILE,
            golds=(HOSTILE,),
            evidence=HOSTILE,
            thought=HOSTILE,
            queries=(HOSTILE,),
            kind=HOSTILE,
            model=HOSTILE,
            sources=[Source(id=HOSTILE, url="javascript:alert(4)", title=HOSTILE)],
            children=[ChildRecord(step=HOSTILE, turn=1, model=HOSTILE, error=HOSTILE)],
        )
    ]
    write_traces(tmp_path / "after.jsonl", traces)
    summary = summarize_traces(traces, engine=HOSTILE)
    write_evaluation(tmp_path, after=summary, extra={HOSTILE: summary})
    filters = [{"name": HOSTILE, "dimension": HOSTILE, "seen": 3, "removed": 1}]
    (tmp_path / "curation.json").write_text(json.dumps({"filters": filters}))
    (tmp_path / "training.json").write_text(
        json.dumps({"parent": HOSTILE, "losses": [2, 1]})
    )
    (tmp_path / "stages.json").write_text(json.dumps({HOSTILE: {"seconds": 1}}))
    (tmp_path / "rollout.json").write_text(json.dumps({HOSTILE: {HOSTILE: HOSTILE}}))
    page = read(tmp_path)
    names = [tag for tag, _ in page.tags]
    assert not {"script", "img"} & set(names)
    assert names.count("style") == 1
    assert not [a for _, a in page.tags if any(key.startswith("on") for key in a)]
    assert not [a for _, a in page.tags if "javascript" in a.get("href", "")]
    assert page.text.count("alert(1)") >= 12


def test_everything_but_the_evaluation_may_be_absent(make_trace, tmp_path):
    write_evaluation(tmp_path, after=summarize_traces([make_trace()], engine=""))
    page = read(tmp_path)
    assert "Deep search, evaluated" in page.text
    for absent in ("Curation", "Training", "Examples", "Settings", "Time by stage"):
        assert absent not in page.text


def test_a_file_with_the_contracts_keys_alone_is_enough(tmp_path):
    figures = {"em": 0, "f1": 0.5, "acc": 1, "searches": 2, "tokens": 9, "n": 3}
    record = {
        "before": {**figures, "engine": "vllm"},
        "after": {**figures, "engine": "vllm"},
    }
    (tmp_path / "evaluation.json").write_text(json.dumps({**record, "seconds": None}))
    assert "F1 went from 0.500 to 0.500." in read(tmp_path).text


def test_optional_files_become_sections(run_dir):
    curation = {
        "read": 100,
        "kept": 20,
        "corrected": 4,
        "not_selected": 30,
        "filters": [
            {"name": "turn_shape", "dimension": "format", "seen": 100, "removed": 40},
            {"name": "correct", "dimension": "outcome", "seen": 60, "removed": 0},
        ],
        "difficulty": {
            "name": "difficulty", "dimension": "difficulty", "unit": "question",
            "seen": 25, "removed": 5,
        },
        "final_filters": [],
    }  # fmt: skip
    (run_dir / "curation.json").write_text(json.dumps(curation))
    (run_dir / "model").mkdir()
    losses = {
        "losses": [3.0, 1.0, 0.5],
        "tokens": 101234,
        "config": {"learning_rate": 0.0002},
    }
    (run_dir / "model/training.json").write_text(json.dumps(losses))
    (run_dir / "stages.json").write_text(json.dumps({"training": {"seconds": 291.0}}))
    (run_dir / "rollout.json").write_text(json.dumps({"seed": 7, "settings": {"top_k": 3}}))
    page = read(run_dir)
    assert (
        "100 traces went in, 20 were kept. The form of 4 answers was corrected."
        in page.text
    )
    rows = [a["title"] for _, a in page.tags if a.get("class") == "funnel-row"]
    assert rows == [
        "turn shape: 40 of 100 traces removed",
        "correct: 0 of 60 traces removed",
        "difficulty: 5 of 25 questions removed",
    ]
    assert "difficulty, questions" in page.text
    assert "101,234" in page.text
    assert "learning_rate" in page.text
    assert "291 s" in page.text
    assert "settings.top_k" in page.text
    assert [a["points"].split()[0] for t, a in page.tags if t == "polyline"] == [
        "0.00,0.00"
    ]


def test_what_is_missing_or_broken_is_one_clear_error(run_dir, tmp_path):
    with pytest.raises(
        EvaluationError, match=r"no evaluation.json .* run `deepsearch evaluate`"
    ):
        write_report(tmp_path / "elsewhere")
    (run_dir / "curation.json").write_text("{")
    with pytest.raises(EvaluationError, match=r"curation.json is not JSON"):
        write_report(run_dir)
    (run_dir / "evaluation.json").write_text("{}")
    with pytest.raises(EvaluationError, match="holds no evaluation"):
        write_report(run_dir)


def test_long_pages_are_cut_and_the_cut_is_said(make_trace, tmp_path):
    traces = [make_trace(0, evidence="word " * 20000)]
    write_traces(tmp_path / "after.jsonl", traces)
    write_evaluation(tmp_path, after=summarize_traces(traces, engine=""))
    page = read(tmp_path)
    assert re.search(r"… \d+ characters more", page.text)
    assert (tmp_path / "report.html").stat().st_size < 60_000


def entry(name, before, after, kind="a"):
    runs = {"before": [{"f1": before}], "after": [{"f1": after}]}
    return {"id": name, "question": f"{name}?", "kind": kind, **runs}


def test_examples_show_gains_of_several_kinds_failures_and_losses():
    questions = [
        *[entry(f"gain{n}", 0, 1) for n in range(5)],
        entry("other kind", 0.1, 1, kind="b"),
        entry("still wrong", 0, 0),
        entry("lost", 1, 0),
        {"id": "only before", "question": "?", "before": [{"f1": 0}]},
    ]
    keys = choose_examples(questions, ["before", "after"])
    ids = [identifier for identifier, _ in keys]
    assert len(ids) == len(set(ids)) == MOST_EXAMPLES
    assert {"other kind", "still wrong", "lost"} <= set(ids)
    assert ids[0].startswith("gain")
    assert choose_examples(questions[:1], ["before", "after"]) == [("gain0", "gain0?")]
    assert choose_examples([], ["after"]) == []
