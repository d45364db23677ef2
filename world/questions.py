"""Multi-hop questions over the world's facts, each with the hops that answer it.

A hop asks one relation of one entity. What makes the right answer unique: relations are
functions, the entities a question names have unique names or a descriptor with them,
and comparisons are drawn only where the values differ.

No entity whose fact a test question needs is asked about in a train question: an entity
belongs to the split that first used it. So no (subject, relation) hop and no entity named
in a question is shared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from .facts import Entity, WorldFacts, unknown_relations
from .preset import UNKNOWN, WorldPreset
from .relations import OF_TYPE, RELATIONS, Relation, join_names

ATTEMPTS = 400
"""Draws for one question before its kind is given up in this world."""

UNKNOWN_ALIASES = ("not known", "not stated", "no answer")

NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()

KIN = {
    ("father", "father"): "paternal grandfather",
    ("mother", "father"): "maternal grandfather",
    ("father", "mother"): "paternal grandmother",
    ("mother", "mother"): "maternal grandmother",
    ("spouse", "father"): "father-in-law",
    ("spouse", "mother"): "mother-in-law",
}
"""What inference questions ask, by the two hops that must be inferred."""

MIN_GAP = 2
"""Years that two compared values are apart at least."""

TYPE_WORDS = {"film": "film", "novel": "novel", "song": "song", "company": "company"}


@dataclass(frozen=True)
class Hop:
    """One fact that a question needs."""

    relation: Relation
    subject: Entity
    named: str
    """How the subject is called: as the question or the page before it names it."""
    values: tuple[str, ...]
    """Labels or figures; empty when no page states it."""

    def to_json(self) -> dict[str, Any]:
        """Return the hop as a question file holds it."""
        return {
            "question": self.relation.asks[0].format(s=self.named),
            "answer": join_names(self.values) or UNKNOWN,
            "values": list(self.values),
            "page": self.subject.id,
            "relation": self.relation.name,
            "subject": self.named,
            "subject_id": self.subject.id,
        }


@dataclass
class Draft:
    """A question before it has an id and a split."""

    kind: str
    question: str
    answer: str
    hops: list[Hop]
    aliases: list[str] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=dict)
    """What the last step needs: the compared names, the kin word, …"""

    @property
    def subjects(self) -> set[str]:
        """Ids of the entities whose facts it needs."""
        return {hop.subject.id for hop in self.hops}


class QuestionMaker:
    """Draws questions of each kind for one split."""

    def __init__(
        self, facts: WorldFacts, random: Random, preset: WorldPreset, split: str
    ) -> None:
        self._facts = facts
        self._random = random
        self._hops = preset.hop_shares(split)
        self._asked = frozenset(preset.relations or RELATIONS)
        people = facts.by_type["person"]
        self._fathers = [p for p in people if "father" in p.values or "spouse" in p.values]
        self._several = [p for p in people if len(facts.text(p, "films_directed")) > 1]
        self._parents = [p for p in people if len(facts.text(p, "children")) > 1]
        self._born_in = self._by_birthplace(people)
        self._directors_born_in = self._by_birthplace(
            [person for person in people if "films_directed" in person.values]
        )
        self._makers: dict[str, Callable[[], Draft | None]] = {
            "compositional": self._compositional,
            "comparison": self._comparison,
            "bridge_comparison": self._bridge_comparison,
            "inference": self._inference,
            "counting": self._counting,
            "yes_no": self._yes_no,
            "unanswerable": self._unanswerable,
        }

    def draw(self, kind: str) -> Draft | None:
        """Return a question of that kind, None when this draw led nowhere."""
        draft = self._makers[kind]()
        if draft is None or not all(h.relation.name in self._asked for h in draft.hops):
            return None
        return draft

    def _name(self, entity: Entity) -> str:
        """Name an entity in a question, so that it can be no other."""
        if entity.descriptor or entity.type not in TYPE_WORDS:
            return entity.mention
        return f"the {TYPE_WORDS[entity.type]} {entity.name}"

    def _hop(self, relation: str, subject: Entity, *, anchor: bool = False) -> Hop | None:
        values = self._facts.text(subject, relation)
        named = subject.mention if anchor else subject.label
        return Hop(RELATIONS[relation], subject, named, values) if values else None

    def _walk(self, start: Entity, length: int) -> list[Hop]:
        """Follow relations from an entity; every step but the last leads to an entity."""
        hops: list[Hop] = []
        here: Entity | None = start
        seen = {start.id}
        while here is not None and len(hops) < length:
            last = len(hops) == length - 1
            choices = [
                r
                for r in self._facts.relations(here)
                if r.name in self._asked and not r.many and (last or r.object != "year")
            ]
            if not choices:
                return []
            relation = self._random.choice(choices)
            hop = self._hop(relation.name, here, anchor=not hops)
            assert hop is not None
            hops.append(hop)
            here = self._facts.target(here, relation.name)
            if here is not None and here.id in seen:
                return []
            if here is not None:
                seen.add(here.id)
        return hops if len(hops) == length else []

    def _anchor(self) -> Entity:
        weights = {"film": 6, "novel": 3, "song": 1, "company": 2, "event": 1, "person": 2}
        kind = self._random.choices(list(weights), list(weights.values()))[0]
        return self._random.choice(self._facts.by_type[kind])

    def _chain_text(self, hops: list[Hop], last: Relation) -> str:
        phrase = self._name(hops[0].subject)
        for hop in hops:
            phrase = _article(hop.relation.phrase.format(s=phrase))
        return _finish(self._random.choice(last.asks).format(s=phrase))

    def _compositional(self) -> Draft | None:
        lengths = list(self._hops)
        length = self._random.choices(lengths, [self._hops[n] for n in lengths])[0]
        hops = self._walk(self._anchor(), length)
        if not hops:
            return None
        text = self._chain_text(hops[:-1], hops[-1].relation)
        return self._answered("compositional", text, hops, hops[-1].values[0])

    def _unanswerable(self) -> Draft | None:
        hops = self._walk(self._anchor(), self._random.choice((1, 1, 2)))
        end = self._facts.target(hops[-1].subject, hops[-1].relation.name) if hops else None
        missing = unknown_relations(end) if end is not None else []
        if end is None or not missing:
            return None
        relation = self._random.choice(missing)
        text = self._chain_text(hops, relation)
        hops = [*hops, Hop(relation, end, end.label, ())]
        return Draft("unanswerable", text, UNKNOWN, hops, list(UNKNOWN_ALIASES))

    def _answered(self, kind: str, text: str, hops: list[Hop], answer: str) -> Draft | None:
        """Refuse a question whose answer is named in it."""
        if answer.lower() in text.lower():
            return None
        return Draft(kind, text, answer, hops, _aliases(answer))

    def _inference(self) -> Draft | None:
        path = self._random.choice(list(KIN))
        person = self._random.choice(self._fathers)
        lead: Hop | None = None
        work: Entity | None = None
        if self._random.random() < 0.3:
            work = self._random.choice(self._facts.by_type["film"])
            lead = self._hop("director", work, anchor=True)
            person = self._facts.target(work, "director") or person
        first = self._hop(path[0], person, anchor=lead is None)
        relative = self._facts.target(person, path[0])
        second = self._hop(path[1], relative) if relative is not None else None
        if first is None or second is None:
            return None
        name = self._name(person if work is None else work)
        name = name if work is None else f"the director of {name}"
        text = f"Who is the {KIN[path]} of {name}?"
        hops = [hop for hop in (lead, first, second) if hop is not None]
        draft = self._answered("inference", text, hops, second.values[0])
        if draft is not None:
            draft.detail = {
                "kin": KIN[path],
                "of": person.mention if not lead else person.label,
            }
        return draft

    def _counting(self) -> Draft | None:
        relation = self._random.choice(("films_directed", "films_directed", "children"))
        people = self._parents if relation == "children" else self._several
        if not people:
            return None
        person = self._random.choice(people)
        if relation == "children":
            lead = self._lead_to(person)
        else:
            film = self._random.choice(person.values["films_directed"])  # type: ignore[arg-type]
            lead = self._hop("director", self._facts.entities[film], anchor=True)
        last = self._hop(relation, person)
        if lead is None or last is None:
            return None
        text = self._chain_text([lead], last.relation)
        number = len(last.values)
        aliases = [NUMBER_WORDS[number]] if number < len(NUMBER_WORDS) else []
        return Draft("counting", text, str(number), [lead, last], aliases)

    def _lead_to(self, person: Entity) -> Hop | None:
        """Return a hop from the spouse or a child of a person that leads to them."""
        others = [self._facts.entities[child] for child in self._children(person)]
        spouse = self._facts.target(person, "spouse")
        others += [spouse] if spouse is not None else []
        if not others:
            return None
        other = self._random.choice(others)
        relations = ("spouse", "father", "mother")
        found = [name for name in relations if other.values.get(name) == person.id]
        return self._hop(found[0], other, anchor=True) if found else None

    def _children(self, person: Entity) -> tuple[str, ...]:
        value = person.values.get("children", ())
        assert isinstance(value, tuple)
        return value

    def _comparison(self) -> Draft | None:
        relation, kind, asks = self._random.choice(
            (
                ("film_year", "film", "Which film was released {w}, {a} or {b}?"),
                ("birth_year", "person", "Who was born {w}, {a} or {b}?"),
                ("founding_year", "company", "Which company was founded {w}, {a} or {b}?"),
                ("novel_year", "novel", "Which novel was published {w}, {a} or {b}?"),
            )
        )
        pair = self._random.sample(self._facts.by_type[kind], 2)
        hops = [hop for e in pair if (hop := self._hop(relation, e, anchor=True))]
        return self._compare("comparison", pair, hops, hops, asks)

    def _compare(
        self, kind: str, pair: list[Entity], hops: list[Hop], years: list[Hop], asks: str
    ) -> Draft | None:
        if len(years) < 2:
            return None
        first, second = (int(hop.values[0]) for hop in years)
        if abs(first - second) < MIN_GAP or pair[0].name == pair[1].name:
            return None
        earlier = self._random.random() < 0.6
        word = "later"
        if earlier:
            word = "earlier" if "born" in asks else "first"
        winner = pair[0] if (first < second) == earlier else pair[1]
        names = [entity.mention for entity in pair]
        text = asks.format(w=word, a=names[0], b=names[1])
        detail = {"names": names, "word": word}
        return Draft(kind, text, winner.name, hops, _aliases(winner.label), detail)

    def _bridge_comparison(self) -> Draft | None:
        relation, kind, asks = self._random.choice(
            (
                (
                    "director",
                    "film",
                    "Which film has the director who was born {w}, {a} or {b}?",
                ),
                (
                    "director",
                    "film",
                    "Which film has the director who was born {w}, {a} or {b}?",
                ),
                (
                    "author",
                    "novel",
                    "Which novel has the author who was born {w}, {a} or {b}?",
                ),
                (
                    "founder",
                    "company",
                    "Which company has the founder who was born {w}, {a} or {b}?",
                ),
            )
        )
        pair = self._random.sample(self._facts.by_type[kind], 2)
        leads = [hop for e in pair if (hop := self._hop(relation, e, anchor=True))]
        people = [p for e in pair if (p := self._facts.target(e, relation))]
        years = [hop for p in people if (hop := self._hop("birth_year", p))]
        if len(years) < 2 or people[0] is people[1]:
            return None
        hops = [leads[0], years[0], leads[1], years[1]]
        return self._compare("bridge_comparison", pair, hops, years, asks)

    def _yes_no(self) -> Draft | None:
        wants_yes = self._random.random() < 0.5
        form = self._random.choice((self._same_director, self._same_city, self._same_place))
        return form(wants_yes)

    def _same_director(self, wants_yes: bool) -> Draft | None:
        if wants_yes:
            if not self._several:
                return None
            films = self._random.choice(self._several).values["films_directed"]
            pair = [self._facts.entities[f] for f in self._random.sample(films, 2)]  # type: ignore[arg-type]
        else:
            pair = self._random.sample(self._facts.by_type["film"], 2)
        hops = [hop for e in pair if (hop := self._hop("director", e, anchor=True))]
        names = [self._name(entity) for entity in pair]
        return self._same(
            f"Do {names[0]} and {names[1]} have the same director?",
            hops,
            hops,
            "the same director",
        )

    def _same_city(self, wants_yes: bool) -> Draft | None:
        pair = self._random.sample(self._facts.by_type["person"], 2)
        if wants_yes:
            pair = self._two_of(self._born_in)
        if len(pair) < 2:
            return None
        hops = [hop for e in pair if (hop := self._hop("birthplace", e, anchor=True))]
        names = [self._name(entity) for entity in pair]
        return self._same(
            f"Were {names[0]} and {names[1]} born in the same city?",
            hops,
            hops,
            "the same city",
        )

    def _by_birthplace(self, people: list[Entity]) -> list[list[Entity]]:
        """Return the groups of two or more who were born in one city."""
        groups: dict[str, list[Entity]] = {}
        for person in people:
            city = self._facts.target(person, "birthplace")
            if city is not None:
                groups.setdefault(city.id, []).append(person)
        return [group for group in groups.values() if len(group) > 1]

    def _two_of(self, groups: list[list[Entity]]) -> list[Entity]:
        return self._random.sample(self._random.choice(groups), 2) if groups else []

    def _same_place(self, wants_yes: bool) -> Draft | None:
        """Compare where two directors were born: four hops."""
        films = self._random.sample(self._facts.by_type["film"], 2)
        if wants_yes:
            here = self._two_of(self._directors_born_in)
            films = [
                self._facts.entities[self._random.choice(p.values["films_directed"])]  # type: ignore[arg-type]
                for p in here
            ]
        if len(films) < 2:
            return None
        leads = [hop for e in films if (hop := self._hop("director", e, anchor=True))]
        people = [p for e in films if (p := self._facts.target(e, "director"))]
        places = [hop for p in people if (hop := self._hop("birthplace", p))]
        if len(places) < 2 or people[0] is people[1]:
            return None
        names = [self._name(film) for film in films]
        text = f"Were the directors of {names[0]} and {names[1]} born in the same city?"
        return self._same(
            text, [leads[0], places[0], leads[1], places[1]], places, "the same city"
        )

    def _same(self, text: str, hops: list[Hop], ends: list[Hop], what: str) -> Draft | None:
        if len(ends) < 2 or ends[0].subject is ends[1].subject:
            return None
        answer = "yes" if ends[0].values == ends[1].values else "no"
        return Draft("yes_no", text, answer, hops, detail={"what": what})


def _article(phrase: str) -> str:
    """Put one article where a name that has its own follows another."""
    return phrase.replace("the the ", "the ").replace("the The ", "The ")


def _finish(question: str) -> str:
    return _article(question[0].upper() + question[1:])


def _aliases(answer: str) -> list[str]:
    """Return the name without its descriptor where it has one."""
    bare = answer.partition(" (")[0]
    return [alias for alias in (answer, bare) if answer != bare]


def make_questions(
    facts: WorldFacts, random: Random, preset: WorldPreset
) -> list[dict[str, Any]]:
    """Draw the train and test questions of a world.

    Test questions are drawn between train ones, so that neither split has the first pick
    of the entities. A kind that a small world cannot give is replaced by compositional ones.
    """
    makers = {
        split: QuestionMaker(facts, random, preset, split) for split in ("train", "test")
    }
    train, test = preset.question_counts()
    split_of: dict[str, str] = {}
    asked: set[str] = set()
    records = []
    for kind, split in _slots(train, test, preset, random):
        draft = _draw_new(makers[split], kind, split, split_of, asked)
        if draft is None:
            draft = _draw_new(makers[split], "compositional", split, split_of, asked)
        if draft is None:
            continue
        asked.add(draft.question)
        split_of.update(dict.fromkeys(draft.subjects, split))
        records.append(_record(draft, split, len(records)))
    return records


def _slots(
    train: int, test: int, preset: WorldPreset, random: Random
) -> list[tuple[str, str]]:
    slots = []
    for split, count in (("train", train), ("test", test)):
        kinds: list[str] = []
        shares = preset.shares(split)
        total = sum(shares.values())
        for kind, share in shares.items():
            kinds += [kind] * round(count * share / total)
        kinds = (kinds + ["compositional"] * count)[:count]
        slots += [(kind, split) for kind in kinds]
    random.shuffle(slots)
    return slots


def _draw_new(
    maker: QuestionMaker, kind: str, split: str, split_of: dict[str, str], asked: set[str]
) -> Draft | None:
    for _ in range(ATTEMPTS):
        draft = maker.draw(kind)
        if draft is None or draft.question in asked:
            continue
        if all(split_of.get(subject, split) == split for subject in draft.subjects):
            return draft
    return None


def _record(draft: Draft, split: str, number: int) -> dict[str, Any]:
    return {
        "id": f"q{number:05d}",
        "question": draft.question,
        "answer": draft.answer,
        "aliases": draft.aliases,
        "kind": draft.kind,
        "hops": len(draft.hops),
        "decomposition": [hop.to_json() for hop in draft.hops],
        "gold_pages": list(dict.fromkeys(hop.subject.id for hop in draft.hops)),
        "detail": draft.detail,
        "split": split,
    }


__all__ = ["OF_TYPE", "Draft", "Hop", "QuestionMaker", "make_questions"]
