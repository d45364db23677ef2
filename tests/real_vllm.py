"""What tests against vLLM itself have in common."""

from __future__ import annotations

import os

import pytest

NEEDS_VLLM = [
    pytest.mark.slow,
    pytest.mark.vllm,
    pytest.mark.skipif(
        "DEEPSEARCH_VLLM_PYTHON" not in os.environ,
        reason="DEEPSEARCH_VLLM_PYTHON names no interpreter with vLLM",
    ),
]
"""Marks of a module."""
