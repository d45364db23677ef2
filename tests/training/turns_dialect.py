"""A dialect with results as messages and an opening of every turn, for the tests."""

from __future__ import annotations

from langgraph_deepsearch.nodes.dialects.simple_deep_searcher import (
    SimpleDeepSearcherDialect,
)


class TurnsDialect(SimpleDeepSearcherDialect):
    name = "turns"
    layout = "turns"
    result_speaker = "user"
    prefill = "<think>\n"


DIALECT = TurnsDialect
