"""The rewards of the systems, by name."""

from __future__ import annotations

from .base import RewardError
from .compose import Reward
from .cover_em import cover_em, cover_em_unordered, token_recall
from .earned_format import EarnedFormat
from .exact_match import exact_match
from .fewest_searches import FewestSearches
from .findings import OpenEnded, OpenOrClosed
from .floor import FloorWhenValid
from .formats import (
    PaperFormat,
    deep_researcher_format,
    r1_searcher_format,
    r1_searcher_think_answer,
    research_format,
    search_r1_format,
    well_formed,
)
from .graded_format import GradedFormat
from .judge_verdict import judge_verdict
from .penalty import LIGHT_PENALTY, PenalizeInvalid
from .short_answer import short_cover_em
from .token_f1 import token_f1, token_f1_spaced
from .weighted import WeightedFormat
from .word_set_f1 import word_set_f1

_ADDED = PenalizeInvalid(keeps_answer=True)

REWARDS = {
    reward.name: reward
    for reward in (
        Reward(
            "simple_deep_searcher",
            token_f1,
            PaperFormat(),
            source="arXiv 2505.16834, appendix D",
        ),
        Reward(
            "r1_searcher",
            token_f1_spaced,
            r1_searcher_format,
            _ADDED,
            source="R1-Searcher train/reward_server_qwen_zero.py:183-250",
        ),
        Reward(
            "r1_searcher_stage1",
            cover_em_unordered,
            r1_searcher_think_answer,
            EarnedFormat(),
            source="R1-Searcher, Llama stage 1 reward server :155-200",
        ),
        Reward(
            "r1_searcher_stage2",
            token_f1_spaced,
            r1_searcher_format,
            PenalizeInvalid(LIGHT_PENALTY, keeps_answer=True),
            source="R1-Searcher, Llama stage 2 reward server (its README says -2)",
        ),
        Reward(
            "r1_searcher_plus",
            short_cover_em,
            well_formed,
            _ADDED,
            (FewestSearches(),),
            source="R1-Searcher++ section 3 [secondary]; format rules unverified",
        ),
        Reward(
            "search_r1",
            exact_match,
            source="Search-R1 verl/utils/reward_score/qa_em.py",
        ),
        Reward(
            "search_r1_format",
            exact_match,
            search_r1_format,
            GradedFormat(),
            source="Search-R1 v0.3 qa_em_format.py:154-197",
        ),
        Reward(
            "research",
            token_f1,
            research_format,
            FloorWhenValid(),
            source="ReSearch re_search.py:149-179",
        ),
        Reward(
            "deep_researcher",
            word_set_f1,
            deep_researcher_format,
            PenalizeInvalid(LIGHT_PENALTY),
            source="DeepResearcher format_and_f1.py:67-118",
        ),
        Reward("zero_search", token_f1, source="ZeroSearch trainer.reward_function=f1"),
        Reward(
            "mask_search",
            token_recall,
            well_formed,
            WeightedFormat(),
            source="MaskSearch: recall and format; its weights unverified",
        ),
        Reward(
            "mask_search_judge",
            judge_verdict,
            well_formed,
            WeightedFormat(),
            source="MaskSearch: judge and format; its weights unverified",
        ),
        Reward(
            "o2_searcher",
            exact_match,
            combine=OpenOrClosed(),
            source="O2-Searcher main_ppo.py: by kind of question, closed or open-ended",
        ),
        Reward(
            "o2_searcher_open",
            cover_em,
            combine=OpenEnded(),
            source="O2-Searcher o2searcher/rewards, open questions",
        ),
        Reward(
            "web_dancer",
            judge_verdict,
            well_formed,
            WeightedFormat(),
            source="WebDancer, DAPO reward",
        ),
    )
}
"""Search-o1 trains nothing; WebThinker trains by preference pairs (`dpo.py`)."""


def list_rewards() -> list[str]:
    """Return the names of all rewards, in order."""
    return sorted(REWARDS)


def get_reward(name: str) -> Reward:
    """Return the reward of that name.

    Raises:
        RewardError: there is none; the message lists the names.
    """
    if name not in REWARDS:
        msg = f"unknown reward {name!r}; known: {', '.join(list_rewards())}"
        raise RewardError(msg)
    return REWARDS[name]
