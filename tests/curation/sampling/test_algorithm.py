"""Algorithm 1: against its words, and what must hold beyond them."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.curation.sampling.algorithm import (
    merged_domains,
    sample_diverse,
)
from langgraph_deepsearch.curation.sampling.candidates import Candidate, SamplingError
from langgraph_deepsearch.curation.sampling.diversity import pick_diverse


def algorithm_1(dataset, domains, target):
    """The paper's pseudocode, line by line; questions are told apart by their place."""
    selected = []
    for domain in domains:
        quota = target / len(domains)
        left = [x for x in dataset if x.domain == domain]
        left.sort(key=lambda x: x.interrogatives, reverse=True)
        while sum(x.domain == domain for x in selected) < quota and left:
            keywords = set()
            for x in list(left):
                if sum(y.domain == domain for y in selected) >= quota:
                    break
                if x not in selected and not set(x.key_points) & keywords:
                    selected.append(x)
                    keywords |= set(x.key_points)
                    left.remove(x)
    return [x.record for x in selected]


def passes(key_points, quota):
    """The passes of one domain, as the pseudocode makes them."""
    left, selected = list(range(len(key_points))), []
    while len(selected) < quota and left:
        used = set()
        for x in list(left):
            if len(selected) >= quota:
                break
            if not set(key_points[x]) & used:
                selected.append(x)
                used |= set(key_points[x])
                left.remove(x)
    return selected


questions = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.lists(st.sampled_from("pqrstu"), max_size=4),
        st.integers(0, 4),
    ),
    max_size=40,
)


def pool_of(rows) -> list[Candidate]:
    return [
        Candidate(0, place, f"question {place}", "s", domain, tuple(points), words)
        for place, (domain, points, words) in enumerate(rows)
    ]


@settings(deadline=None)
@given(questions, st.integers(1, 10))
def test_selects_what_the_papers_pseudocode_selects(rows, each):
    pool = pool_of(rows)
    sizes = Counter(one.domain for one in pool)
    each = min([each, *sizes.values()])  # no domain falls short
    target = each * len(sizes)
    chosen = sample_diverse(pool, target)
    assert chosen == algorithm_1(pool, sorted(sizes), target)
    assert len(chosen) == target


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("pqrst"), max_size=4), max_size=40),
    st.integers(0, 45),
)
def test_one_walk_takes_what_the_passes_take(key_points, quota):
    assert pick_diverse(key_points, quota) == passes(key_points, quota)


@settings(deadline=None)
@given(questions, st.integers(1, 60), st.integers(0, 3))
def test_small_domains_are_made_up_for(rows, target, min_domain):
    pool = pool_of(rows)
    counts_as = merged_domains(pool, min_domain)
    chosen = sample_diverse(pool, target, counts_as=counts_as)
    assert len(chosen) == len(set(chosen)) == min(target, len(pool))


@settings(deadline=None)
@given(questions, st.integers(1, 60))
def test_without_redistribution_no_domain_gets_more_than_its_share(rows, target):
    pool = pool_of(rows)
    sizes = Counter(one.domain for one in pool)
    chosen = sample_diverse(pool, target, redistribute=False)
    counts = Counter(pool[place].domain for place in chosen)
    for name, size in sizes.items():
        share = target / len(sizes)
        assert counts[name] in {min(size, int(share)), min(size, int(share) + 1)}


def test_a_short_domain_gives_all_it_has_and_ends(candidate):
    # SimpleDeepSearcher's code looks for the missing question 100,000 times, then fails.
    small = [candidate(n, domain="law", key_points=("court",)) for n in range(3)]
    large = [candidate(n, domain="film") for n in range(3, 3000)]
    started = time.monotonic()
    chosen = sample_diverse([*small, *large], 1000)
    assert time.monotonic() - started < 5
    assert len(chosen) == 1000
    assert {0, 1, 2} <= set(chosen)


def test_one_key_point_in_all_questions_takes_no_time(candidate):
    pool = [candidate(n, key_points=("film", f"point {n % 7}")) for n in range(30_000)]
    started = time.process_time()
    assert sample_diverse(pool, 20_000) == list(range(20_000))
    assert time.process_time() - started < 5


def test_small_domains_share_one_quota(candidate):
    sizes = {"film": 20, "law": 2, "art": 2}
    names = [name for name, size in sizes.items() for _ in range(size)]
    pool = [candidate(place, domain=name) for place, name in enumerate(names)]
    counts_as = merged_domains(pool, 3)
    assert counts_as == {"art": "other", "film": "film", "law": "other"}
    chosen = sample_diverse(pool, 6, counts_as=counts_as)
    assert Counter(pool[place].domain == "film" for place in chosen) == {True: 3, False: 3}


def test_more_domains_than_questions_wanted(candidate):
    pool = [candidate(n, domain=f"domain {n}") for n in range(9)]
    assert len(sample_diverse(pool, 4)) == 4


def test_interrogative_words_come_first(candidate):
    pool = [candidate(n, interrogatives=n % 5) for n in range(50)]
    chosen = sample_diverse(pool, 10)
    assert {pool[place].interrogatives for place in chosen} == {4}


class TestAblations:
    def test_without_domains_a_large_domain_takes_more(self, candidate):
        pool = [candidate(n, domain="film") for n in range(90)]
        pool += [candidate(n, domain="law") for n in range(90, 100)]
        with_domains = sample_diverse(pool, 20)
        without = sample_diverse(pool, 20, without=["domain"])
        count = [sum(pool[p].domain == "law" for p in c) for c in (with_domains, without)]
        assert count == [10, 0]  # all have one interrogative word: the order decides

    def test_without_keywords_key_points_repeat(self, candidate):
        pool = [candidate(n, key_points=(f"p{n // 10}",)) for n in range(40)]
        chosen = sample_diverse(pool, 4)
        assert len({pool[place].key_points for place in chosen}) == 4
        without = sample_diverse(pool, 4, without=["keywords"])
        assert {pool[place].key_points for place in without} == {("p0",)}

    def test_without_interrogatives_the_order_is_random(self, candidate):
        pool = [candidate(n, interrogatives=int(n < 10)) for n in range(100)]
        assert sample_diverse(pool, 10) == list(range(10))
        chosen = sample_diverse(pool, 10, without=["interrogatives"], seed=1)
        assert sum(pool[place].interrogatives for place in chosen) < 6
        other = sample_diverse(pool, 10, without=["interrogatives"], seed=2)
        assert chosen != other

    def test_an_unknown_criterion_is_refused(self, candidate):
        with pytest.raises(SamplingError, match="no criterion 'keyword'"):
            sample_diverse([candidate(0)], 1, without=["keyword"])


def test_a_seed_shuffles_equals_alone(candidate):
    pool = [candidate(n, interrogatives=2 if n < 20 else 1) for n in range(100)]
    chosen = {seed: sample_diverse(pool, 10, seed=seed) for seed in (1, 2)}
    assert chosen[1] != chosen[2]
    assert chosen[1] == sample_diverse(pool, 10, seed=1)
    assert all(place < 20 for one in chosen.values() for place in one)
