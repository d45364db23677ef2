"""Whatever researcher and writer write, a run ends, and its report cites what was found."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from report_script import CHECK, FINISHED, edit, search, write
from scripted import FewPages

from langgraph_deepsearch import create_report_agent

TURNS = st.sampled_from(
    [
        search("peru"),
        search("peru lima trap"),
        search("down"),
        search(" "),
        write("The capital", "Name it."),
        write("Its people", ""),
        write("", ""),
        edit("Say more."),
        edit(" "),
        CHECK,
        FINISHED,
        "",
        "I wander. <|begin_write_section|>A\nb",
        "<|end_edit_article|>",
    ]
)
SAID = st.sampled_from(
    [
        "",
        "Lima [1]. Cusco [2][9].",
        "## The capital\n\n[Peru](http://w.test/peru) and ![x](http://evil.test/x)",
        "# T\n\n## A\n\nOne [1].\n\n## B\n\nTwo [3].\n\n## References\n\n[1] http://evil.test",
        "```markdown\n# T\n\n## A\n\nAll [1, 2, 7].\n```",
        "<think>Hm</think>`a[9]` <|end_check_article|> [2-40] http://evil.test/y",
    ]
)


class Replies(BaseChatModel):
    """Says what it is given, then the same again and again."""

    continues_text: bool = True
    replies: list[str]
    said: list[str] = []

    @property
    def _llm_type(self):
        return "replies"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        text = self.replies[min(len(self.said), len(self.replies) - 1)]
        self.said.append(text)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


@settings(max_examples=40, deadline=None)
@given(
    turns=st.lists(TURNS, min_size=1, max_size=7),
    said=st.lists(SAID, min_size=1, max_size=6),
)
def test_any_turns(turns, said):
    agent = create_report_agent(
        Replies(replies=turns, said=[]),
        writer=Replies(replies=["(1) Plan.", *said], said=[]),
        search=FewPages(),
        condenser="extractive",
        max_turns=8,
    )
    result = agent.invoke({"question": "What of Peru?"})
    assert result["stop_reason"] in ("answered", "turn_limit")
    report, _, listed = result["report"].partition("\n## Sources\n")
    assert "<|" not in report
    assert "evil.test" not in report + listed
    outside = re.sub(r"`[^`]*`", "", report)
    cited = [int(number) for number in re.findall(r"\[(\d+)\]", outside)]
    in_order = list(dict.fromkeys(cited))
    assert in_order == list(range(1, len(in_order) + 1))
    numbers = re.findall(r"(?m)^- \[(\d+)\] \w+\. <http://w\.test/\w+>$", listed)
    assert [int(number) for number in numbers] == in_order
    urls = {source["url"] for source in result["sources"]}
    assert urls <= {"http://w.test/peru", "http://w.test/lima", "http://w.test/t"}
