"""Filters that the field has shown worth having: what they catch, and what they leave."""

from __future__ import annotations

import builtins
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.curation.filters import (
    CitedSources,
    DegenerateRepetition,
    ForeignLanguage,
    MixedLanguage,
    NewDocuments,
    NoRepeatedQuery,
    QueryNovelty,
    Reflects,
    RepeatedTrigrams,
    SourceDiversity,
    SupportedAnswer,
    count_reflections,
)
from langgraph_deepsearch.curation.filters.degenerate import repeated_share
from langgraph_deepsearch.curation.filters.language import SCRIPTS
from langgraph_deepsearch.curation.pipeline import NothingKeptError, curate
from langgraph_deepsearch.errors import MissingDependencyError
from langgraph_deepsearch.trace import Document, SearchRecord, Source

SENTENCE = "Wait, I should look at this once more and see who directed that film. "
"""14 words: the example that the reference's trigram rule lets pass 200 times over."""

ENGLISH = (
    "The film was directed by a woman who was born in the north of the country. "
    "She studied law before she turned to the cinema, as the page about her says. "
)
GERMAN = "Der Film wurde von einer Frau gedreht, die im Norden des Landes geboren wurde. "
CHINESE = (
    "这部电影的导演是一位出生在北方的女性，她在转向电影之前学习了法律，后来搬到了巴黎。"
)

REMOVED = [
    (CitedSources(), {"closing": "It stands in [1] and [77].</think>"}),
    (CitedSources(), {"reasons": ["I go to https://made.up/page. "]}),
    (DegenerateRepetition(), {"closing": SENTENCE * 200 + "</think>"}),
    (DegenerateRepetition(), {"closing": "ha" * 300 + "</think>"}),
    (DegenerateRepetition(), {"closing": "所以答案是巴黎" * 30 + "</think>"}),
    (ForeignLanguage(), {"closing": ENGLISH + GERMAN + "</think>"}),
    (ForeignLanguage(), {"closing": ENGLISH + CHINESE + "</think>"}),
    (QueryNovelty(), {"queries": ("capital of France", "France, the capitals")}),
    (Reflects(least=2), {}),
]


def with_sources(trace, count=3):
    trace.sources = [
        Source(id=str(n), url=f"http://x.example/{n}") for n in range(1, count + 1)
    ]
    return trace


@pytest.mark.parametrize(("rule", "fields"), REMOVED, ids=lambda v: getattr(v, "name", ""))
def test_rule_removes_what_it_names(rule, fields, build, dialect):
    assert rule.reason(with_sources(build(**fields)), dialect)
    fine = build(closing="It is [2]. Hmm, actually it is Paris.</think>")
    assert rule.reason(with_sources(fine), dialect) is None


def test_trigrams_miss_what_repetition_catches(build, dialect):
    trace = build(closing=SENTENCE * 200)
    assert RepeatedTrigrams().reason(trace, dialect) is None
    assert "99%" in DegenerateRepetition().reason(trace, dialect)


def test_a_plan_said_again_in_every_turn_is_no_degeneration(build, dialect):
    plan = "First I need the director of the film, then where that person was born. "
    facts = [f"{plan}I now look for step {n}: " + ENGLISH for n in "ab"]
    assert (
        DegenerateRepetition().reason(build(queries="ab", reasons=facts), dialect) is None
    )
    stuck = [ENGLISH * 2] * 9
    trace = build(queries="abcdefghi", reasons=stuck)
    assert "of the run repeats" in DegenerateRepetition(share=1.0).reason(trace, dialect)


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(1, 5))
def test_repeated_share_is_the_share_of_covered_words(words, size):
    grams = [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]
    covered = {
        i + k for i, gram in enumerate(grams) if gram in grams[:i] for k in range(size)
    }
    expected = len(covered) / len(words) if words else 0.0
    assert repeated_share(words, size) == pytest.approx(expected)


def test_addresses_count_as_seen_wherever_the_model_could_read_them(build, dialect):
    trace = build(
        question="What does https://a.example/x say?",
        closing="See http://A.example/x/, (http://x.example/1/0) and "
        "https://b.example/page.</think>",
    )
    assert "b.example/page was" in CitedSources().reason(trace, dialect)
    result = next(s for s in trace.segments if s.kind == "result")
    result.text += " More: <a href='https://b.example/page'>"
    assert CitedSources().reason(trace, dialect) is None


def test_numbers_in_brackets_need_a_source_by_that_number(build, dialect):
    trace = build(closing="In [1] and [3].</think>", documents=2)
    assert CitedSources().reason(trace, dialect) == "1 citations name no retrieved source"
    assert CitedSources().reason(build(closing="In [1999].</think>"), dialect) is None
    several = build(closing="In [1, 3] and [12; 99].</think>", documents=4)
    assert CitedSources().reason(several, dialect) == "2 citations name no retrieved source"
    known = build(closing="In [1, 3].</think>", documents=4)
    assert CitedSources().reason(known, dialect) is None


def test_novelty_is_more_than_equality_and_less_than_likeness(build, dialect):
    again = build(queries=("who directed The Red House", "The Red House, who directed"))
    assert NoRepeatedQuery().reason(again, dialect) is None
    assert "says no more than" in QueryNovelty().reason(again, dialect)
    further = build(queries=("birth place of Anja Telk", "birth date of Anja Telk"))
    assert QueryNovelty().reason(further, dialect) is None
    assert QueryNovelty(similarity=0.5).reason(further, dialect)
    common = build(queries=("who is it", "where was that"))
    assert QueryNovelty().reason(common, dialect) is None


def documents(*urls):
    return [Document(id=str(i), url=url) for i, url in enumerate(urls)]


def searched(build, *records):
    trace = build(queries=())
    trace.searches = [
        SearchRecord(turn=i, query=f"q{i}", documents=documents(*urls))
        for i, urls in enumerate(records)
    ]
    return trace


def test_every_search_brings_something_new(build, dialect):
    first, second = ["http://a.x/1", "http://a.x/2"], ["http://a.x/2", "http://a.x/3"]
    assert NewDocuments().reason(searched(build, first, second), dialect) is None
    assert "'q1' found nothing new" in NewDocuments().reason(
        searched(build, first, first[:1]), dialect
    )
    assert NewDocuments(least=2).reason(searched(build, first, second), dialect)
    # A search that found nothing is another filter's matter.
    assert NewDocuments().reason(searched(build, first, []), dialect) is None


def test_no_site_dominates_but_in_an_index_of_its_own(build, dialect):
    one = [f"https://www.a.x/{i}" for i in range(9)]
    alone = searched(build, one)
    assert "9 of 9 documents come from a.x" in SourceDiversity().reason(alone, dialect)
    for search, judged in (("corpus:w", 0), ("http://ir:1", 0), ("serper", 1), ("", 1)):
        alone.settings = {"search": search}
        assert bool(SourceDiversity().reason(alone, dialect)) == judged
    mixed = searched(build, one, ["https://b.x/1"])
    assert "9 of 10 documents come from a.x" in SourceDiversity().reason(mixed, dialect)
    balanced = searched(build, one, ["https://b.x/1", "https://c.x/1", "https://d.x/2"])
    assert SourceDiversity().reason(balanced, dialect) is None
    assert (
        SourceDiversity().reason(searched(build, one[:3], ["http://b.x"]), dialect) is None
    )


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:80"])
def test_a_world_on_this_machine_has_one_host_and_is_not_judged(host, build, dialect):
    pages = [f"http://{host}/person/{i}.html" for i in range(9)]
    served = searched(build, pages)
    served.settings = {"search": f"searxng:http://{host}"}
    assert SourceDiversity().reason(served, dialect) is None
    web = [f"https://a.x/{i}" for i in range(5)]
    assert "5 of 5" in SourceDiversity().reason(searched(build, pages, web), dialect)


def test_support_may_be_a_share_of_the_words_and_in_the_documents(build, dialect):
    trace = build(answer="\n\n\\boxed{Paris and the Louvre}")
    assert SupportedAnswer(share=0.8).reason(trace, dialect)
    result = next(s for s in trace.segments if s.kind == "result")
    result.text += " The Louvre is a museum."
    assert SupportedAnswer().reason(trace, dialect)
    assert SupportedAnswer(share=0.8).reason(trace, dialect) is None
    retrieved = SupportedAnswer(share=0.8, where="retrieved")
    assert "in no document" in retrieved.reason(trace, dialect)
    trace.searches[0].documents[0].text = "Louvre, Paris"
    assert retrieved.reason(trace, dialect) is None


def test_support_may_be_in_the_documents_where_all_evidence_is_at_hand(build, dialect):
    rule = SupportedAnswer(where="retrieved_or_shown")
    trace = build()  # its documents have no text, so what was shown counts
    assert rule.reason(trace, dialect) is None
    trace.searches[0].documents[0].text = "Lyon is a city."
    assert "in no document" in rule.reason(trace, dialect)
    trace.searches[0].documents[0].text = "Paris is a city."
    assert rule.reason(trace, dialect) is None
    trace.searches[0].documents[0].text = "Lyon is a city."
    trace.sources = [Source(id="0", used=True), Source(id="99", used=True)]
    assert rule.reason(trace, dialect) is None  # the last is a page an explorer opened


def test_a_condensers_own_words_support_nothing_in_the_field_presets(build, tmp_path):
    trace = build(closing="Hmm, so it is Paris.</think>")
    trace.searches[0].documents[0].text = "Lyon is a city."
    for preset in ("direct", "reflective"):
        with pytest.raises(NothingKeptError, match="in no document"):
            curate([trace], tmp_path, preset=preset)
    assert curate([trace], tmp_path, preset="r1_searcher").kept == 1


def test_support_is_found_in_scripts_without_spaces(build, dialect):
    trace = build(answer="\n\n\\boxed{巴黎}")
    assert SupportedAnswer().reason(trace, dialect)
    result = next(s for s in trace.segments if s.kind == "result")
    result.text = "法国的首都巴黎是一座城市。"
    assert SupportedAnswer().reason(trace, dialect) is None


def test_a_foreign_name_or_query_is_no_mixture(build, dialect):
    trace = build(
        queries=("Wer hat den Film gedreht, der im Norden des Landes spielt und dort?",),
        reasons=[ENGLISH],
        closing=ENGLISH * 2 + "Its German title is Das Boot.</think>",
    )
    assert ForeignLanguage().reason(trace, dialect) is None


SHORT_CHINESE = ["好的，我来查一下。", "所以答案是巴黎。", "那么，Paris 是对的？"]
SPANISH = "Vamos a buscar otra vez. Creo que la respuesta es Paris. No estoy seguro."
FEW_LETTERS = MixedLanguage(scripts=tuple(SCRIPTS), allows_question_script=True, limit=20)


@pytest.mark.parametrize("sentence", SHORT_CHINESE)
def test_a_short_sentence_in_another_script_is_a_mixture(sentence, build, dialect):
    trace = build(closing=f"{ENGLISH * 4}{sentence}\n</think>")
    assert "sentence in another script" in FEW_LETTERS.reason(trace, dialect)
    asked = build(question="法国的首都是哪里？", closing=sentence)
    assert FEW_LETTERS.reason(asked, dialect) is None


@pytest.mark.parametrize(
    "name",
    [
        "The film is 霸王别姬.",
        "The film is 霸王别姬。",
        "It is 北京市朝阳区人民法院。",
        "霸王别姬 is a film.",
        "Films:\n- 霸王别姬\n- 活着",
        "It is called 《霸王别姬，第一集》。",
        'The page says "好的，我来查一下。"',
        "The company (北京市科技有限公司。)",
        "The novel is Братья Карамазовы.",
    ],
)
def test_a_quoted_foreign_name_is_no_mixture(name, build, dialect):
    trace = build(
        queries=["霸王，导演"], reasons=[ENGLISH], closing=f"{name}\n{ENGLISH}</think>"
    )
    for rule in (FEW_LETTERS, ForeignLanguage()):
        assert rule.reason(trace, dialect) is None


def test_short_sentences_of_another_language_count_together(build, dialect):
    rule = ForeignLanguage()
    for english in ("I look for it. ", ENGLISH, ENGLISH * 9):
        trace = build(reasons=[english], closing=f"{SPANISH} So it is.</think>")
        assert rule.reason(trace, dialect)
    turns = [f"{ENGLISH}{one}." for one in SPANISH[:-1].split(".")]
    spread = build(queries="abc", reasons=turns, closing="So it is Paris.</think>")
    assert "as es: 'Vamos" in rule.reason(spread, dialect)
    titles = (
        "Château d'Hérouville\nLa Vie en Rose\nÀ bout de souffle\nLes Quatre Cents Coups"
    )
    assert rule.reason(build(closing=f"{ENGLISH}\n{titles}\n"), dialect) is None


def test_reasoning_is_in_the_questions_language_or_in_english(build, dialect):
    german = "Wer hat den Film gedreht, dessen Hauptdarsteller im Norden des Landes lebt?"
    asked = {"question": german, "reasons": [GERMAN], "closing": GERMAN + "</think>"}
    assert ForeignLanguage().reason(build(**asked), dialect) is None
    assert (
        ForeignLanguage().reason(build(question=german, closing=ENGLISH), dialect) is None
    )
    english = "Which of the two directors was born first, and in which country was that?"
    chinese = build(question=english, reasons=[CHINESE], closing=CHINESE)
    assert "question is in en, the reasoning in zh" in ForeignLanguage().reason(
        chinese, dialect
    )


def test_latin_scripts_are_told_apart_by_the_identifier_alone(build, dialect):
    trace = build(closing=ENGLISH + GERMAN.replace("ö", "oe"))
    assert MixedLanguage(scripts=("han", "cyrillic")).reason(trace, dialect) is None
    assert ", as de: 'Der Film" in ForeignLanguage().reason(trace, dialect)


def test_a_missing_identifier_is_one_line_with_the_command(build, dialect, monkeypatch):
    from langgraph_deepsearch.curation.filters import foreign_language

    real = builtins.__import__

    def without(name, *rest, **named):
        if name.startswith("py3langid"):
            raise ImportError(name)
        return real(name, *rest, **named)

    foreign_language._identifier.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"langgraph-deepsearch\[curate\]"):
        ForeignLanguage().reason(build(closing=ENGLISH), dialect)
    foreign_language._identifier.cache_clear()


@given(st.lists(st.sampled_from(["wait", "Hmm", "actually", "Kuwait", "factually", "so"])))
def test_reflections_are_whole_words_of_the_list(words):
    expected = sum(word.lower() in ("wait", "hmm", "actually") for word in words)
    assert count_reflections(", ".join(words)) == expected


REAL = Path(__file__).parents[3] / "shared" / "data" / "traces_webdancer"


def test_real_english_rollouts_are_not_taken_for_a_mixture(build, dialect):
    file = REAL / "sample_traj.jsonl"
    if not file.is_file():
        pytest.skip("WebDancer's sample trajectories are not at hand")
    flagged = repeated = 0
    for line in file.read_text().splitlines()[:60]:
        turns = [
            m["content"] for m in json.loads(line)["messages"] if m["role"] == "assistant"
        ]
        trace = build(queries=(), closing="\n".join(turns), answer="")
        flagged += ForeignLanguage().reason(trace, dialect) is not None
        repeated += DegenerateRepetition().reason(trace, dialect) is not None
    assert (flagged, repeated) == (0, 0)
