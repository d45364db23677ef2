import asyncio
import re

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.questions import Question, read_questions
from langgraph_deepsearch.tools.corpus import CorpusSearch
from langgraph_deepsearch.world.preset import WorldError
from langgraph_deepsearch.world.teacher import (
    DecompositionTeacher,
    TeacherError,
    TeacherErrors,
)

DIALECT = get_dialect()
PERFECT = TeacherErrors(0, 0, 0, 0)

HOPS = [
    {
        "relation": "director",
        "subject": "Red Watch",
        "subject_id": "film-1",
        "values": ["Mira Holm"],
        "page": "film-1",
    },
    {
        "relation": "birthplace",
        "subject": "Mira Holm",
        "subject_id": "person-1",
        "values": ["Norvale"],
        "page": "person-1",
    },
]
QUESTION = Question(
    "q1",
    "Where was the director of the film Red Watch born?",
    ("Norvale",),
    {"kind": "compositional", "decomposition": HOPS},
)
OTHER = Question(
    "q2",
    "Where was the director of the film Cold Gate born?",
    ("Kelton",),
    {
        "kind": "compositional",
        "decomposition": [
            {**HOPS[0], "subject": "Cold Gate", "values": ["Ivy Marsh"]},
            {**HOPS[1], "subject": "Ivy Marsh", "values": ["Kelton"]},
        ],
    },
)


def make_teacher(errors=PERFECT, questions=(QUESTION, OTHER), **more):
    return DecompositionTeacher.for_questions(questions, errors=errors, **more)


class Run:
    """Drives a teacher by hand with scripted results."""

    def __init__(self, teacher, question=QUESTION, seed=0, dialect=DIALECT):
        self.teacher = teacher
        self.dialect = dialect
        self.prompt = dialect.prompt(question.question)
        self.seed = seed
        self.transcript = ""
        self.turns = []

    def turn(self):
        messages = [HumanMessage(part["content"]) for part in self.prompt]
        if self.transcript:
            messages.append(AIMessage(self.transcript))
        text = str(self.teacher.invoke(messages, seed=self.seed + len(self.turns)).text)
        self.turns.append(text)
        self.transcript += text
        return self.dialect.parse(text)

    def show(self, evidence):
        self.transcript += self.dialect.render_results(evidence)


def test_it_asks_the_first_hop_first():
    run = Run(make_teacher())
    action = run.turn()
    assert action.kind == "search"
    assert action.queries == ("director of Red Watch",)
    assert "Norvale" not in run.turns[0]
    assert "Mira Holm" not in run.turns[0]


def test_it_quotes_what_it_found_and_goes_on():
    run = Run(make_teacher())
    run.turn()
    run.show("(1) Red Watch: The director of Red Watch was Mira Holm.")
    action = run.turn()
    assert "The director of Red Watch is Mira Holm." in run.turns[1]
    assert action.queries == ("city where Mira Holm was born",)
    run.show("(1) Mira Holm: Mira Holm was born in the city of Norvale.")
    action = run.turn()
    assert action.kind == "answer"
    assert action.text == "Norvale"


def test_the_last_turn_has_one_closing_tag_before_the_answer():
    run = Run(make_teacher())
    run.turn()
    run.show("Mira Holm")
    run.turn()
    run.show("Norvale")
    run.turn()
    assert all("</think>" not in turn for turn in run.turns[:-1])
    assert run.turns[-1].endswith("</think>\n\n\\boxed{Norvale}")
    parts = DIALECT.split_turn(run.turns[-1])
    assert [part.kind for part in parts] == ["reason", "answer"]
    plain = Run(make_teacher(thinking=False))
    for evidence in ("Mira Holm", "Norvale"):
        plain.turn()
        plain.show(evidence)
    plain.turn()
    assert "</think>" not in plain.turns[-1]


def test_it_never_uses_a_fact_it_has_not_seen():
    run = Run(make_teacher())
    run.turn()
    run.show("(1) Red Watch: Red Watch is a film about the sea.")
    action = run.turn()
    assert action.kind == "search"
    assert action.queries == ("Red Watch film directed by",)
    run.show("Nothing of use.")
    action = run.turn()
    assert action.kind == "answer"
    assert action.text == "unknown"
    assert "Mira Holm" not in run.transcript
    assert "do not state" in run.turns[-1]


def test_a_fact_seen_only_in_its_own_words_does_not_count():
    run = Run(make_teacher())
    run.turn()
    run.transcript += "\n\nI think of Mira Holm.\n\n"
    assert run.turn().queries == ("Red Watch film directed by",)


def test_a_fact_found_by_the_second_wording_is_used():
    run = Run(make_teacher())
    run.turn()
    run.show("Nothing.")
    run.turn()
    run.show("Red Watch was directed by mira\nholm.")
    assert run.turn().queries == ("city where Mira Holm was born",)


def test_an_unanswerable_question_ends_with_unknown_after_two_tries():
    hops = [HOPS[0], {**HOPS[1], "values": []}]
    question = Question(
        "q3",
        "Where was she born?",
        ("unknown",),
        {"kind": "unanswerable", "decomposition": hops},
    )
    run = Run(make_teacher(questions=[question]), question)
    run.turn()
    run.show("Mira Holm")
    for _ in range(2):
        assert run.turn().kind == "search"
        run.show("Mira Holm is a director.")
    assert run.turn().text == "unknown"
    assert len(run.turns) == 4


def test_a_seed_decides_a_rollout():
    def play(seed):
        run = Run(make_teacher(TeacherErrors(0.5, 0.5, 0.5, 0.5)), seed=seed)
        for _ in range(8):
            if run.turn().kind == "answer":
                break
            run.show("Red Watch Mira Holm Norvale Cold Gate Ivy Marsh")
        return run.transcript

    assert play(3) == play(3)
    assert len({play(seed) for seed in range(0, 2000, 100)}) > 5


def test_hedging_is_more_than_three_reflection_words_a_turn():
    run = Run(make_teacher(TeacherErrors(1, 0, 0, 0)))
    run.turn()
    run.show("Mira Holm")
    run.turn()
    for turn in run.turns:
        assert len(re.findall(r"\bwait\b", turn, re.IGNORECASE)) > 3
    clean = Run(make_teacher())
    clean.turn()
    assert not re.search(r"\b(wait|hmm|alternatively)\b", clean.turns[0], re.IGNORECASE)


def test_a_repeated_query_is_asked_once_more_and_then_it_goes_on():
    run = Run(make_teacher(TeacherErrors(0, 1, 0, 0)))
    first = run.turn()
    run.show("Mira Holm")
    assert run.turn().queries == first.queries
    run.transcript += DIALECT.repeat_message(first.queries[0])
    assert run.turn().queries == ("city where Mira Holm was born",)


def test_a_wrong_first_query_is_corrected():
    run = Run(make_teacher(TeacherErrors(0, 0, 1, 0)))
    assert run.turn().queries == ("director of Cold Gate",)
    run.show("The director of Cold Gate was Ivy Marsh.")
    assert run.turn().queries == ("director of Red Watch",)
    assert "not what was asked" in run.turns[-1]


def test_an_early_answer_comes_before_the_evidence():
    answers = set()
    for seed in range(20):
        run = Run(make_teacher(TeacherErrors(0, 0, 0, 1)), seed=seed * 100)
        run.turn()
        run.show("Mira Holm")
        action = run.turn()
        assert action.kind == "answer"
        answers.add(action.text)
    assert answers == {"Norvale", "Kelton"}


def test_errors_come_at_their_rates():
    teacher = make_teacher(TeacherErrors(0, 0, 0.25, 0))
    wrong = sum(
        Run(teacher, seed=seed).turn().queries == ("director of Cold Gate",)
        for seed in range(400)
    )
    assert 70 <= wrong <= 130


def test_a_demanded_answer_is_completed():
    run = Run(make_teacher())
    run.turn()
    run.show("Mira Holm")
    run.transcript += DIALECT.force_answer()
    run.turn()
    assert run.turns[-1] == "unknown}"
    known = Run(make_teacher())
    for evidence in ("Mira Holm", "Norvale"):
        known.turn()
        known.show(evidence)
    known.transcript += DIALECT.force_answer()
    known.turn()
    assert DIALECT.extract_answer(known.transcript) == "Norvale"


def test_bad_use_is_said_in_one_line():
    with pytest.raises(TeacherError, match="no decomposition for the question"):
        Run(make_teacher(), Question("x", "Who knows?")).turn()
    with pytest.raises(TeacherError, match="q9 has no usable `decomposition`"):
        make_teacher(questions=[Question("q9", "Who?", ("X",))])
    with pytest.raises(TeacherError, match="no questions"):
        make_teacher(questions=[])
    with pytest.raises(WorldError, match="hedging must be 0 to 1"):
        TeacherErrors(hedging=1.5)


def test_the_rates_can_be_printed():
    assert str(TeacherErrors()) == (
        "hedging 15%, repeated query 15%, wrong first query 15%, early answer 15%"
    )


async def test_it_streams_and_works_asynchronously():
    teacher = make_teacher()
    prompt = [HumanMessage(DIALECT.prompt(QUESTION.question)[0]["content"])]
    whole = str((await teacher.ainvoke(prompt, seed=1)).text)
    streamed = "".join([str(c.text) async for c in teacher.astream(prompt, seed=1)])
    assert whole == streamed
    assert DIALECT.parse(whole).kind == "search"


SETTINGS = {
    "condenser": "extractive",
    "top_k": 3,
    "evidence_chars": 400,
    "max_searches": 6,
    "max_turns": 8,
}


async def test_without_errors_it_answers_a_world_through_the_graph(world):
    questions = read_questions(world.path / "test.jsonl")
    teacher = make_teacher(questions=questions)
    graph = create_deep_search_agent(teacher, search=CorpusSearch(world.path))
    states = await asyncio.gather(
        *(graph.ainvoke({"question": q.question}, context=SETTINGS) for q in questions)
    )
    right = [s["answer"] in q.golds for s, q in zip(states, questions, strict=True)]
    assert sum(right) / len(right) > 0.95
    assert {s["stop_reason"] for s in states} == {"answered"}


@pytest.mark.parametrize(("wordings", "expected"), [(1, 1), (3, 3)])
def test_rollouts_draw_from_as_many_wordings_as_asked(wordings, expected):
    teacher = make_teacher(wordings=wordings)
    prompt = [HumanMessage(QUESTION.question)]
    turns = {teacher.next_turn(prompt, seed=seed) for seed in range(40)}
    assert len(turns) == expected


def test_answers_are_spaced_on_demand():
    run = Run(make_teacher(spaced_answers=True))
    for evidence in ("Mira Holm", "Norvale"):
        run.turn()
        run.show(evidence)
    run.turn()
    assert run.turns[-1].endswith("\\boxed{ Norvale}")
    assert DIALECT.extract_answer(run.turns[-1]) == "Norvale"
    forced = Run(make_teacher(spaced_answers=True))
    forced.turn()
    forced.show("Mira Holm")
    forced.transcript += DIALECT.force_answer()
    forced.turn()
    assert forced.turns[-1] == " unknown}"
