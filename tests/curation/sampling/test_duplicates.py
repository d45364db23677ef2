from __future__ import annotations

import json
import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.curation.sampling.contamination import (
    EvaluationSets,
    find_contaminated,
)
from langgraph_deepsearch.curation.sampling.duplicates import find_duplicates, jaccard
from langgraph_deepsearch.curation.sampling.wording import Lexicon, ngrams
from langgraph_deepsearch.questions import read_questions

CHINESE = "电影《银河铁道之夜》的导演出生在哪一个城市并且在哪一所大学学习过？"
KOREAN = (
    "영화 은하철도의 밤을 감독한 사람은 어느 도시에서 태어났고 무슨 대학에서 공부했습니까?"
)
ARABIC = "في أي مدينة ولد مخرج فيلم ليلة القطار الذي درس في جامعة القاهرة؟"

LONG = "In which county lies the village where the founder of the brewery {} was born?"


def found(*texts, **settings):
    return [(one.position, one.of, one.kind) for one in find_duplicates(texts, **settings)]


def test_case_signs_articles_accents_and_plurals_do_not_count():
    assert found(
        "Who directed the films of Béla Tarr?", "who directed film of bela tarr"
    ) == [(1, 0, "same")]


def test_a_changed_word_is_a_near_duplicate():
    one = LONG.format("Kerrin Oak")
    assert found(one, one.replace("village", "town")) == [(1, 0, "near")]
    assert found(one, one.replace("village", "town"), threshold=2) == []


def test_another_name_is_another_question():
    assert found(LONG.format("Kerrin Oak"), LONG.format("Silver Harp")) == []


def test_names_of_common_words_are_names():
    common = [
        f"who is the {r} of the {o} of {n}"
        for n, (r, o) in enumerate([("uncle", "teacher"), ("teacher", "uncle")] * 4)
    ]
    texts = [*common, LONG.format("The Uncle"), LONG.format("The Teacher")]
    assert not [one for one in found(*texts) if one[0] >= len(common)]


def test_another_number_is_another_question():
    text = "which party won most seats in the county election that was held in {}"
    assert found(text.format(1998), text.format(2002)) == []


def test_rare_words_are_names_in_lower_case():
    text = "who is the father of the director of the film that is called {}"
    letters = "abcdefghijklmno"
    texts = [text.format(f"{a}{b}{c}") for a in "klmnp" for b in letters for c in letters]
    assert len(texts) > 1000
    assert found(*texts) == []


@pytest.mark.parametrize("count", [3, 500])
def test_in_lower_case_a_replaced_word_may_be_a_name(count):
    text = "what is the name of the river that flows through the capital of {}"
    countries = ["france", "spain", "poland"] + [
        f"land{'abcde'[n % 5]}" for n in range(497)
    ]
    texts = list(dict.fromkeys(text.format(country) for country in countries[:count]))
    assert found(*texts) == []
    more = text.format("france").replace("river", "big river")
    assert found(*texts, more) == [(len(texts), 0, "near")]


def test_a_first_word_may_be_a_name_or_not():
    texts = [
        f"{name} made which film about the harbour of Lunde?" for name in ("Ada", "Eve")
    ]
    assert found(*texts) == []
    plain = LONG.format("Kerrin Oak").replace("In which", "Which")
    assert found(plain, f"Approximately {plain[0].lower()}{plain[1:]}") == [(1, 0, "near")]


def test_scripts_without_capitals():
    assert found(CHINESE, CHINESE.replace("城市", "城镇")) == [(1, 0, "near")]
    assert found(CHINESE, CHINESE.replace("银河铁道", "卧虎藏龙")) == []
    assert found(KOREAN, KOREAN.replace("사람은 ", "")) == [(1, 0, "near")]
    assert found(KOREAN, KOREAN.replace("은하철도의 밤을", "기생충을")) == []


def test_questions_without_words_are_told_by_their_signs():
    assert found("+?", "-?", "+?") == [(2, 0, "same")]
    assert found("The", "a", "The A", "the") == [(3, 0, "same")]


words = st.lists(st.sampled_from("who is his of and that this".split()), max_size=9)
"""Words that name nothing."""


@settings(deadline=None)
@given(st.lists(words.map(" ".join), max_size=12), st.floats(0.1, 1))
def test_prefix_filtering_misses_nothing(texts, threshold):
    """Words that name nothing: every pair counts, none is looked up in vain."""
    numbers = Lexicon().read(texts)
    grams = [ngrams(numbers[place]) for place in range(len(texts))]
    kept: list[int] = []
    for place in range(len(texts)):
        alike = [jaccard(grams[place], grams[k]) >= threshold for k in kept]
        same = [list(numbers[place]) == list(numbers[k]) for k in kept]
        if not any(alike) and not any(same):
            kept.append(place)
    left_out = {one.position for one in find_duplicates(texts, threshold=threshold)}
    expected = set(range(len(texts))) - set(kept)
    # A question that is the same as one left out is not compared with those kept.
    assert expected <= left_out
    for place in left_out - expected:
        assert any(numbers[place] == numbers[other] for other in range(place))


@settings(deadline=None)
@given(
    st.lists(words.map(" ".join), max_size=9),
    st.lists(words.map(" ".join), max_size=5),
    st.floats(0.1, 1),
)
def test_no_contaminated_question_is_missed(texts, held_out, threshold):
    lexicon = Lexicon()
    sides = [
        [set(ngrams(numbers[place])) for place in range(len(numbers))]
        for numbers in (lexicon.read(texts), lexicon.read(held_out))
    ]
    expected = {
        place
        for place, own in enumerate(sides[0])
        if any(len(own & other) >= threshold * len(other) for other in sides[1])
    }
    sets = EvaluationSets(("test",) * len(held_out), tuple(held_out))
    found = find_contaminated(texts, sets, threshold=threshold)
    assert {one.position for one in found} == expected


def test_combinations_of_few_words_take_no_time():
    """No name, no rare word: the case in which n-grams find the most candidates."""
    rng = Random(0)
    common = "who is father of film that born in city year song team book war sun".split()
    texts = [" ".join(rng.choices(common * 3, k=9)) for _ in range(20_000)]
    started = time.process_time()
    find_duplicates(texts)
    assert time.process_time() - started < 10


class TestContamination:
    def match(self, texts, held_out, **settings):
        sets = EvaluationSets(
            tuple(name for name, _ in held_out), tuple(t for _, t in held_out)
        )
        return [
            (m.position, m.evaluation_set)
            for m in find_contaminated(texts, sets, **settings)
        ]

    def test_the_same_words_and_most_of_the_words(self):
        question = LONG.format("Kerrin Oak")
        texts = [
            "Who is the father of Anna?",
            question.lower(),
            f"Answer briefly: {question.replace('village', 'hamlet')}",
            LONG.format("Silver Harp"),
        ]
        assert self.match(texts, [("test", question)]) == [(1, "test"), (2, "test")]
        assert self.match(texts, [("test", question)], threshold=2) == [(1, "test")]

    def test_a_rare_word_replaced_hides_no_copy_that_names_the_same(self):
        asked = "Which brewery in Lunde did the watchmaker Kerrin Oak own until 1987?"
        texts = [asked.replace(*words) for words in (("own", "lease"), ("Oak", "Ash"))]
        filler = [f"Who made the film called Heat {n}?" for n in range(3000)]
        assert self.match([*texts, *filler], [("test", asked)]) == [(0, "test")]

    def test_rare_words_tell_apart_what_names_nothing(self):
        asked = "what is the boiling point of the metal that is called gallium"
        texts = [asked.replace("gallium", "caesium"), asked.replace("what", "tell what")]
        filler = [f"what is the point of it in {'abc'[n % 3]}" for n in range(3000)]
        assert self.match([*texts, *filler], [("test", asked)]) == [(1, "test")]

    def test_lower_case_sets(self):
        held_out = [("nq", "when do most tornadoes occur in north america")]
        texts = ["when do most of the tornadoes occur in north america", "when is easter"]
        assert self.match(texts, held_out) == [(0, "nq")]

    @pytest.mark.parametrize("fillers", [0, 3000])
    def test_scripts_without_capitals_are_told_by_their_overlap(self, fillers):
        texts = [
            CHINESE.replace("城市", "城镇"),
            CHINESE.replace("并且", ""),
            KOREAN.replace("사람은", "이는"),
            KOREAN.replace("도시에서", "마을에서"),
            ARABIC.replace("مدينة", "بلدة"),
            "그 도시의 인구는 얼마입니까?",
            "这座城市有多少人口？",
        ]
        filler = [f"Who made the film called Heat {n}?" for n in range(fillers)]
        held_out = [("zh", CHINESE), ("ko", KOREAN), ("ar", ARABIC)]
        expected = [(0, "zh"), (1, "zh"), (2, "ko"), (3, "ko"), (4, "ar")]
        assert self.match([*texts, *filler], held_out) == expected

    def test_numbers_count_in_every_script(self):
        asked = "哪一个政党在1998年举行的地方选举中获得了最多的席位？"
        texts = [asked.replace("1998", "2002"), asked.replace("最多", "最少")]
        assert self.match(texts, [("zh", asked)]) == [(1, "zh")]

    def test_the_first_words_capital_names_nothing(self):
        plain = "How many people live in the city where Kerrin Oak was born?"
        asked = f"Approximately {plain[0].lower()}{plain[1:]}"
        texts = [
            plain,
            asked.replace("Approximately", "About"),
            asked.replace("Oak", "Ash"),
        ]
        assert self.match(texts, [("test", asked)]) == [(0, "test"), (1, "test")]

    def test_titles_all_in_capitals_name_nothing_by_them(self):
        asked = "How Many People Live In The Town Where Kerrin Oak Was Born?"
        texts = [asked.lower().replace("town", "city"), "How many people live in Lunde?"]
        assert self.match(texts, [("test", asked)]) == [(0, "test")]

    def test_sets_are_named(self):
        held_out = [("a", "Who made Alien?"), ("b", "Who made Heat?")]
        assert self.match(["who made heat", "who made alien"], held_out) == [
            (0, "b"),
            (1, "a"),
        ]

    def test_nothing_held_out(self):
        assert self.match(["who made heat"], []) == []


class TestRealSets:
    def test_known_overlaps_are_found(self, shared):
        """50 questions of 2wiki.json are in the other 2Wiki set."""
        texts = [
            q.question for q in read_questions(shared("2wiki_hipporag1000/questions.jsonl"))
        ]
        held_out = EvaluationSets.read([("2wiki", shared("questions/2wiki.json"))])
        matches = find_contaminated(texts, held_out)
        assert sum(one.overlap == 1 for one in matches) == 50
        assert len(matches) < 60

    def test_few_real_questions_are_nearly_the_same(self, shared):
        file = shared("questions/r1searcher_train_stage_2.jsonl")
        with file.open() as stream:
            texts = [
                json.loads(line)["question"]
                for _, line in zip(range(3000), stream, strict=False)
            ]
        duplicates = find_duplicates(texts)
        assert len(duplicates) < 0.02 * len(texts)


@pytest.mark.parametrize("threshold", [0.3, 0.6])
def test_a_triple_keeps_the_first(threshold):
    one = LONG.format("Kerrin Oak")
    texts = [one, one.replace("village", "town"), one.replace("county", "shire")]
    assert {of for _, of, _ in found(*texts, threshold=threshold)} == {0}
