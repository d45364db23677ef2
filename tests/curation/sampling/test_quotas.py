from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.curation.sampling.quotas import equal_quotas, share_out

sizes = st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 50), min_size=1)


@settings(deadline=None)
@given(sizes, st.integers(0, 300))
def test_all_that_can_be_is_given(have, target):
    quotas = equal_quotas(have, target)
    assert sum(quotas.values()) == min(target, sum(have.values()))
    assert all(quotas[name] <= size for name, size in have.items())
    # None that is not exhausted gets less than another, but for what does not divide.
    open_quotas = [quotas[name] for name, size in have.items() if quotas[name] < size]
    assert not open_quotas or max(quotas.values()) - min(open_quotas) <= 1


@settings(deadline=None)
@given(sizes, st.integers(0, 300))
def test_the_order_of_a_mapping_does_not_matter(have, target):
    backwards = dict(reversed(have.items()))
    assert list(equal_quotas(have, target).items()) == list(
        equal_quotas(backwards, target).items()
    )


def test_what_does_not_divide_goes_to_the_first():
    assert equal_quotas(dict.fromkeys("cab", 9), 8) == {"a": 3, "b": 3, "c": 2}


def test_shares_hold_until_a_group_is_short():
    have = {"single": 100, "multi": 100}
    assert share_out(have, {"single": 3, "multi": 7}, 50) == {"multi": 35, "single": 15}
    have["multi"] = 20
    assert share_out(have, {"single": 3, "multi": 7}, 50) == {"multi": 20, "single": 30}
