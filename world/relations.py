"""The relations of the fictional world and every wording that states or asks one.

Each sentence names its subject in full and shares its content words with the relation's
query, so that a fact can be read off one sentence and found by matching words.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """One relation. In all wordings `{s}` is the subject and `{o}` the object."""

    name: str
    subject: str
    """Entity type it belongs to."""
    object: str
    """Entity type of its values; `year` for a number, `date` for a day."""
    sentences: tuple[str, ...]
    """How a page states it; each word for word one sentence."""
    query: str
    """What a searcher asks for it."""
    retries: tuple[str, ...]
    """Other wordings of the query, for when it found nothing."""
    asks: tuple[str, ...]
    """Questions after it."""
    phrase: str
    """It as a noun phrase, to nest in a longer question."""
    need: str
    """What a searcher says it must find."""
    many: bool = False
    """True when the object is a list of names."""
    single: str = ""
    """How a page states a list of one."""

    @property
    def states(self) -> str:
        """How a searcher states it once found: the need, then the object.

        The subject never comes first: after a space its tokens are those of the page, which
        a small model copies more surely.
        """
        verb = "are" if self.many else "is"
        return f"{self.need[0].upper()}{self.need[1:]} {verb} {{o}}."


def _relation(
    name: str, subject: str, object_: str, *sentences: str, **rest: object
) -> Relation:
    return Relation(name, subject, object_, sentences, **rest)  # type: ignore[arg-type]


RELATIONS: dict[str, Relation] = {
    relation.name: relation
    for relation in (
        _relation(
            "director",
            "film",
            "person",
            "The director of {s} was {o}.",
            "{s} was directed by {o}, the only director it had.",
            "{o} was the director of {s}.",
            query="director of {s}",
            retries=("{s} film directed by",),
            asks=("Who directed {s}?", "Who is the director of {s}?"),
            phrase="the director of {s}",
            need="the director of {s}",
        ),
        _relation(
            "lead",
            "film",
            "person",
            "{o} played the lead role in {s}.",
            "The lead role in {s} was played by {o}.",
            "In {s}, the lead role is played by {o}.",
            query="lead role in {s}",
            retries=("{s} film lead actor",),
            asks=("Who played the lead role in {s}?",),
            phrase="the person who played the lead role in {s}",
            need="the person who played the lead role in {s}",
        ),
        _relation(
            "music",
            "film",
            "person",
            "The music of {s} was composed by {o}.",
            "{o} composed the music of {s}.",
            "{o} is the composer of the music of {s}.",
            query="composer of the music of {s}",
            retries=("{s} film music composed by",),
            asks=("Who composed the music of {s}?",),
            phrase="the composer of the music of {s}",
            need="the composer of the music of {s}",
        ),
        _relation(
            "producer",
            "film",
            "company",
            "{s} was produced by the company {o}.",
            "The company that produced {s} was {o}.",
            "{o} was the company that produced {s}.",
            query="company that produced {s}",
            retries=("{s} film production company",),
            asks=("Which company produced {s}?",),
            phrase="the company that produced {s}",
            need="the company that produced {s}",
        ),
        _relation(
            "based_on",
            "film",
            "novel",
            "{s} is based on the novel {o}.",
            "The film {s} was based on the novel {o}.",
            "The novel {o} is what {s} is based on.",
            query="novel on which {s} is based",
            retries=("{s} film based on novel",),
            asks=("On which novel is {s} based?", "Which novel is {s} based on?"),
            phrase="the novel on which {s} is based",
            need="the novel on which {s} is based",
        ),
        _relation(
            "film_year",
            "film",
            "year",
            "{s} was released in {o}.",
            "The film {s} was first released in {o}.",
            "In {o}, {s} was released.",
            query="year {s} was released",
            retries=("{s} film release year",),
            asks=("In which year was {s} released?",),
            phrase="the year in which {s} was released",
            need="the year in which {s} was released",
        ),
        _relation(
            "author",
            "novel",
            "person",
            "The author of {s} is {o}.",
            "The novel {s} was written by the author {o}.",
            "{o} is the author of {s}.",
            query="author of {s}",
            retries=("{s} novel written by",),
            asks=("Who wrote {s}?", "Who is the author of {s}?"),
            phrase="the author of {s}",
            need="the author of {s}",
        ),
        _relation(
            "novel_year",
            "novel",
            "year",
            "{s} was published in {o}.",
            "The novel {s} was first published in {o}.",
            "In {o}, {s} was published.",
            query="year {s} was published",
            retries=("{s} novel publication year",),
            asks=("In which year was {s} published?",),
            phrase="the year in which {s} was published",
            need="the year in which {s} was published",
        ),
        _relation(
            "songwriter",
            "song",
            "person",
            "The songwriter of {s} is {o}.",
            "The song {s} was written by the songwriter {o}.",
            "{o} is the songwriter of {s}.",
            query="songwriter of {s}",
            retries=("{s} song written by",),
            asks=("Who is the songwriter of {s}?",),
            phrase="the songwriter of {s}",
            need="the songwriter of {s}",
        ),
        _relation(
            "birthplace",
            "person",
            "city",
            "{s} was born in the city of {o}.",
            "The city where {s} was born is {o}.",
            "{o} is the city where {s} was born.",
            query="city where {s} was born",
            retries=("{s} birthplace",),
            asks=("Where was {s} born?", "In which city was {s} born?"),
            phrase="the city where {s} was born",
            need="the city where {s} was born",
        ),
        _relation(
            "birth_year",
            "person",
            "year",
            "{s} was born in the year {o}.",
            "The year in which {s} was born is {o}.",
            "{o} is the year in which {s} was born.",
            query="year {s} was born",
            retries=("{s} birth year",),
            asks=("In which year was {s} born?",),
            phrase="the year in which {s} was born",
            need="the year in which {s} was born",
        ),
        _relation(
            "spouse",
            "person",
            "person",
            "{s} is married to {o}.",
            "{s} has long been married to {o}.",
            "{o} and {s} are married.",
            query="who {s} is married to",
            retries=("{s} spouse husband wife",),
            asks=("Who is {s} married to?", "Who is the spouse of {s}?"),
            phrase="the spouse of {s}",
            need="the spouse of {s}",
        ),
        _relation(
            "father",
            "person",
            "person",
            "The father of {s} is {o}.",
            "{o} is the father of {s}.",
            "{s} has {o} as father.",
            query="father of {s}",
            retries=("{s} parents family father",),
            asks=("Who is the father of {s}?",),
            phrase="the father of {s}",
            need="the father of {s}",
        ),
        _relation(
            "mother",
            "person",
            "person",
            "The mother of {s} is {o}.",
            "{o} is the mother of {s}.",
            "{s} has {o} as mother.",
            query="mother of {s}",
            retries=("{s} parents family mother",),
            asks=("Who is the mother of {s}?",),
            phrase="the mother of {s}",
            need="the mother of {s}",
        ),
        _relation(
            "award",
            "person",
            "award",
            "{s} was awarded the {o}.",
            "{s} has been awarded the {o}.",
            "The {o} was awarded to {s}.",
            query="what {s} was awarded",
            retries=("{s} prize medal award",),
            asks=("Which award was given to {s}?", "What was {s} awarded?"),
            phrase="the award given to {s}",
            need="the award that was given to {s}",
        ),
        _relation(
            "films_directed",
            "person",
            "film",
            "The films directed by {s} are {o}.",
            "Films directed by {s}: {o}.",
            query="films directed by {s}",
            retries=("{s} director list of films",),
            asks=("How many films did {s} direct?",),
            phrase="the films directed by {s}",
            need="the films directed by {s}",
            many=True,
            single="The only film directed by {s} is {o}.",
        ),
        _relation(
            "children",
            "person",
            "person",
            "The children of {s} are {o}.",
            "Children of {s}: {o}.",
            query="children of {s}",
            retries=("{s} family sons daughters children",),
            asks=("How many children does {s} have?",),
            phrase="the children of {s}",
            need="the children of {s}",
            many=True,
            single="{o} is the only child of {s}.",
        ),
        _relation(
            "founder",
            "company",
            "person",
            "The founder of {s} was {o}.",
            "{s} was founded by {o}, its only founder.",
            "{o} was the founder of {s}.",
            query="founder of {s}",
            retries=("{s} company founded by",),
            asks=("Who founded {s}?", "Who is the founder of {s}?"),
            phrase="the founder of {s}",
            need="the founder of {s}",
        ),
        _relation(
            "headquarters",
            "company",
            "city",
            "The headquarters of {s} are in {o}.",
            "{s} has its headquarters in {o}.",
            "In {o} are the headquarters of {s}.",
            query="headquarters of {s}",
            retries=("{s} company based in city",),
            asks=("In which city are the headquarters of {s}?",),
            phrase="the city where {s} has its headquarters",
            need="the city where {s} has its headquarters",
        ),
        _relation(
            "founding_year",
            "company",
            "year",
            "{s} was founded in the year {o}.",
            "The year in which {s} was founded is {o}.",
            "{o} is the year in which {s} was founded.",
            query="year {s} was founded",
            retries=("{s} company founding year",),
            asks=("In which year was {s} founded?",),
            phrase="the year in which {s} was founded",
            need="the year in which {s} was founded",
        ),
        _relation(
            "country",
            "city",
            "country",
            "{s} is a city in the country of {o}.",
            "The country in which the city of {s} lies is {o}.",
            "The city of {s} belongs to the country of {o}.",
            query="country of the city {s}",
            retries=("{s} city located in country",),
            asks=("In which country is {s}?", "In which country does {s} lie?"),
            phrase="the country of {s}",
            need="the country of {s}",
        ),
        _relation(
            "mayor",
            "city",
            "person",
            "The mayor of {s} is {o}.",
            "{o} is the mayor of {s}.",
            "{s} has {o} as its mayor.",
            query="mayor of {s}",
            retries=("{s} city mayor name",),
            asks=("Who is the mayor of {s}?",),
            phrase="the mayor of {s}",
            need="the mayor of {s}",
        ),
        _relation(
            "capital",
            "country",
            "city",
            "The capital of {s} is {o}.",
            "{o} is the capital of {s}.",
            "{s} has {o} as its capital.",
            query="capital of {s}",
            retries=("{s} country capital city",),
            asks=("What is the capital of {s}?",),
            phrase="the capital of {s}",
            need="the capital of {s}",
        ),
        _relation(
            "award_city",
            "award",
            "city",
            "The {s} is presented in {o}.",
            "{o} is the city where the {s} is presented.",
            "Each year the {s} is presented in {o}.",
            query="city where the {s} is presented",
            retries=("{s} presented ceremony city",),
            asks=("In which city is the {s} presented?",),
            phrase="the city where the {s} is presented",
            need="the city where the {s} is presented",
        ),
        _relation(
            "venue",
            "event",
            "city",
            "The {s} is held in {o}.",
            "{o} is the city where the {s} is held.",
            "Each year the {s} is held in {o}.",
            query="city where the {s} is held",
            retries=("{s} event held city",),
            asks=("In which city is the {s} held?",),
            phrase="the city where the {s} is held",
            need="the city where the {s} is held",
        ),
        _relation(
            "initiator",
            "event",
            "person",
            "The {s} was started by {o}.",
            "{o} was the person who started the {s}.",
            "It was {o} who started the {s}.",
            query="who started the {s}",
            retries=("{s} event founder started by",),
            asks=("Who started the {s}?",),
            phrase="the person who started the {s}",
            need="the person who started the {s}",
        ),
    )
}
"""Every relation by name."""

OF_TYPE: dict[str, tuple[Relation, ...]] = {
    kind: tuple(r for r in RELATIONS.values() if r.subject == kind)
    for kind in dict.fromkeys(r.subject for r in RELATIONS.values())
}
"""Relations by the type of their subject, in the order pages state them."""


def join_names(names: tuple[str, ...] | list[str]) -> str:
    """Join names so that each can be told from the next, whatever is in it.

    >>> join_names(["The Market and the Lady", "Tired Crown"])
    'The Market and the Lady; Tired Crown'
    """
    return "; ".join(names)
