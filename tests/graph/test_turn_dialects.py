"""The dialects that call tools, end to end over a model server: what the model reads, byte
for byte, at each degree of exactness, and what the trace says of it."""

from __future__ import annotations

import json

import pytest
from scripted import FewPages

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.tools.base import Page, ReadError
from langgraph_deepsearch.trace import Document, read_traces

QUESTION = "What is the capital of Peru?"


class FewReads:
    """Reads two pages; any other address is none."""

    name = "few"
    settings = {}
    pages = {
        "http://w.test/peru": Page(
            url="http://w.test/peru",
            title="Peru",
            text="The capital of Peru is Lima. " + "Filler. " * 30,
            links=(("Lima", "http://w.test/lima"), ("", "http://w.test/none")),
        ),
        "http://w.test/lima": Page(
            url="http://w.test/lima", title="Lima", text="Lima was founded in 1535."
        ),
    }

    def read(self, url):
        if url not in self.pages:
            msg = f"{url}: the server answered with status 404"
            raise ReadError(msg)
        return self.pages[url]

    async def aread(self, url):
        return self.read(url)


@pytest.fixture(params=["token", "text", "message"])
def exactness(request, fake_server):
    if request.param != "token":
        fake_server.no_token_ids = True
    if request.param == "message":
        fake_server.no_tokenize = True
    return request.param


@pytest.fixture
def run(fake_server, tmp_path):
    """Return a function that runs the graph to its output, the prompts and the trace."""

    def ask(dialect, replies, helper=None, **settings):
        left = list(replies)

        def reply(prompt):
            said = helper(prompt) if helper else None
            return said if said is not None else left.pop(0)

        fake_server.script(reply)
        agent = create_deep_search_agent(
            "fake-model",
            base_url=fake_server.base_url,
            search=settings.pop("search", FewPages()),
            reader=FewReads(),
            dialect=dialect,
            trace_dir=str(tmp_path),
            **settings,
        )
        output = agent.invoke({"question": QUESTION})
        prompts = [r["prompt"] for r in fake_server.generations()]
        *_, trace = read_traces(tmp_path)
        return output, prompts, trace

    return ask


def after_question(prompt):
    """Return a prompt's text from the model's first turn on."""
    return prompt.partition(f"{QUESTION}<|im_end|>\n<|im_start|>assistant\n")[2]


def extractor(prompt):
    """Answer as the model that reads pages, None to any other prompt."""
    if '"evidence"' not in prompt:
        return None
    return json.dumps({"rational": "r", "evidence": "It is Lima.", "summary": "Lima."})


SEARCH = (
    '<think>\nI search.\n</think>\n<tool_call>\n{"name": "search", "arguments": '
    '{"query": ["capital of peru", "lima", "nowhere"]}}\n</tool_call>'
)
VISIT = (
    '<think>\nI read.\n</think>\n<tool_call>\n{"name": "visit", "arguments": '
    '{"url": ["http://w.test/peru", "http://w.test/gone"], "goal": "the capital"}}\n</tool_call>'
)
WEB_ANSWER = "<think>\nSo.\n</think>\n<answer>\nLima\n</answer>"
WEB_TRANSCRIPT = (
    f"{SEARCH}<|im_end|>\n<|im_start|>user\n<tool_response>\n"
    "A Google search for 'capital of peru' found 1 results:\n\n## Web Results\n"
    "1. [Peru](http://w.test/peru)\n\nThe capital of Peru is Lima.\n=======\n"
    "A Google search for 'lima' found 1 results:\n\n## Web Results\n"
    "1. [Lima](http://w.test/lima)\n\nLima has 10 million people.\n=======\n"
    "No results were found for this query.\n\n</tool_response><|im_end|>\n"
    f"<|im_start|>assistant\n{VISIT}<|im_end|>\n<|im_start|>user\n<tool_response>\n"
    "The useful information in http://w.test/peru for user goal the capital as follows: \n\n"
    "Evidence in page: \nIt is Lima.\n\nSummary: \nLima.\n=======\n"
    "The useful information in http://w.test/gone for user goal the capital as follows: \n\n"
    "The page could not be read.\n\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
)


def test_web_dancer_reads_what_its_trajectories_hold(exactness, run):
    output, prompts, trace = run("web_dancer", [SEARCH, VISIT, WEB_ANSWER], extractor)
    assert (output["answer"], output["stop_reason"]) == ("Lima", "answered")
    assert after_question(prompts[-1]) == WEB_TRANSCRIPT
    assert trace.exactness == ("token" if exactness == "token" else "message")
    assert [s.query for s in trace.searches] == ["capital of peru", "lima", "nowhere"]
    assert [(r.url, r.goal, r.error is None) for r in trace.reads] == [
        ("http://w.test/peru", "the capital", True),
        ("http://w.test/gone", "the capital", False),
    ]
    assert [c.step for c in trace.children] == ["goal_extractor"]
    assert {s.url: s.used for s in trace.sources}["http://w.test/peru"]
    assert (trace.usage.searches, trace.usage.reads) == (3, 1)
    kinds = [(s.kind, s.speaker, s.trainable) for s in trace.segments if s.turn]
    assert kinds == [
        ("reason", "assistant", True),
        ("query", "assistant", True),
        ("result", "user", False),
        ("reason", "assistant", True),
        ("call", "assistant", True),
        ("result", "user", False),
        ("reason", "assistant", True),
        ("answer", "assistant", True),
    ]


def test_a_page_without_findings_has_no_evidence(run):
    def nothing(prompt):
        return '{"evidence": "", "summary": ""}' if '"evidence"' in prompt else None

    _, prompts, _ = run("web_dancer", [VISIT, WEB_ANSWER], nothing)
    assert (
        "as follows: \n\nEvidence in page: \n\n\nSummary: \n"
        "The page says nothing about this goal.\n=======\n"
    ) in prompts[-1]


def test_only_as_many_queries_run_as_the_original_runs(run):
    many = SEARCH.replace('"nowhere"', '"nowhere", "peru", "trap"')
    _, _, trace = run("web_dancer", [many, WEB_ANSWER])
    assert len(trace.searches) == 3


def test_the_demo_opens_every_turn_with_a_thought(exactness, run):
    replies = [text.removeprefix("<think>\n") for text in (SEARCH, WEB_ANSWER)]
    output, prompts, trace = run("web_dancer:demo", replies)
    assert output["answer"] == "Lima"
    turns = after_question(prompts[-1]).split("<|im_start|>assistant\n")
    if exactness == "message":  # a chat server cannot be given an opened turn
        assert turns[-1] == ""
    else:
        assert turns[0].startswith(SEARCH)
        assert turns[-1] == "<think>\n"
    openings = [s for s in trace.segments if s.text == "<think>\n"]
    assert [s.trainable for s in openings] == [False, False]


DEEP_SEARCH = (
    'I search.</think>\n<tool_call>\n{"name": "web_search", "arguments": {"query": '
    '["capital of peru"]}}\n</tool_call>'
)
DEEP_BROWSE = (
    'I read.</think>\n<tool_call>\n{"name": "browse_webpage", "arguments": {"url_list": '
    '["http://w.test/peru", "http://w.test/gone"]}}\n</tool_call>'
)


def browser(prompt):
    if "<page_down>" not in prompt:
        return None
    return (
        "<extracted_info>It is Lima.</extracted_info><page_down>no</page_down>"
        "<short_summary>Lima</short_summary>"
    )


@pytest.mark.parametrize(
    ("dialect", "written"),
    [("deep_researcher", repr), ("deep_researcher:json", json.dumps)],
)
def test_deep_researcher_gets_a_list_in_tool_responses(exactness, run, dialect, written):
    replies = [DEEP_SEARCH, DEEP_BROWSE, "So.</think>\n<answer>Lima</answer>"]
    output, prompts, trace = run(dialect, replies, browser)
    assert (output["answer"], output["stop_reason"]) == ("Lima", "answered")
    opened = "" if exactness == "message" else "<think>"
    first = written(
        [
            {
                "search_query": "capital of peru",
                "web_page_info_list": [
                    {
                        "quick_summary": "The capital of Peru is Lima.",
                        "title": "Peru",
                        "url": "http://w.test/peru",
                    }
                ],
            }
        ]
    )
    second = written(
        [
            {
                "information": [{"page_number": 0, "page_summary": "It is Lima."}],
                "url": "http://w.test/peru",
            },
            {"information": [], "url": "http://w.test/gone"},
        ]
    )
    between = "<|im_end|>\n<|im_start|>user\n<tool_response>\n"
    after = "\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
    assert after_question(prompts[-1]) == (
        f"<think>{DEEP_SEARCH}{between}{first}{after}"
        f"<think>{DEEP_BROWSE}{between}{second}{after}{opened}"
    )
    assert [c.step for c in trace.children] == ["paging_reader"]


O2_SEARCH = (
    "<think>I search.</think>\n<search>\n<query>capital of peru</query>\n"
    "<query>lima</query>\n</search>"
)
O2_ANSWER = "<think>So.</think>\n<answer>Lima</answer>"


def teacher(prompt):
    if "at most 3 learnings" not in prompt:
        return None
    return "- It is Lima.\n- It is old." if "capital" in prompt else "- It is large."


@pytest.mark.parametrize(
    ("dialect", "result"),
    [
        (
            "o2_searcher:turns",
            "<|im_end|>\n<|im_start|>user\nSearch learnings: <learnings>It is Lima.\n\n"
            "It is old.\nIt is large.</learnings>.\n<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            "o2_searcher:cold_start",
            "<|im_end|>\n<|im_start|>user\nSearch learnings: <learnings>It is Lima.\n\n"
            "It is old.\nIt is large.</learnings>\n<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            "o2_searcher",
            "<|im_start|>user\nSearch learnings: <learnings>It is Lima.\n\n"
            "It is old.\nIt is large.</learnings>.\n<|im_end|>\n<|im_start|>assistant\n",
        ),
    ],
)
def test_o2_searcher_learns_for_an_open_ended_question(run, dialect, result):
    output, prompts, trace = run(dialect, [O2_SEARCH, O2_ANSWER], teacher, open_ended=True)
    assert output["answer"] == "Lima"
    assert after_question(prompts[-1]) == f"{O2_SEARCH}{result}"
    assert [c.step for c in trace.children] == ["learnings", "learnings"]
    assert trace.exactness == "token"


@pytest.mark.parametrize(
    ("dialect", "result"),
    [
        (
            "o2_searcher:turns",
            "<|im_end|>\n<|im_start|>user\nSearch learnings: <learnings>"
            '"Peru"\nThe capital of Peru is Lima.\n"Lima"\nLima has 10 million people.'
            "</learnings>.\n<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            "o2_searcher:cold_start",
            "<|im_end|>\n<|im_start|>user\nSearch learnings: <learnings>"
            'Doc 1(Title: "Peru") The capital of Peru is Lima.\n\n'
            'Doc 1(Title: "Lima") Lima has 10 million people.\n'
            "</learnings>\n<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            "o2_searcher",
            "<|im_start|>user\nSearch learnings: <learnings>"
            '"Peru"\nThe capital of Peru is Lima.\n"Lima"\nLima has 10 million people.'
            "</learnings>.\n<|im_end|>\n<|im_start|>assistant\n",
        ),
    ],
)
def test_o2_searcher_reads_the_documents_of_any_other(run, dialect, result):
    output, prompts, trace = run(dialect, [O2_SEARCH, O2_ANSWER])
    assert output["answer"] == "Lima"
    assert after_question(prompts[-1]) == f"{O2_SEARCH}{result}"
    assert trace.children == []


def test_o2_searcher_joins_a_querys_documents_by_a_space():
    dialect = get_dialect("o2_searcher")
    both = [{"title": "A", "text": "One."}, {"title_line": "B", "text": "Two."}]
    assert dialect.format_documents(both) == '"A"\nOne. B\nTwo.'


def test_o2_searcher_answers_every_turn_without_an_action(run):
    output, _, trace = run("o2_searcher", ["Hm.", "Hm.", "Hm.", "Hm.", O2_ANSWER])
    assert (output["answer"], output["stop_reason"]) == ("Lima", "answered")
    assert sum("was not understood" in s.text for s in trace.segments) == 4


class Snippets(FewPages):
    """Finds the same pages, and says of them what a web search does."""

    returns_full_text = False

    def search(self, query, k, *, episode=None):
        found = super().search(query, k)
        return [d.model_copy(update={"text": "", "snippet": d.text}) for d in found]


def test_web_thinker_explores(exactness, run):
    begin, end = "<|begin_click_link|>", "<|end_click_link|>"
    explored = [
        f"I open it. {begin}http://w.test/peru{end}",
        f"A link. {begin}http://w.test/lima{end}",
        f"Again. {begin}http://w.test/lima{end}",
        "I search on. <|begin_search_query|>lima<|end_search_query|>",
        "Enough.\n\n**Final Information**\nThe capital is Lima, founded\nin 1535.",
    ]

    def helper(prompt):
        if '"evidence"' in prompt:
            return json.dumps({"evidence": "Seen.", "summary": "Lima."})
        return explored.pop(0) if "You explore the web" in prompt else None

    query = "I need it. <|begin_search_query|>capital of peru<|end_search_query|>"
    output, prompts, trace = run(
        "web_thinker", [query, "So.</think>\n\n\\boxed{Lima}"], helper, search=Snippets()
    )
    assert (output["answer"], output["stop_reason"]) == ("Lima", "answered")
    assert not explored
    result = (
        "\n\n<|begin_search_result|>The capital is Lima, founded\nin 1535."
        "<|end_search_result|>\n\n"
    )
    assert trace.output_text.startswith(query + result)
    assert [c.step for c in trace.children] == [
        "explorer",
        "goal_extractor",
        "goal_extractor",
    ]
    inner = "".join(s.text for s in trace.children[0].segments)
    clicked = "<|begin_click_result|>\nEvidence in page: \nSeen.\n\nSummary: \nLima."
    assert f"{clicked}\n\nLinks:\n- Lima: http://w.test/lima\n<|end_click_result|>" in inner
    assert "You have already clicked this URL." in inner
    assert "<|begin_search_result|>\n***Web Page 1:***\n{" in inner
    # Pages of the run's own search are read, and their text is shown.
    shown = next(prompt for prompt in prompts if "You explore the web" in prompt)
    assert "Filler. Filler." in shown
    assert {s.url for s in trace.sources if s.used} == {
        "http://w.test/peru",
        "http://w.test/lima",
    }
    assert trace.usage.searches == 1
    if exactness == "token":
        assert all(s.token_ids is not None for s in trace.children[0].segments)


def test_an_explorer_condenses_pages_as_the_run_says(run):
    replies = [
        "I open it. <|begin_click_link|>http://w.test/peru<|end_click_link|>",
        "**Final Information**\nIt is Lima.",
    ]

    def helper(prompt):
        return replies.pop(0) if "You explore the web" in prompt else None

    query = "I need it. <|begin_search_query|>capital of peru<|end_search_query|>"
    settings = {"page_condenser": "extractive"}
    _, _, trace = run("web_thinker", [query, "\\boxed{Lima}"], helper, **settings)
    (explored,) = trace.children
    assert explored.step == "explorer"
    (clicked,) = (s.text for s in explored.segments if "click_result" in s.text)
    assert "Evidence in page" not in clicked
    assert "capital" in clicked.partition("Links:")[0]


def test_an_explorer_that_never_ends_is_made_to(run):
    def helper(prompt):
        if "You explore the web" not in prompt:
            return None
        if prompt.endswith("\n\n**Final Information:**"):
            return "It is Lima."
        return "On. <|begin_search_query|>lima<|end_search_query|>"

    query = "I need it. <|begin_search_query|>capital of peru<|end_search_query|>"
    output, _, trace = run("web_thinker", [query, "\\boxed{Lima}"], helper)
    assert output["answer"] == "Lima"
    assert "It is Lima." in trace.output_text
    repeats = trace.children[0].segments
    assert sum("already searched" in s.text for s in repeats) == 9


def test_web_thinker_says_limit_and_repeat_in_its_own_words():
    dialect = get_dialect("web_thinker")
    assert dialect.limit_message(20) == (
        "\n\n<|begin_search_result|>You have reached the search limit. You are not allowed "
        "to search.<|end_search_result|>\n\n"
    )
    assert dialect.repeat_message("x") == (
        "\n\n<|begin_search_result|>You have already searched for this query."
        "<|end_search_result|>\n\nOkay,"
    )


@pytest.mark.parametrize(
    ("dialect", "search", "forced"),
    [
        ("web_dancer", SEARCH, WEB_ANSWER),
        ("deep_researcher", DEEP_SEARCH, "So.</think>\n<answer>Lima</answer>"),
        ("o2_searcher:turns", O2_SEARCH, O2_ANSWER),
    ],
)
def test_a_budget_ends_with_a_forced_answer(exactness, run, dialect, search, forced):
    output, prompts, trace = run(
        dialect, [search, forced], teacher, max_turns=1, condenser="none"
    )
    assert (output["answer"], output["stop_reason"]) == ("Lima", "turn_limit")
    notice = get_dialect(dialect).force_answer()
    assert f"{notice}<|im_end|>\n<|im_start|>assistant\n" in prompts[-1]
    told = next(s for s in trace.segments if s.text == notice)
    assert (told.kind, told.speaker, told.trainable) == ("notice", "user", False)


@pytest.mark.parametrize(
    ("dialect", "search", "answer"),
    [
        ("web_dancer", SEARCH, WEB_ANSWER),
        ("deep_researcher", DEEP_SEARCH, "So.</think>\n<answer>Lima</answer>"),
    ],
)
def test_a_thought_may_name_the_tags(exactness, run, dialect, search, answer):
    naming = "I end with <answer></answer>, after a <tool_call></tool_call>. I search."
    replies = [search.replace("I search.", naming), answer.replace("So.", naming)]
    output, prompts, trace = run(dialect, replies)
    assert (output["answer"], output["stop_reason"]) == ("Lima", "answered")
    assert "The capital of Peru is Lima." in after_question(prompts[-1])
    assert [s.text for s in trace.segments if s.kind == "query"] == [
        search[search.index("<tool_call>") :]
    ]
    forced, prompts, _ = run(dialect, replies, max_turns=1)
    assert (forced["answer"], forced["stop_reason"]) == ("Lima", "turn_limit")


@pytest.mark.parametrize("dialect", ["web_dancer", "deep_researcher"])
def test_a_broken_call_is_told_to_the_model(run, dialect):
    broken = "<think>x</think>\n<tool_call>\n{not json\n</tool_call>"
    output, prompts, _ = run(dialect, [broken, "<answer>Lima</answer>"])
    assert output["answer"] == "Lima"
    assert "Nothing was done: the tool call is no JSON object." in prompts[-1]


async def test_async_gives_the_same(fake_server, tmp_path):
    left = [SEARCH, VISIT, WEB_ANSWER]
    fake_server.script(lambda prompt: extractor(prompt) or left.pop(0))
    agent = create_deep_search_agent(
        "fake-model",
        base_url=fake_server.base_url,
        search=FewPages(),
        reader=FewReads(),
        dialect="web_dancer",
    )
    output = await agent.ainvoke({"question": QUESTION})
    assert output["answer"] == "Lima"
    assert after_question(fake_server.generations()[-1]["prompt"]) == WEB_TRANSCRIPT


class Ten(FewPages):
    """Finds ten long pages for every query but one."""

    def search(self, query, k, *, episode=None):
        if query == "nowhere":
            return []
        text = "About it. " + "Filler. " * 60
        return [Document(title=f"{query}{n}", text=text) for n in range(10)]


def test_mask_search_merges_what_there_is_to_ten(run):
    asked = [{"query": query, "intent": 1} for query in ("a", "b", "nowhere")]
    search = f"<think>I search.</think>\n<search> {json.dumps(asked)} </search>"
    answer = "<think>So.</think>\n<answer> Lima </answer>"
    settings = {"search": Ten(), "max_doc_chars": 100}  # pages are cut to twice that
    _, prompts, _ = run("mask_search", [search, answer], **settings)
    shown = (
        prompts[-1].rpartition("<information>：\n\n")[2].partition("\n</information>")[0]
    )
    passages = shown.split("\n\n")
    titles = [passage.split("\n")[0] for passage in passages]
    assert titles == [f"{query}{n}" for n in range(5) for query in "ab"]
    assert all(len(passage.split("\n")[1]) <= 200 for passage in passages)
