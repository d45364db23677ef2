"""What a model, pages and rollouts give does not depend on Python's hash seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from langgraph_deepsearch.trace import write_traces

CODE = """
import json, re, sys
from pathlib import Path
from langchain_core.language_models.chat_models import SimpleChatModel
from langgraph_deepsearch.curation.by_rollouts import RolloutRule, select_questions
from langgraph_deepsearch.curation.asking import Asker
from langgraph_deepsearch.curation.sampling.annotate import annotate_questions
from langgraph_deepsearch.curation.synthesis.crawl_qa import CrawlQA, chains
from langgraph_deepsearch.curation.synthesis.pages import read_pages
from langgraph_deepsearch.curation.synthesis.question_filter import filter_questions
from langgraph_deepsearch.curation.synthesis.ramp import Ramp, passages
from langgraph_deepsearch.curation.synthesis.synthesize import synthesize
from langgraph_deepsearch.questions import read_questions


class Model(SimpleChatModel):
    @property
    def _llm_type(self):
        return "scripted"

    def _call(self, messages, stop=None, run_manager=None, **kwargs):
        prompt = messages[0].text
        names = sorted(set(re.findall(r"[A-Z][a-z]+[0-9]+", prompt)))
        if "Say what a question is about" in prompt:
            return json.dumps({"domain": ["film"], "key_points": names + ["age"] * 2})
        if "Write one question" in prompt:
            first = re.search(r'starts from "(.*?)"', prompt)[1]
            answer = re.findall(r"Cid[0-9]+", prompt)[-1]
            return json.dumps({"question": f"Who knows {first}?", "answer": answer})
        if "List the key spans" in prompt:
            return json.dumps({"spans": names})
        words = ("time_sensitive", "subjective", "harmful")
        return json.dumps({w: len(names) % 2 == 0 and w[0] == "s" for w in words})


inputs, out = map(Path, sys.argv[1:])
questions = read_questions(inputs / "pool.jsonl")
annotate_questions(questions, Model(), out / "annotated", domains=("film", "other"))
filter_questions(questions, Model(), out / "filtered", tries=0)
pages = read_pages(inputs / "corpus.jsonl")
made = synthesize(CrawlQA(Asker(Model()), verify=False), chains(pages, 9), out / "crawlqa")
masked = synthesize(Ramp(Asker(Model())), passages(pages, 9), out / "ramp")
found = select_questions(inputs / "traces.jsonl", out / "rl.jsonl", RolloutRule(1, 3, of=4))
print(made.questions, masked.questions, found.kept)
"""


def test_the_hash_seed_does_not_matter(build, jsonl, tmp_path):
    asked = [
        {"id": n, "question": f"Is Ada{n} older than Bea{n % 3}?", "answer": ["yes"]}
        for n in range(12)
    ]
    pages = [
        {
            "id": f"p{n}",
            "title": f"Page{n}",
            "text": f"Page{n} tells of Page{(n + 1) % 9} and Page{(n + 4) % 9}, of Ada{n} and "
            f"Bea{n} and Cid{n}, who lived in Lunde{n} for a long time. "
            "The road there leads past many a farm.",
        }
        for n in range(9)
    ]
    runs = [
        build(
            f"q{n}/{i}",
            question_id=f"q{n}",
            rollout=i,
            metadata={"type": "bridge", "level": n},
            **({} if i < 1 + n % 3 else {"answer": "\n\n\\boxed{Lyon}"}),
        )
        for n in range(6)
        for i in range(4)
    ]
    jsonl(tmp_path / "pool.jsonl", asked)
    jsonl(tmp_path / "corpus.jsonl", pages)
    write_traces(tmp_path / "traces.jsonl", runs)
    outputs = []
    for seed in ("0", "4711"):
        out = tmp_path / seed
        command = [sys.executable, "-c", CODE, str(tmp_path), str(out)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            command,
            env=environment,
            check=True,
            timeout=250,
            capture_output=True,
            text=True,
        )
        # The logs are in the order in which items were finished.
        results = [p for p in out.rglob("*.json*") if not p.name.endswith("_log.jsonl")]
        texts = {
            str(path.relative_to(out)): path.read_text().replace(str(out), "")
            for path in results
        }
        outputs.append((done.stdout, texts))
    assert outputs[0] == outputs[1]
    made, masked, selected = map(int, outputs[0][0].split())
    assert (made, masked, selected) == (9, 9, 6)
    annotation = json.loads(outputs[0][1]["annotated/annotation.json"])
    assert annotation["marks"]["domain_wrong_type"] == 12
