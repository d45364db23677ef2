"""Response filters: one rule each, with its constants and their source."""

from .admitted_guess import AdmittedGuess
from .base import Dimension, Filter
from .cited_sources import CitedSources
from .degenerate import DegenerateRepetition
from .foreign_language import ForeignLanguage
from .grounded_query import GroundedQuery
from .language import MixedLanguage
from .length import FirstReasonLength, LongestReasonLength, TotalLength
from .markers import WellFormedMarkers
from .outcome import Correct, ExactMatch, is_correct
from .query_novelty import QueryNovelty
from .reflection import (
    Alternatively,
    AlternativelyTotal,
    Hmm,
    ReflectionWord,
    Reflects,
    Wait,
    count_reflections,
    count_word,
)
from .repetition import RepeatedTrigrams
from .search_diversity import DistinctDocuments, NoRepeatedQuery
from .self_written import NoSelfWrittenResults
from .source_diversity import NewDocuments, SourceDiversity
from .support import SupportedAnswer
from .thinking import AnswerAfterThought, ThinkingTags
from .turn_shape import TurnShape

__all__ = [
    "AdmittedGuess",
    "Alternatively",
    "AlternativelyTotal",
    "AnswerAfterThought",
    "CitedSources",
    "Correct",
    "DegenerateRepetition",
    "Dimension",
    "DistinctDocuments",
    "ExactMatch",
    "Filter",
    "FirstReasonLength",
    "ForeignLanguage",
    "GroundedQuery",
    "Hmm",
    "LongestReasonLength",
    "MixedLanguage",
    "NewDocuments",
    "NoRepeatedQuery",
    "NoSelfWrittenResults",
    "QueryNovelty",
    "ReflectionWord",
    "Reflects",
    "RepeatedTrigrams",
    "SourceDiversity",
    "SupportedAnswer",
    "ThinkingTags",
    "TotalLength",
    "TurnShape",
    "Wait",
    "WellFormedMarkers",
    "count_reflections",
    "count_word",
    "is_correct",
]
