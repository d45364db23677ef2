"""The noise curve that the simulator and the curricula share."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.tools.noise import NoiseSchedule
from langgraph_deepsearch.tools.simulated import SimulatedSearch
from langgraph_deepsearch.training import curriculum


def test_the_curve_is_zero_searchs():
    # p = start + (4^(step/total) - 1) / 3 (end - start)
    values = [NoiseSchedule().at(step, 200) for step in range(201)]
    assert values[0] == 0
    assert values[-1] == pytest.approx(0.5)
    assert values[100] == pytest.approx((4**0.5 - 1) / 3 * 0.5)
    gains = [after - before for before, after in pairwise(values)]
    assert min(gains) > 0
    assert gains == sorted(gains)  # slow at first


@given(step=st.integers(-5, 300), start=st.floats(0, 1), end=st.floats(0, 1))
def test_the_probability_stays_between_its_ends(step, start, end):
    value = NoiseSchedule(start, end).at(step, 200)
    assert min(start, end) - 1e-9 <= value <= max(start, end) + 1e-9


def test_outside_a_training_the_noise_is_that_of_its_start():
    assert NoiseSchedule(0.2, 0.9).at(5, 0) == 0.2


def test_simulator_and_curriculum_mean_the_same_curve():
    assert curriculum.NoiseSchedule is NoiseSchedule
    assert curriculum.get_curriculum("zero_search").noise == NoiseSchedule()
    assert SimulatedSearch("http://127.0.0.1:1").noise == NoiseSchedule()
