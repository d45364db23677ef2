"""The systems of the survey, by their dialects' names."""

from __future__ import annotations

TWELVE = {
    "simple_deep_searcher",
    "search_o1",
    "r1_searcher",
    "r1_searcher_plus",
    "search_r1",
    "research",
    "deep_researcher",
    "zero_search",
    "mask_search",
    "o2_searcher",
    "web_thinker",
    "web_dancer",
}
"""A dialect of one's own, in the folder of the others, is none of them."""
