"""Pages of the fictional web: what an entity's page says, and any page as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from random import Random

from .facts import Entity, WorldFacts
from .relations import Relation, join_names

SITE = "The Open Almanac"
"""Name of the fictional site that all pages belong to."""

MIN_WORDS = 62
"""Pages are filled up with neutral sentences to this many words, about."""

LEADS: dict[str, tuple[str, ...]] = {
    "person": ("{s} is known as {a} {t}.", "{s} worked for many years as {a} {t}."),
    "film": ("{s} is {a} {t} film.", "{s} is a feature film, {a} {t} story."),
    "novel": ("{s} is a novel.", "{s} is a novel in several chapters."),
    "song": ("{s} is a song.", "{s} is a popular song."),
    "company": ("{s} is a company.", "{s} is a private company."),
    "city": ("{s} is a city.", "{s} is a city of middling size."),
    "country": ("{s} is a country.", "{s} is a country with a long coast."),
    "award": ("The {s} is a yearly honour.", "The {s} is given once a year."),
    "event": ("The {s} is a public event.", "The {s} is a yearly event."),
}
"""First sentences; `{t}` is the trade or genre with its article in `{a}`."""

FILLERS: dict[str, tuple[str, ...]] = {
    "person": (
        "Letters from the early years show a patient and careful temper.",
        "Colleagues remembered long working days and short holidays.",
        "A collection of notebooks is kept in a public archive.",
        "Several essays look at the later work in detail.",
        "Critics were at first divided, then mostly kind.",
        "A short memoir appeared late and sold well.",
        "Interviews from that time are rare and brief.",
        "Friends spoke of a dry sense of humour.",
    ),
    "film": (
        "The story follows two families through one difficult winter.",
        "Most scenes were shot outdoors in natural light.",
        "Reviews praised the photography and the slow rhythm.",
        "The first audiences were small but loyal.",
        "A restored print was shown many years later.",
        "The costumes were sewn by a local workshop.",
        "Some scenes were lost when a store room flooded.",
        "The final scene is often shown in film classes.",
    ),
    "novel": (
        "The plot moves slowly between a farm and a railway office.",
        "Readers liked the plain style and the many letters in it.",
        "A second edition corrected some printing mistakes.",
        "School classes still read the opening chapter.",
        "Translations exist in a few languages.",
        "The narrator is never given a name.",
        "The manuscript had a much longer ending.",
        "Reviewers compared it with older family stories.",
    ),
    "song": (
        "The melody uses only five notes and a slow beat.",
        "Choirs often sing it at the end of an evening.",
        "An early recording has a scratched second verse.",
        "The words speak of rain, trains and a long wait.",
        "It is usually played on guitar or accordion.",
        "Many listeners know only the refrain.",
        "A dance version was popular for one summer.",
        "The sheet music was printed on cheap paper.",
    ),
    "company": (
        "The first workshop had six rooms and one telephone.",
        "The staff grew quickly during the second decade.",
        "A staff magazine was printed twice a year.",
        "The logo shows a bird above three lines.",
        "Old catalogues are sought by collectors.",
        "The accounts of the first years are lost.",
        "Working hours were shortened after a long strike.",
        "The canteen was open to neighbours on Sundays.",
    ),
    "city": (
        "The old quarter has narrow lanes and a covered market.",
        "Trams run from the station to the botanical garden.",
        "A stone bridge crosses the river near the mill.",
        "The winters are mild and the summers are dry.",
        "The town hall was rebuilt after a fire.",
        "Most visitors come for the lakeside walks.",
        "A small university teaches law and music.",
        "The weekly newspaper has a large crossword.",
    ),
    "country": (
        "The hills in the north are covered with pine forests.",
        "Fishing and glass making are the older trades.",
        "Three railway lines meet near the central plain.",
        "The national dish is a soup of beans and barley.",
        "Most schools teach two languages.",
        "The coat of arms shows a heron.",
        "Rain falls mostly in spring.",
        "The coins are made of brass.",
    ),
    "award": (
        "A jury of seven people meets in early spring.",
        "The winner receives a bronze plate and a small sum.",
        "In some years no one was chosen.",
        "The speeches are later printed in a booklet.",
        "Nominations are open to everybody.",
        "The dinner afterwards is famously long.",
        "The rules were simplified after a dispute.",
        "The jury does not explain its choices.",
    ),
    "event": (
        "Visitors come for the food stalls and the evening concerts.",
        "Volunteers build the stages in a single weekend.",
        "It was cancelled once because of heavy storms.",
        "Children walk in front with paper lanterns.",
        "The programme is printed on yellow paper.",
        "Tickets are cheap and sell out early.",
        "The opening is broadcast on local radio.",
        "Old posters are sold for charity.",
    ),
}
"""Neutral sentences: they name nothing and state no relation."""

INFOBOX_NAMES = {
    "film_year": "Released",
    "novel_year": "Published",
    "founding_year": "Founded",
    "birth_year": "Born",
    "award_city": "Presented in",
    "lead": "Lead role",
    "music": "Music by",
}


@dataclass(frozen=True)
class WebPage:
    """A document of the world before it is HTML."""

    id: str
    title: str
    path: str
    """Below the site's root, no leading slash."""
    paragraphs: tuple[str, ...]
    date: str
    """ISO day of the last change."""
    kind: str = "entity"
    """entity, stale, trap, dead or huge."""
    infobox: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = field(default=())
    """(label, path below the root) pairs."""

    @property
    def text(self) -> str:
        """The main text, a line for each paragraph."""
        return "\n".join(self.paragraphs)


def page_path(entity: Entity) -> str:
    """Return the path of an entity's page below the site's root."""
    return f"{entity.type}/{entity.slug}.html"


def state(facts: WorldFacts, entity: Entity, relation: Relation, random: Random) -> str:
    """Return one sentence that states a known relation of an entity."""
    values = facts.text(entity, relation.name)
    sentence = random.choice(relation.sentences)
    if relation.many and len(values) == 1:
        sentence = relation.single
    sentence = sentence.format(s=entity.label, o=join_names(values))
    return sentence[0].upper() + sentence[1:]


def entity_page(facts: WorldFacts, entity: Entity, random: Random) -> WebPage:
    """Write an entity's page: each of its facts once, in one sentence that names it."""
    article = "an" if entity.trade[:1] in "aeiou" else "a"
    lead = random.choice(LEADS[entity.type]).format(
        s=entity.label, t=entity.trade, a=article
    )
    stated = [state(facts, entity, r, random) for r in facts.relations(entity)]
    fillers = list(random.sample(FILLERS[entity.type], 8))
    first, second = [lead, *stated[:3]], [*stated[3:]]
    while fillers and _words(first) + _words(second) < MIN_WORDS:
        (second if len(second) <= len(first) else first).append(fillers.pop())
    return WebPage(
        id=entity.id,
        title=entity.label,
        path=page_path(entity),
        paragraphs=tuple(" ".join(part) for part in (first, second) if part),
        date=f"{random.randint(2021, 2024)}-{random.randint(1, 12):02d}-"
        f"{random.randint(1, 28):02d}",
        infobox=tuple(_infobox(facts, entity)),
        links=tuple(_links(facts, entity)),
    )


def _words(sentences: Sequence[str]) -> int:
    return sum(len(sentence.split()) for sentence in sentences)


def _infobox(facts: WorldFacts, entity: Entity) -> Iterator[tuple[str, str]]:
    for relation in facts.relations(entity):
        name = INFOBOX_NAMES.get(
            relation.name, relation.name.replace("_", " ").capitalize()
        )
        yield name, ", ".join(facts.text(entity, relation.name))


def _links(facts: WorldFacts, entity: Entity) -> Iterator[tuple[str, str]]:
    for value in entity.values.values():
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, str):
                other = facts.entities[item]
                yield other.label, page_path(other)


NAVIGATION = "".join(
    f'<a href="/index.html#{kind}">{kind.capitalize()}</a> ' for kind in LEADS
)
FOOTER = (
    "<p>Pages may be copied freely. We use cookies to count visits. "
    '<a href="/index.html">Terms</a> <a href="/index.html">Privacy</a> '
    '<a href="/index.html">Contact</a></p>'
)
"""Boilerplate that every page has around its text."""


def render_html(page: WebPage) -> str:
    """Return a page as HTML: navigation, info box, text, related links, footer."""
    title = escape(page.title)
    box = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in page.infobox
    )
    links = "".join(
        f'<li><a href="/{escape(path)}">{escape(label)}</a></li>'
        for label, path in page.links
    )
    body = "".join(f"<p>{escape(p, quote=False)}</p>\n" for p in page.paragraphs)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f"<title>{title}</title>\n"
        f'<meta property="article:modified_time" content="{page.date}">\n'
        "</head><body>\n"
        f"<header><strong>{SITE}</strong><nav>{NAVIGATION}</nav></header>\n"
        f'<aside class="infobox"><table>{box}</table></aside>\n'
        f"<main><article>\n{body}</article></main>\n"
        f'<nav class="related"><h2>See also</h2><ul>{links}</ul></nav>\n'
        f"<footer>{FOOTER}</footer>\n</body></html>\n"
    )
