"""The facts of a fictional world: entities and what is true of them, nothing written yet.

Every relation is a function: an entity has one value of it or none (two relations have a
list). So a chain of relations from a uniquely named entity has exactly one answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from .names import ADJECTIVES, NOUNS, NameMaker
from .preset import Hazards
from .relations import OF_TYPE, RELATIONS, Relation

Value = int | str | tuple[str, ...]
"""A year, an entity's id, or the ids of a list."""

SHARES = {
    "country": 0.025,
    "city": 0.065,
    "award": 0.03,
    "event": 0.03,
    "company": 0.08,
    "novel": 0.07,
    "song": 0.05,
    "film": 0.23,
}
"""Share of each type among the entities; the rest are people."""

PROFESSIONS = {
    "director": 0.26,
    "actor": 0.24,
    "composer": 0.14,
    "writer": 0.14,
    "manufacturer": 0.10,
    "politician": 0.12,
}
"""What people do; who directs, writes and founds is drawn from those who do it."""

GENERATIONS = 4
GENERATION_YEARS = 28
FIRST_BIRTH_YEAR = 1872
"""People come in generations, so that parents are 20 to 36 years older."""

LAST_YEAR = 2020
"""Nothing happens after it."""


@dataclass
class Entity:
    """One thing of the world. Its `label` is unique."""

    id: str
    type: str
    name: str
    trade: str
    """What a person does or a company makes; a film's genre; empty for others."""
    is_woman: bool = False
    descriptor: str = ""
    """Set when another entity has the same name: `painter`, `1974 film`."""
    slug: str = ""
    values: dict[str, Value] = field(default_factory=dict)
    """Relation name to value; a relation that is not there is stated nowhere."""

    @property
    def label(self) -> str:
        """The title of its page, as other pages name it too."""
        return f"{self.name} ({self.descriptor})" if self.descriptor else self.name

    @property
    def mention(self) -> str:
        """The label in running words: `the painter Mira Holm`."""
        return f"the {self.descriptor} {self.name}" if self.descriptor else self.name


class WorldFacts:
    """All entities, by id and by type."""

    def __init__(self) -> None:
        self.entities: dict[str, Entity] = {}
        self.by_type: dict[str, list[Entity]] = {kind: [] for kind in (*SHARES, "person")}

    def add(self, entity: Entity) -> Entity:
        """Take an entity in."""
        self.entities[entity.id] = entity
        self.by_type[entity.type].append(entity)
        return entity

    def text(self, entity: Entity, relation: str) -> tuple[str, ...]:
        """Return the value of a relation as labels or figures; empty when unknown."""
        value = entity.values.get(relation)
        if value is None:
            return ()
        items = value if isinstance(value, tuple) else (value,)
        return tuple(
            self.entities[item].label if isinstance(item, str) else str(item)
            for item in items
        )

    def target(self, entity: Entity, relation: str) -> Entity | None:
        """Return the entity a relation leads to, None for years, lists and unknowns."""
        value = entity.values.get(relation)
        return self.entities[value] if isinstance(value, str) else None

    def relations(self, entity: Entity) -> Iterator[Relation]:
        """Yield the relations that are known of an entity, in the order of its page."""
        yield from (r for r in OF_TYPE[entity.type] if r.name in entity.values)


def make_facts(entities: int, random: Random, hazards: Hazards) -> WorldFacts:
    """Draw a world of that many entities.

    Args:
        entities: how many; each gets one page.
        random: the only source of chance, so that a seed gives one world.
        hazards: rates of namesakes and near-duplicate titles.
    """
    maker = _Maker(random, hazards)
    counts = {kind: max(3, round(entities * share)) for kind, share in SHARES.items()}
    counts["country"] = min(counts["country"], 600)
    maker.places(counts["country"], counts["city"])
    maker.people(entities - sum(counts.values()))
    maker.prizes(counts["award"], counts["event"])
    maker.companies(counts["company"])
    maker.works("novel", counts["novel"])
    maker.works("song", counts["song"])
    maker.films(counts["film"])
    maker.late_facts()
    _give_slugs(maker.facts)
    return maker.facts


class _Maker:
    def __init__(self, random: Random, hazards: Hazards) -> None:
        self.facts = WorldFacts()
        self._random = random
        self._hazards = hazards
        self._names = NameMaker(random)
        self._trades: dict[str, list[Entity]] = {trade: [] for trade in PROFESSIONS}
        self._generations: list[list[Entity]] = []

    def _new(
        self, kind: str, name: str, trade: str = "", *, is_woman: bool = False
    ) -> Entity:
        number = len(self.facts.by_type[kind])
        return self.facts.add(Entity(f"{kind}-{number:05d}", kind, name, trade, is_woman))

    def _pick(self, kind: str) -> Entity:
        return self._random.choice(self.facts.by_type[kind])

    def _chance(self, rate: float) -> bool:
        return self._random.random() < rate

    def places(self, countries: int, cities: int) -> None:
        for _ in range(countries):
            self._new("country", self._names.country())
        for number in range(max(cities, countries)):
            city = self._new("city", self._names.city())
            if number < countries:
                country = self.facts.by_type["country"][number]
                country.values["capital"] = city.id
            else:
                country = self._pick("country")
            city.values["country"] = country.id

    def people(self, count: int) -> None:
        trades = list(PROFESSIONS)
        weights = list(PROFESSIONS.values())
        for number in range(count):
            generation = number * GENERATIONS // count
            if len(self._generations) <= generation:
                self._generations.append([])
                self._marry(generation - 1)
            person = self._person(generation, self._random.choices(trades, weights)[0])
            self._generations[generation].append(person)
            self._trades[person.trade].append(person)
        self._marry(len(self._generations) - 1)
        for person in self.facts.by_type["person"]:
            if self._chance(self._hazards.namesake):
                self._make_namesake(person)

    def _person(self, generation: int, trade: str) -> Entity:
        is_woman = self._chance(0.5)
        father = mother = None
        if generation > 0 and self._chance(0.65):
            father = self._random.choice(self._fathers)
            mother = self.facts.target(father, "spouse")
        surname = father.name.split()[-1] if father and not is_woman else None
        name = self._names.person(is_woman, surname)
        person = self._new("person", name, trade, is_woman=is_woman)
        start = FIRST_BIRTH_YEAR + generation * GENERATION_YEARS
        person.values["birth_year"] = start + self._random.randrange(8)
        if self._chance(0.93):
            person.values["birthplace"] = self._pick("city").id
        if father and mother:
            person.values["father"] = father.id
            person.values["mother"] = mother.id
            for parent in (father, mother):
                had = parent.values.get("children", ())
                assert isinstance(had, tuple)
                parent.values["children"] = (*had, person.id)
        return person

    def _marry(self, generation: int) -> None:
        """Marry half of a generation; husbands become the next one's fathers."""
        if generation < 0:
            return
        men = [p for p in self._generations[generation] if not p.is_woman]
        women = [p for p in self._generations[generation] if p.is_woman]
        self._random.shuffle(men)
        self._random.shuffle(women)
        couples = [
            (man, woman)
            for man, woman in zip(men, women, strict=False)
            if man.values.get("father") is None
            or man.values.get("father") != woman.values.get("father")
        ]
        couples = couples[: max(1, len(couples) * 6 // 10)]
        for man, woman in couples:
            man.values["spouse"] = woman.id
            woman.values["spouse"] = man.id
        # Few fathers, so that families have several children to count.
        self._fathers = [man for man, _ in couples[: max(1, len(couples) * 6 // 10)]]

    def _make_namesake(self, person: Entity) -> None:
        other = self._pick("person")
        free = not person.descriptor and not other.descriptor
        if free and other.trade != person.trade and other.is_woman == person.is_woman:
            person.name = other.name
            person.descriptor, other.descriptor = person.trade, other.trade

    def prizes(self, awards: int, events: int) -> None:
        for _ in range(awards):
            award = self._new("award", self._names.prize())
            award.values["award_city"] = self._pick("city").id
        for _ in range(events):
            event = self._new("event", self._names.festival())
            event.values["venue"] = self._pick("city").id
            event.values["initiator"] = self._pick("person").id

    def companies(self, count: int) -> None:
        for _ in range(count):
            industry = "film" if self._chance(0.5) else "other"
            company = self._new("company", self._names.company(industry), industry)
            founder = self._someone("manufacturer")
            company.values["founder"] = founder.id
            company.values["headquarters"] = self._pick("city").id
            company.values["founding_year"] = self._year_of(founder, 25, 50)

    def _someone(self, trade: str) -> Entity:
        return self._random.choice(self._trades[trade] or self.facts.by_type["person"])

    def _year_of(self, person: Entity, youngest: int, oldest: int) -> int:
        birth = person.values["birth_year"]
        assert isinstance(birth, int)
        return min(LAST_YEAR, birth + self._random.randint(youngest, oldest))

    def works(self, kind: str, count: int) -> None:
        for _ in range(count):
            work = self._new(kind, self._names.title())
            if kind == "novel":
                author = self._someone("writer")
                work.values["author"] = author.id
                work.values["novel_year"] = self._year_of(author, 22, 60)
            else:
                work.values["songwriter"] = self._someone("composer").id

    def films(self, count: int) -> None:
        makers = [c for c in self.facts.by_type["company"] if c.trade == "film"]
        makers = makers or self.facts.by_type["company"]
        # A pool smaller than the films, so that most directors have several to count.
        pool = self._trades["director"] or self.facts.by_type["person"]
        pool = pool[: max(2, count * 45 // 100)]
        genres = ("drama", "comedy", "adventure", "crime", "romance", "mystery")
        for _ in range(count):
            film = self._new("film", self._title(), self._random.choice(genres))
            director = self._random.choice(pool)
            film.values["director"] = director.id
            film.values["film_year"] = self._year_of(director, 24, 60)
            film.values["producer"] = self._random.choice(makers).id
            film.values["lead"] = self._someone("actor").id
            if self._chance(0.7):
                film.values["music"] = self._someone("composer").id
            if self._chance(0.35):
                film.values["based_on"] = self._pick("novel").id
            made = director.values.get("films_directed", ())
            assert isinstance(made, tuple)
            director.values["films_directed"] = (*made, film.id)
            if self._chance(self._hazards.namesake):
                self._same_title(film)

    def _title(self) -> str:
        earlier = self.facts.by_type["film"]
        if earlier and self._chance(self._hazards.near_duplicate):
            title = near_duplicate(self._random.choice(earlier).name, self._random)
            if self._names.claim(title):
                return title
        return self._names.title()

    def _same_title(self, film: Entity) -> None:
        other = self._pick("film")
        years = film.values["film_year"], other.values["film_year"]
        if film.descriptor or other.descriptor or years[0] == years[1]:
            return
        film.name = other.name
        film.descriptor, other.descriptor = f"{years[0]} film", f"{years[1]} film"

    def late_facts(self) -> None:
        for city in self.facts.by_type["city"]:
            if self._chance(0.7):
                city.values["mayor"] = self._someone("politician").id
        for person in self.facts.by_type["person"]:
            if self._chance(0.35):
                person.values["award"] = self._pick("award").id


def near_duplicate(title: str, random: Random) -> str:
    """Return a title that is easily taken for another: a word added, dropped or changed."""
    words = title.split()
    forms = [f"{title} Returns"] if words[-1] != "Returns" else [f"New {title}"]
    if words[0] == "The":
        forms.append(" ".join(words[1:]))
    last = [noun for noun in NOUNS if noun[0] == words[-1][0] and noun != words[-1]]
    if last:
        forms.append(" ".join([*words[:-1], random.choice(last)]))
    if len(words) == 3 and words[1] in ADJECTIVES:
        other = random.choice(ADJECTIVES)
        forms.append(f"{words[0]} {other} {words[2]}")
    return random.choice(forms)


def _give_slugs(facts: WorldFacts) -> None:
    for entity in facts.entities.values():
        words = "".join(c if c.isalnum() else " " for c in entity.label.lower()).split()
        entity.slug = "-".join(words)


def unknown_relations(entity: Entity) -> list[Relation]:
    """Return the relations that no page states of an entity, lists left out."""
    return [r for r in OF_TYPE[entity.type] if r.name not in entity.values and not r.many]


__all__ = ["RELATIONS", "Entity", "WorldFacts", "make_facts", "near_duplicate"]
