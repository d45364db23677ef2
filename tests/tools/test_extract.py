from __future__ import annotations

import contextlib
import time

import pytest

from langgraph_deepsearch.tools.base import ReadError
from langgraph_deepsearch.tools.extract import extract_page

PARAGRAPH = "<p>Ada Lovelace wrote the notes on the engine, and many people read them.</p>"
HTML = "text/html"
PLAIN = "text/plain"


HOSTILE = {
    "spaces": ("x" + " " * 100_000 + "x", PLAIN),
    "tabs": ("x" + " \t" * 50_000 + "x", PLAIN),
    "lines": ("x" + "\n" * 100_000 + "x", PLAIN),
    "blank lines": ("x" + "\n " * 50_000 + "x", PLAIN),
    "pre": (f"<html><body>{PARAGRAPH}<pre>x{' ' * 100_000}x</pre></body></html>", HTML),
    "open titles": (f"<html><body>{PARAGRAPH}{'<title ' * 50_000}</body></html>", HTML),
    "titles": (f"<html><body>{PARAGRAPH}{'<title>' * 50_000}</body></html>", HTML),
    "header": (PARAGRAPH, f"{PLAIN}; charset={' ' * 60_000}!"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_takes_little_time(name: str) -> None:
    body, content_type = HOSTILE[name]
    started = time.process_time()
    # A page that holds no text is an honest end.
    with contextlib.suppress(ReadError):
        extract_page(body.encode(), content_type, "http://x.test/")
    assert time.process_time() - started < 3


def test_lines_lose_trailing_space_and_runs_of_blank_lines() -> None:
    body = b" one \t\r\ntwo\n \n\t\n\nthree\x01 "
    assert extract_page(body, PLAIN, "http://x.test/").text == "one\ntwo\n\nthree"


def test_the_title_is_the_documents() -> None:
    body = f"<html><head><title> A &amp;\n B </title></head><body>{PARAGRAPH * 5}</body></html>"
    assert extract_page(body.encode(), HTML, "http://x.test/").title == "A & B"
