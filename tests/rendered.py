"""What a reader's browser would make of a report."""

from __future__ import annotations

from html.parser import HTMLParser

from markdown_it import MarkdownIt

from langgraph_deepsearch.nodes.report.html_tags import LOADING_ATTRIBUTES


class AnyLink(MarkdownIt):
    """Links to whatever is asked for, as some renderers do."""

    def validateLink(self, url):  # noqa: N802
        return True


_RENDERER = AnyLink("commonmark", {"maxNesting": 200}).enable("table")
_RENDERER.add_render_rule("code_inline", lambda *_: "`")
for _block in ("code_block", "fence"):
    _RENDERER.add_render_rule(_block, lambda *_: "`\n")


def render(markdown):
    """Return the HTML of a markdown text, a mark in place of its code."""
    return _RENDERER.render(f"{markdown}\n")


class Rendered(HTMLParser):
    """A markdown text's tags, what they link to or load, and its words outside code."""

    def __init__(self, markdown):
        super().__init__()
        self.tags = set()
        self.addresses = []
        self.words = ""
        self.feed(render(markdown))
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [
            value
            for name, value in attrs
            if name in LOADING_ATTRIBUTES or name.startswith("on")
        ]

    def handle_data(self, data):
        self.words += data
