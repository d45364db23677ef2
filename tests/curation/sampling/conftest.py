"""Questions as the sampler sees them."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.curation.sampling.candidates import Candidate


def make_candidate(number: int, **fields) -> Candidate:
    values = {
        "file": 0,
        "record": number,
        "text": f"question {number}",
        "source": "nq",
        "domain": "film",
        "key_points": (f"point {number}",),
        "interrogatives": 1,
    }
    return Candidate(**{**values, **fields})


@pytest.fixture
def candidate():
    return make_candidate
