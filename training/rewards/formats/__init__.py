"""Format validators, one file each; each says what is wrong with a run's form."""

from .deep_researcher import deep_researcher_format
from .paper import PaperFormat
from .r1_searcher import (
    r1_searcher_format,
    r1_searcher_searched,
    r1_searcher_think_answer,
)
from .research import research_format
from .search_r1 import search_r1_format
from .well_formed import well_formed

__all__ = [
    "PaperFormat",
    "deep_researcher_format",
    "r1_searcher_format",
    "r1_searcher_searched",
    "r1_searcher_think_answer",
    "research_format",
    "search_r1_format",
    "well_formed",
]
