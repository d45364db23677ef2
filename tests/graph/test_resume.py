"""A killed run goes on from its SQLite checkpoint; only unfinished tasks run again."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

RUN = """
    import sys, time
    sys.path.insert(0, {tests!r})
    from langgraph.checkpoint.sqlite import SqliteSaver
    from scripted import *
    from langgraph_deepsearch import create_deep_search_agent

    class Logged(FewPages):
        def search(self, text, k, *, episode=None):
            with open({log!r}, "a") as file:
                file.write(text + "\\n")
            if "lima" in text and "--hang" in sys.argv:
                print("hanging", flush=True)
                time.sleep(60)
            return super().search(text, k)

    model = ScriptedModel(replies=[query("peru"), query("lima"), ANSWER], seen=[])
    with SqliteSaver.from_conn_string({db!r}) as saver:
        agent = create_deep_search_agent(
            model, search=Logged(), condenser="extractive", checkpointer=saver,
            trace_dir={traces!r},
        )
        thread = {{"configurable": {{"thread_id": "t"}}}}
        first = None if "--resume" in sys.argv else {{"question": "Capital of Peru?"}}
        print(agent.invoke(first, thread)["answer"], flush=True)
"""


def test_kill_nine_then_resume(tmp_path):
    script = tmp_path / "run.py"
    log = tmp_path / "log"
    script.write_text(
        textwrap.dedent(RUN).format(
            tests=str(Path(__file__).parents[1]),
            log=str(log),
            db=str(tmp_path / "run.sqlite"),
            traces=str(tmp_path),
        )
    )
    command = [sys.executable, str(script)]
    process = subprocess.Popen([*command, "--hang"], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "hanging\n"
    time.sleep(1)  # checkpoints are written in the background by default
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    done = subprocess.run(
        [*command, "--resume"], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "Lima\n", done.stderr
    assert log.read_text().split() == ["peru", "lima", "lima"]
    assert (tmp_path / "traces.jsonl").read_text().count("\n") == 1
