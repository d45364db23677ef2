"""Settings of one run: explicit beats `DEEPSEARCH_*` environment beats default.

LangGraph Studio shows these as a form. Secrets have no place here: keys are read from
the environment by the tool or client that needs them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr
from pydantic.config import JsonDict
from pydantic_settings import BaseSettings, SettingsConfigDict

REASON: JsonDict = {"langgraph_nodes": ["reason", "generate"], "langgraph_type": "model"}
STEP: JsonDict = {"langgraph_nodes": ["reason"]}
SEARCH: JsonDict = {"langgraph_nodes": ["search"]}
SUMMARIZE: JsonDict = {"langgraph_nodes": ["summarize"]}
WRITE: JsonDict = {"langgraph_nodes": ["plan", "write", "edit"]}
"""Where Studio shows a setting."""

PREFIX = "DEEPSEARCH_"
"""What names of environment variables start with, in any case."""

Environment = tuple[tuple[str, str], ...]
"""The settings that the environment holds: names and values."""


class Context(BaseSettings):
    """Per-run settings of the deep-search graph."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", validate_default=True
    )

    model: str = Field(
        default="",
        description="Reasoning model: a served name with `base_url`, or provider:model. "
        "Empty: the first model the server lists.",
        json_schema_extra=REASON,
    )
    base_url: str = Field(
        default="http://127.0.0.1:8000/v1",
        description="OpenAI-compatible server(s) of the reasoning model, comma-separated; "
        "load is spread and a run stays with one.",
        json_schema_extra=STEP,
    )
    dialect: str = Field(
        default="simple_deep_searcher",
        description="Protocol the reasoning model was trained to speak.",
        json_schema_extra=STEP,
    )
    roles: Literal["mask_search"] | None = Field(
        default=None,
        description="Have several roles of the model write each turn: MaskSearch's planner, "
        "rewriter and observer, for a model that speaks no dialect yet; what they write is "
        "in the dialect. One model writes all if empty.",
        json_schema_extra=STEP,
    )
    prompt_file: Path | None = Field(
        default=None,
        description="File whose text replaces the dialect's instruction, or a .json list of "
        "messages that replaces its whole prompt; {question}, {max_searches} and {today} are "
        "filled in.",
        json_schema_extra=STEP,
    )
    keep_thoughts: bool = Field(
        default=True,
        description="Whether the model sees the thoughts of its earlier turns. Off for "
        "reasoning models that were trained without (WebDancer's long chain of thought); the "
        "trace keeps them.",
        json_schema_extra=STEP,
    )
    search: str = Field(
        default="tavily",
        description="tavily[?full], serper, searxng:URL, corpus:PATH[?snippets], "
        "dense:PATH[?model=FOLDER&snippets], hybrid:PATH[?model=FOLDER&snippets], "
        "http:URL, http+CONTRACT:URL or simulated:URL.",
        json_schema_extra=SEARCH,
    )
    reader: str = Field(
        default="web",
        description="How a page is read by its address: web (over HTTP), or corpus:PATH (the "
        "passages of a local corpus, nothing is fetched).",
        json_schema_extra=SEARCH,
    )
    read_pages: bool | None = Field(
        default=None,
        description="Fetch the pages a search found, when it gives only snippets; the "
        "dialect's default if empty.",
        json_schema_extra=SEARCH,
    )
    top_k: int | None = Field(
        default=None,
        ge=1,
        le=50,
        description="Documents per query; the dialect's default if empty.",
        json_schema_extra=SEARCH,
    )
    max_doc_chars: int = Field(
        default=3000,
        ge=100,
        le=100_000,
        description="Characters kept on each side of the evidence in a page "
        "(SimpleDeepSearcher's max_doc_len).",
        json_schema_extra=SEARCH,
    )
    allow_private: str = Field(
        default="",
        description="Private hosts that may be fetched, comma-separated host or host:port.",
        json_schema_extra=SEARCH,
    )
    cache_dir: Path | None = Field(
        default=None,
        description="Folder of the search and page caches; none if empty.",
        json_schema_extra=SEARCH,
    )
    condenser: (
        Literal["none", "extractive", "reason_in_documents", "learnings", "explorer"] | None
    ) = Field(
        default=None,
        description="How a query's documents become evidence: unchanged, by sentence "
        "overlap, by a model that reasons in them (the paper's), by a model that notes what "
        "it learned, or by an agent that searches and follows links; the dialect's default "
        "if empty.",
        json_schema_extra=SUMMARIZE,
    )
    page_condenser: (
        Literal["none", "extractive", "goal_extractor", "paging_reader"] | None
    ) = Field(
        default=None,
        description="How a page read by address becomes evidence: unchanged, by sentence "
        "overlap, by a model that extracts what the goal asks for, or by a model that reads "
        "page by page; the dialect's default if empty.",
        json_schema_extra=SUMMARIZE,
    )
    condenser_prompt_file: Path | None = Field(
        default=None,
        description="File whose text replaces the prompt of the condenser: of `condenser` "
        "where that asks a model, else of `page_condenser`; the names it fills in are in "
        "docs/tools.md.",
        json_schema_extra=SUMMARIZE,
    )
    open_ended: bool = Field(
        default=False,
        description="The question has no one answer: findings are wanted. Some dialects "
        "condense otherwise then (o2_searcher); question files say it line by line.",
        json_schema_extra=SUMMARIZE,
    )
    evidence_chars: int = Field(
        default=1200,
        ge=50,
        le=50_000,
        description="Characters of evidence per query from the extractive condenser.",
        json_schema_extra=SUMMARIZE,
    )
    summarizer_model: str = Field(
        default="",
        description="Model of reason_in_documents; the reasoning model if empty.",
        json_schema_extra={"langgraph_nodes": ["summarize"], "langgraph_type": "model"},
    )
    summarizer_url: str = Field(
        default="",
        description="Server of the summarizer; `base_url` if empty.",
        json_schema_extra=SUMMARIZE,
    )
    summarizer_max_tokens: int = Field(
        default=8192,
        ge=16,
        description="Token limit of one summarizer call.",
        json_schema_extra=SUMMARIZE,
    )
    max_searches: int | None = Field(
        default=None,
        ge=0,
        description="Search budget; the dialect's default if empty.",
        json_schema_extra=STEP,
    )
    max_turns: int | None = Field(
        default=None,
        ge=1,
        description="Turn budget; the dialect's default if empty.",
        json_schema_extra=STEP,
    )
    max_turn_tokens: int | None = Field(
        default=None,
        ge=1,
        description="Tokens of one turn; the dialect's default if empty.",
        json_schema_extra=STEP,
    )
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        description="Tokens the model may write in a whole run.",
        json_schema_extra=STEP,
    )
    max_context_tokens: int | None = Field(
        default=None,
        ge=64,
        description="Longest transcript in tokens; the server's if empty.",
        json_schema_extra=STEP,
    )
    max_seconds: float | None = Field(
        default=None,
        gt=0,
        description="Active seconds of a run (waiting for a person not counted).",
        json_schema_extra=STEP,
    )
    force_answer: bool | None = Field(
        default=None,
        description="Make the model answer when a budget ends; the dialect's default if empty.",
        json_schema_extra=REASON,
    )
    temperature: float = Field(
        default=0.6,
        ge=0,
        le=2,
        description="Sampling temperature; 0 always takes the likeliest token.",
        json_schema_extra=STEP,
    )
    top_p: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="Sampling top-p: the share of the probability that is drawn from.",
        json_schema_extra=STEP,
    )
    sampling_top_k: int = Field(
        default=40,
        ge=-1,
        description="Sampling top-k (documents per query are `top_k`).",
        json_schema_extra=STEP,
    )
    repetition_penalty: float = Field(
        default=1.0,
        gt=0,
        le=2,
        description="Divides the scores of tokens that stand in the text already; 1: none. "
        "Sent to servers that take it (vLLM).",
        json_schema_extra=STEP,
    )
    seed: int | None = Field(
        default=None, description="Sampling seed.", json_schema_extra=STEP
    )
    trace_dir: Path | None = Field(
        default=None,
        description="Folder to which every run appends its trace.",
        json_schema_extra={"langgraph_nodes": ["generate"]},
    )

    _given: frozenset[str] = PrivateAttr(default=frozenset())

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._given = frozenset(values)

    @property
    def given(self) -> frozenset[str]:
        """Names of the fields that were passed; `model_fields_set` has the environment's."""
        return self._given


class ReportContext(Context):
    """Per-run settings of the report graph."""

    dialect: str = Field(
        default="web_thinker_report",
        description="Protocol in which the reasoning model searches and has sections written.",
        json_schema_extra=STEP,
    )
    writer_model: str = Field(
        default="",
        description="Model that plans, writes and edits the report (WebThinker's auxiliary "
        "model); the summarizer if empty.",
        json_schema_extra={**WRITE, "langgraph_type": "model"},
    )
    writer_url: str = Field(
        default="",
        description="Server of the writer; the summarizer's if empty.",
        json_schema_extra=WRITE,
    )
    writer_max_tokens: int = Field(
        default=20_480,
        ge=64,
        description="Token limit of one call of the writer (WebThinker's for a section).",
        json_schema_extra=WRITE,
    )
    writer_documents: int = Field(
        default=6,
        ge=0,
        le=50,
        description="Documents the writer is shown for a section or an edit, the best of all "
        "that were found (WebThinker shows 3, and asks for no citations).",
        json_schema_extra=WRITE,
    )
    polish: bool = Field(
        default=True,
        description="Have the finished report gone over once for its structure, as "
        "WebThinker does.",
        json_schema_extra={"langgraph_nodes": ["polish"]},
    )


def environment_settings() -> Environment:
    """Return the environment's settings as they stand."""
    return tuple(
        (name, value)
        for name, value in os.environ.items()
        if name[: len(PREFIX)].upper() == PREFIX
    )


def resolve_context(
    value: Context | dict[str, Any] | None, schema: type[Context] = Context
) -> Context:
    """Return the run's settings from whatever the runtime passed.

    Outside the server `runtime.context` is None when the caller passed none; a server
    passes a dict, which holds fields of `schema`.
    """
    if isinstance(value, Context):
        return value
    return schema(**(value or {}))
