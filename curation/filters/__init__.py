"""Response filters: one rule each, with its constants and their source."""

from .admitted_guess import AdmittedGuess
from .base import Dimension, Filter
from .grounded_query import GroundedQuery
from .language import MixedLanguage
from .length import FirstReasonLength, LongestReasonLength, TotalLength
from .markers import WellFormedMarkers
from .outcome import Correct, ExactMatch, is_correct
from .reflection import (
    Alternatively,
    AlternativelyTotal,
    Hmm,
    ReflectionWord,
    Wait,
    count_word,
)
from .repetition import RepeatedTrigrams
from .search_diversity import DistinctDocuments, NoRepeatedQuery
from .self_written import NoSelfWrittenResults
from .support import SupportedAnswer
from .thinking import AnswerAfterThought, ThinkingTags
from .turn_shape import TurnShape

__all__ = [
    "AdmittedGuess",
    "Alternatively",
    "AlternativelyTotal",
    "AnswerAfterThought",
    "Correct",
    "Dimension",
    "DistinctDocuments",
    "ExactMatch",
    "Filter",
    "FirstReasonLength",
    "GroundedQuery",
    "Hmm",
    "LongestReasonLength",
    "MixedLanguage",
    "NoRepeatedQuery",
    "NoSelfWrittenResults",
    "ReflectionWord",
    "RepeatedTrigrams",
    "SupportedAnswer",
    "ThinkingTags",
    "TotalLength",
    "TurnShape",
    "Wait",
    "WellFormedMarkers",
    "count_word",
    "is_correct",
]
