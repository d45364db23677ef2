"""`deepsearch questions synthesize --spans rules`: masked passages without a model."""

from __future__ import annotations

import json


def test_passages_are_masked_without_a_model(deepsearch, tmp_path):
    page = {
        "id": "b",
        "title": "Kerrin Oak",
        "text": "Kerrin Oak was a director, born in Vessel Bay on 3 May 1940. Oak trained as a "
        "watchmaker in Tamsin before the first film was made with Ada Brink.",
    }
    (tmp_path / "corpus.jsonl").write_text(json.dumps(page) + "\n")
    words = ("questions", "synthesize", "corpus.jsonl", "--out", "made", "--spans", "rules")
    done = deepsearch(*words, "--method", "ramp", "--json")
    assert done.code == 0, done.err
    (line,) = (tmp_path / "made/synthesized.jsonl").read_text().splitlines()
    made = json.loads(line)
    (span,) = made["spans"]
    assert (made["masks"], made["answer"]) == (1, [span])
    assert span in ("Vessel Bay", "3 May 1940", "Tamsin", "Ada Brink")
    assert page["text"].replace(span, "[mask]") in made["question"]
    plan = json.loads(deepsearch(*words, "--method", "ramp", "--plan", "--json").out)
    assert plan["most_calls"] == 0
    refused = deepsearch(*words, "--method", "crawlqa")
    assert "crawlqa needs a model that writes" in refused.complaint
