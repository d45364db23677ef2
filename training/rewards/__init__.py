"""Rewards: pure functions over traces, composed and named by the systems they are from."""

from .base import Parts, RewardError
from .compose import Reward
from .presets import REWARDS, get_reward, list_rewards

__all__ = ["REWARDS", "Parts", "Reward", "RewardError", "get_reward", "list_rewards"]
