"""The extractive condenser keeps what the query is about."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.nodes.condensers.base import CondenseRequest
from langgraph_deepsearch.nodes.condensers.extractive import ExtractiveCondenser
from langgraph_deepsearch.trace import Document

DOCUMENTS = [
    Document(id="1", title="Silent Harbor", text="It rained a lot. Silent Harbor was directed "
             "by Ada Stone. Critics liked it."),
    Document(id="2", title="Loud Harbor", text="A film about ships.\nNobody knows more."),
    Document(id="3", title="Weather", text="Sunny days are warm."),
]  # fmt: skip


def condense(query, chars=1200, documents=DOCUMENTS):
    return ExtractiveCondenser(max_chars=chars).condense(
        CondenseRequest(question="?", query=query, documents=documents)
    )


def test_the_sentence_that_answers_comes_with_its_title():
    condensed = condense("who directed Silent Harbor", chars=60)
    assert condensed.text == "(1) Silent Harbor: Silent Harbor was directed by Ada Stone."
    assert condensed.used == ("1",)


def test_no_overlap_gives_nothing():
    assert condense("quantum zebra").text == ""


def test_sentences_keep_the_order_of_the_page():
    text = condense("critics directed harbor").text
    assert text.index("directed by Ada") < text.index("Critics liked")


@given(
    st.text(max_size=30), st.lists(st.text(max_size=200), max_size=4), st.integers(50, 500)
)
def test_evidence_stays_near_its_length(query, texts, chars):
    documents = [
        Document(id=str(n), title="T", text=text) for n, text in enumerate(texts, 1)
    ]
    condensed = condense(query, chars, documents)
    longest = max((len(text) for text in texts), default=0)
    assert len(condensed.text) <= max(chars, longest + 10) + 10
    assert set(condensed.used) <= {document.id for document in documents}


def test_a_page_without_a_query_is_read_for_its_goal_or_the_last_thought():
    def read(**given):
        asked = CondenseRequest("Who made it?", "", DOCUMENTS[:1], **given)
        return ExtractiveCondenser(max_chars=60).condense(asked).text

    assert "directed by Ada" in read(goal="who directed Silent Harbor")
    thought = "The results do not state who directed Silent Harbor. I open a page."
    assert "directed by Ada" in read(reasoning=thought)
    assert "It rained" in read(goal="rained")
