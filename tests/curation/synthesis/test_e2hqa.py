from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.curation.synthesis.e2hqa import E2HQA, replace_name
from langgraph_deepsearch.curation.synthesis.pages import PageSet, SourcePage
from langgraph_deepsearch.questions import Question

EASY = Question("q1", "Who directed The Silver Harp?", ("Kerrin Oak",))
CLUE = "the drama film of 1987 shot in the harbour of Lunde"
ASKED = "Which drama film of 1987 was shot in the harbour of Lunde?"


def model(clue=CLUE, asked=ASKED, read="The Silver Harp"):
    def reply(prompt: str) -> str:
        if "Make it harder" in prompt:
            return json.dumps({"clue": clue, "sub_question": asked})
        return json.dumps({"answer": read})

    return reply


async def test_a_name_is_hidden_behind_a_question(fake_server, asker, pages):
    fake_server.script(model())
    draft, reasons = await E2HQA(asker, pages).make(EASY, 0)
    assert reasons == []
    record = draft.record("e2hqa")
    assert record["question"] == f"Who directed {CLUE}?"
    assert record["answer"] == ["Kerrin Oak"]
    assert record["easy_question"] == EASY.question
    assert record["decomposition"] == [
        {"question": ASKED, "answer": "The Silver Harp", "clue": CLUE, "page": "harp"}
    ]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"clue": "the film called The Silver Harp of 1987"}, "clue names it"),
        ({"clue": "the silver harp like film of Lunde"}, "clue names it"),
        ({"clue": "the drama film of Kerrin Oak"}, "answer in the clue"),
        ({"clue": "the comedy about two penguins in Norway"}, "clue not in the source"),
        (
            {
                "clue": "the drama film of 1952 that Orson Welles shot in the harbour of Lunde"
            },
            "clue not in the source",
        ),
        ({"clue": "film"}, "no clue"),
        ({"clue": 7}, "no clue"),
        (
            {"clue": "the film of 1990 by nobody, a drama", "read": "x"},
            "clue not in the source",
        ),
        ({"asked": "Which film is The Silver Harp?"}, "answer in the question"),
        ({"asked": ""}, "no question"),
        ({"read": "Gray Door"}, "sub-question not answered from its page"),
    ],
)
async def test_each_check_stops_its_fault(fake_server, asker, pages, settings, reason):
    fake_server.script(model(**settings))
    draft, reasons = await E2HQA(asker, pages).make(EASY, 0)
    assert draft is None
    assert reasons == [reason] * 2


async def test_other_forms_of_the_answer_stay_and_are_not_given_away(
    fake_server, asker, pages
):
    fake_server.script(model())
    several = Question("q1", EASY.question, ("Kerrin Oak", "K. Oak"))
    draft, _ = await E2HQA(asker, pages).make(several, 0)
    assert draft.record("e2hqa")["answer"] == ["Kerrin Oak", "K. Oak"]
    told = Question("q1", EASY.question, ("Kerrin Oak", "harbour of Lunde"))
    draft, reasons = await E2HQA(asker, pages).make(told, 0)
    assert (draft, reasons) == (None, ["answer in the clue"] * 2)
    asked = Question("q1", EASY.question, ("Kerrin Oak", "directed"))
    _, reasons = await E2HQA(asker, pages).make(asked, 0)
    assert reasons == ["answer in the question"] * 2


async def test_a_clue_that_fits_another_page_is_none(fake_server, asker, pages):
    fake_server.script(
        model(clue="the Kerrin Oak film")
    )  # his own page has these words too
    easy = Question("q2", "Is The Silver Harp older?", ("yes",))
    _, reasons = await E2HQA(asker, pages).make(easy, 0)
    assert reasons == ["clue fits another page"] * 2
    fake_server.script(model(clue="the Kerrin Oak drama film"))
    draft, _ = await E2HQA(asker, pages).make(easy, 0)
    assert draft.question == "Is the Kerrin Oak drama film older?"


async def test_a_word_of_no_page_does_not_make_a_clue_fit_one_alone(fake_server, asker):
    text = "{} is a drama film of 1987 that was shot in the harbour of {} by a small crew."
    harp = SourcePage("harp", "The Silver Harp", text.format("The Silver Harp", "Lunde"))
    twin = SourcePage("bell", "The Iron Bell", text.format("The Iron Bell", "Lunde"))
    other = SourcePage("door", "Gray Door", text.format("Gray Door", "Tamsin"))
    fake_server.script(model(clue=CLUE.replace("the drama", "the acclaimed drama")))
    easy = Question("q1", "Which prize did The Silver Harp win?", ("music",))
    draft, reasons = await E2HQA(asker, PageSet([harp, twin, other])).make(easy, 0)
    assert (draft, reasons) == (None, ["clue fits another page"] * 2)
    draft, _ = await E2HQA(asker, PageSet([harp, other])).make(easy, 0)
    assert "the acclaimed drama film of 1987" in draft.question


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (Question("q", "Who directed The Silver Harp?"), "no answer"),
        (Question("q", "Who directed Unknown Film?", ("x",)), "no name with a page"),
        (
            Question("q", "What is The Silver Harp?", ("The Silver Harp film",)),
            "no name with a page",
        ),
    ],
)
async def test_what_has_no_name_to_hide(fake_server, asker, pages, question, reason):
    fake_server.script(model())
    draft, reasons = await E2HQA(asker, pages).make(question, 0)
    assert (draft, reasons) == (None, [reason] * 2)
    assert fake_server.generations() == []


async def test_rounds_hide_one_name_after_the_other(fake_server, asker, pages):
    def reply(prompt: str) -> str:
        if 'names "The Silver Harp"' in prompt:
            clue = "the drama film shot in Lunde that Kerrin Oak made"
            asked = "Which drama film was shot in Lunde by Kerrin Oak?"
        else:
            clue = "the watchmaker born in Vessel Bay"
            asked = "Which watchmaker was born in Vessel Bay?"
        return json.dumps({"clue": clue, "sub_question": asked})

    fake_server.script(reply)
    easy = Question("q1", "Which prize did The Silver Harp win?", ("a music prize",))
    method = E2HQA(asker, pages, rounds=3, verify=False)
    draft, _ = await method.make(easy, 0)
    assert draft.question == (
        "Which prize did the drama film shot in Lunde that the watchmaker born in Vessel Bay "
        "made win?"
    )
    assert draft.details["hops"] == 3  # the third round finds no name; two are kept
    assert [one["answer"] for one in draft.details["decomposition"]] == [
        "Kerrin Oak",
        "The Silver Harp",
    ]
    assert [page.id for page in draft.pages] == ["oak", "harp"]


def test_names_are_replaced_as_whole_words():
    assert (
        replace_name("Is Oak in Oakland?", "Oak", r"\1 tree") == r"Is \1 tree in Oakland?"
    )
