import re
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.nodes.condensers.base import CondenseRequest
from langgraph_deepsearch.nodes.condensers.extractive import ExtractiveCondenser
from langgraph_deepsearch.questions import read_questions
from langgraph_deepsearch.tools.corpus import CorpusSearch
from langgraph_deepsearch.world.facts import make_facts
from langgraph_deepsearch.world.preset import Hazards, WorldPreset
from langgraph_deepsearch.world.questions import NUMBER_WORDS, make_questions
from langgraph_deepsearch.world.relations import RELATIONS

KINDS = {
    "compositional",
    "comparison",
    "bridge_comparison",
    "inference",
    "counting",
    "yes_no",
    "unanswerable",
}


def sentences(text):
    return [part.rstrip(".") for line in text.split("\n") for part in line.split(". ")]


def stated_values(relation, subject, found):
    """Return every value that sentences state of a subject, read by the templates."""
    forms = [*relation.sentences, relation.single]
    patterns = []
    for form in forms:
        if form:
            before, after = form.rstrip(".").replace("{s}", "\0").split("{o}")
            whole = re.escape(before) + "(?P<o>.+?)" + re.escape(after)
            pattern = whole.replace(re.escape("\0"), re.escape(subject))
            patterns.append(re.compile(pattern, re.IGNORECASE))
    matches = (p.fullmatch(sentence) for sentence in found for p in patterns)
    return {match["o"] for match in matches if match}


def test_every_kind_is_asked_with_two_to_four_hops(world):
    assert {q["kind"] for q in world.questions} == KINDS
    assert {q["hops"] for q in world.questions} == {2, 3, 4}
    for question in world.questions:
        assert question["hops"] == len(question["decomposition"])
        assert question["question"].endswith("?")
        assert question["question"][0].isupper()
        assert "the the" not in question["question"].lower()


def test_every_hop_is_stated_on_its_gold_page(world):
    for question in world.questions:
        for hop in question["decomposition"]:
            relation = RELATIONS[hop["relation"]]
            label = world.facts[hop["subject_id"]]["label"]
            page = sentences(world.document(hop["page"])["text"])
            stated = stated_values(relation, label, page)
            assert stated == ({"; ".join(hop["values"])} if hop["values"] else set()), (
                question
            )
            assert hop["page"] in question["gold_pages"]


def test_no_page_but_the_hazards_contradicts_a_hop(world):
    everything = [
        sentence
        for document in world.corpus
        if document["id"] in world.facts
        for sentence in sentences(document["text"])
    ]
    for question in world.questions:
        for hop in question["decomposition"]:
            label = world.facts[hop["subject_id"]]["label"]
            about = [s for s in everything if label.lower() in s.lower()]
            stated = stated_values(RELATIONS[hop["relation"]], label, about)
            assert len(stated) == bool(hop["values"]), (label, hop["relation"], stated)


def test_what_a_question_names_can_be_no_other_entity(world):
    mentions = [record["mention"].lower() for record in world.facts.values()]
    assert len(mentions) == len(set(mentions))
    names = [record["label"].partition(" (")[0] for record in world.facts.values()]
    for question in world.questions:
        first = question["decomposition"][0]
        record = world.facts[first["subject_id"]]
        assert first["subject"] == record["mention"]
        bare = record["label"].partition(" (")[0]
        assert bare in question["question"]
        if names.count(bare) > 1:
            assert record["mention"] in question["question"]


def follow(world, question):
    """Work the answer out again from the facts alone."""
    hops = question["decomposition"]
    values = [world.facts[h["subject_id"]]["facts"].get(h["relation"], []) for h in hops]
    kind = question["kind"]
    if kind in ("compositional", "inference"):
        for value, hop in zip(values, hops[1:], strict=False):
            assert [world.facts[hop["subject_id"]]["label"]] == value
        return values[-1][0]
    if kind == "unanswerable":
        assert all(values[:-1])
        assert not values[-1]
        return "unknown"
    if kind == "counting":
        return str(len(values[-1]))
    if kind == "yes_no":
        ends = [values[0], values[1]] if len(values) == 2 else [values[1], values[3]]
        return "yes" if ends[0] == ends[1] else "no"
    years = values if kind == "comparison" else [values[1], values[3]]
    anchors = hops if kind == "comparison" else [hops[0], hops[2]]
    later = "later" in question["question"]
    numbers = [int(year[0]) for year in years]
    assert abs(numbers[0] - numbers[1]) >= 2
    winner = numbers.index(max(numbers) if later else min(numbers))
    return world.facts[anchors[winner]["subject_id"]]["label"].partition(" (")[0]


def test_the_answer_follows_from_the_facts(world):
    for question in world.questions:
        assert question["answer"] == follow(world, question), question["question"]


def test_answers_of_names_are_not_in_the_question(world):
    for question in world.questions:
        if question["kind"] in ("compositional", "inference"):
            assert question["answer"].lower() not in question["question"].lower()


def test_counts_may_be_spelled_out(world):
    counted = [q for q in world.questions if q["kind"] == "counting"]
    assert all(q["aliases"] == [NUMBER_WORDS[int(q["answer"])]] for q in counted)


def test_the_question_file_is_one_that_every_stage_reads(world):
    questions = read_questions(world.path / "test.jsonl")
    assert len(questions) == 30
    assert all(q.golds and q.metadata["decomposition"] for q in questions)


def assert_disjoint(questions):
    subjects, hops = {}, {}
    for question in questions:
        for hop in question["decomposition"]:
            subjects.setdefault(hop["subject_id"], set()).add(question["split"])
            hops.setdefault((hop["subject_id"], hop["relation"]), set()).add(
                question["split"]
            )
    assert all(len(splits) == 1 for splits in (*subjects.values(), *hops.values()))


def test_no_entity_asked_about_is_shared_between_train_and_test(world):
    assert_disjoint(world.questions)
    splits = {q["split"] for q in world.questions}
    assert splits == {"train", "test"}


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), entities=st.integers(180, 600))
def test_any_seed_gives_a_sound_world(seed, entities):
    random = Random(seed)
    facts = make_facts(entities, random, Hazards())
    assert len(facts.entities) == entities
    labels = [entity.label for entity in facts.entities.values()]
    assert len(labels) == len(set(labels))
    for entity in facts.entities.values():
        for relation in ("father", "mother"):
            parent = facts.target(entity, relation)
            if parent is not None:
                assert 15 <= entity.values["birth_year"] - parent.values["birth_year"] <= 45
                assert entity.id in parent.values["children"]
        spouse = facts.target(entity, "spouse")
        if spouse is not None:
            assert spouse.values["spouse"] == entity.id
            assert spouse.is_woman != entity.is_woman
    preset = WorldPreset(pages=max(200, entities))
    questions = make_questions(facts, random, preset)
    train, test = preset.question_counts()
    assert len(questions) >= 0.95 * (train + test)
    assert len({q["question"] for q in questions}) == len(questions)
    assert_disjoint(questions)


def test_a_natural_query_finds_the_fact_and_little_evidence_holds_it(world):
    search = CorpusSearch(world.path)
    condenser = ExtractiveCondenser(max_chars=400)
    found = kept = total = 0
    for question in world.questions:
        for hop in question["decomposition"]:
            if not hop["values"]:
                continue
            query = RELATIONS[hop["relation"]].query.format(s=hop["subject"])
            documents = search.search(query, 3)
            text = " ".join(document.text for document in documents)
            request = CondenseRequest(question["question"], query, documents)
            evidence = condenser.condense(request).text
            total += 1
            found += all(value in text for value in hop["values"])
            kept += all(value in evidence for value in hop["values"])
    assert found / total > 0.97
    assert kept / total > 0.95
