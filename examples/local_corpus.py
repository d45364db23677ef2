"""Ask a question over a handful of your own documents, with any served model.

deepsearch serve                      # in another terminal
python examples/local_corpus.py "What is the capital of Peru?"
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from langgraph_deepsearch import create_deep_search_agent

DOCUMENTS = [
    {"id": "1", "title": "Peru", "text": "Peru is a country. Its capital is Lima."},
    {"id": "2", "title": "Chile", "text": "Chile is a country. Its capital is Santiago."},
]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.jsonl"
        corpus.write_text(
            "".join(json.dumps(d) + "\n" for d in DOCUMENTS), encoding="utf-8"
        )
        agent = create_deep_search_agent(search=f"corpus:{corpus}", condenser="extractive")
        result = agent.invoke({"question": sys.argv[1]})
    print(result["answer"] or f"no answer ({result['stop_reason']})")
    for source in result["sources"]:
        print(f"  [{source['id']}] {source['title']}")


if __name__ == "__main__":
    main()
