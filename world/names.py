"""Names of the fictional world: pronounceable, short in tokens, never given twice.

Names are made of English-like syllables, so that a small byte-pair tokenizer spells each
in few tokens and a small model can copy them.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

MEN = (
    "Alden Arlo Basil Bram Brock Caleb Colin Corin Dorian Edgar Elias Emeric Enoch Fabian "
    "Felix Gideon Giles Hadley Harlan Hugo Ivor Jasper Jonas Julian Kendal Lambert Leander "
    "Linus Lorenz Lucian Magnus Martin Milo Nestor Niles Oren Orson Oscar Otis Percy "
    "Quentin Ralph Reuben Roland Rufus Rupert Silas Simeon Stellan Tobias Ulric Victor "
    "Walden Warren Wendel Wilbur Yorick"
).split()
WOMEN = (
    "Adela Alma Amelia Annika Astrid Beatrix Bella Camilla Carina Celia Clara Corinna Dalia "
    "Delia Dora Edith Elena Elsa Estella Fiona Flora Freya Gemma Greta Hazel Helena Ida "
    "Imogen Inga Irena Isolde Ivy Judith Juna Lavinia Leona Lidia Lorna Lucinda Mabel "
    "Marina Matilda Melina Mira Nadia Nora Odette Olive Petra Regina Rosalind Sabina Selma "
    "Sylvia Tamara Thea Ursula Vera Wilma Zelda"
).split()
SURNAME_HEADS = (
    "Alder Amber Arden Ash Barley Birch Black Bramble Bright Brook Cinder Clay Clear Cold "
    "Copper Crane Dale Dun East Elder Elm Fair Fallow Fen Fern Fox Frost Glen Gold Gray "
    "Green Hail Harrow Hart Hawk Hazel High Hollow Iron Kestrel Lark Linden Long Marl Marsh "
    "Maple Moor Morning Moss North Oak Old Otter Pine Quill Raven Reed Rook Rowan Rush Sand "
    "Sedge Silver Snow Stark Stone Swan Tarn Thorn Thistle West White Wild Willow Winter Wren"
).split()
SURNAME_TAILS = (
    "beck bourne bridge bury by combe croft dale den field ford gate grave ham hart hurst "
    "land ley low man mere more ridge row shaw side smith stead stone strand ton wald water "
    "way well wick wood worth"
).split()
PLACE_HEADS = (
    "Al Ar Bal Bar Bel Bor Bran Brim Cal Cam Car Cor Dar Del Dor Dun El Er Fal Far Fin Gal "
    "Gar Gil Gor Hal Har Hel Hol Il Jar Jor Kal Kar Kel Kil Lan Lar Lim Lor Mal Mar Mel Mil "
    "Mor Nar Nel Nor Ol Or Pal Par Pel Por Ral Ran Ros Sal San Sel Sol Tal Tam Tar Tel Tor "
    "Ul Val Van Var Vel Vin Vor Wal War Wel Win Yar Zan Zel"
).split()
CITY_TAILS = (
    "bay borough brook burg by castle church cliff cross dale dock falls field ford gate "
    "grove haven head hill holm ing keep leigh march mead minster mont mouth pass point "
    "pool port quay rest side stead ton vale view ville wick"
).split()
CITY_PREFIXES = ("", "New ", "Old ", "Port ", "East ", "West ", "Upper ", "Lower ")
COUNTRY_TAILS = (
    "andia",
    "avia",
    "enia",
    "istan",
    "land",
    "mark",
    "onia",
    "ova",
    "uela",
    "ura",
)
ADJECTIVES = (
    "Amber Ancient Bitter Blue Brave Bright Broken Burning Calm Clear Cold Copper Crimson "
    "Crooked Dark Distant Double Empty Endless Fading Faithful Fallen Final First Foolish "
    "Forgotten Fragile Frozen Gentle Gilded Golden Gray Green Hidden High Hollow Honest "
    "Humble Idle Iron Ivory Last Lonely Long Lost Lucky Marble Modern Narrow Northern "
    "Open Painted Pale Patient Perfect Plain Proud Quiet Rapid Red Restless Royal Rusty "
    "Sacred Scarlet Second Secret Silent Silver Simple Sleeping Small Southern Stolen "
    "Strange Sunken Sweet Tender Thin Thirsty Tired Twisted Velvet Violet Wandering Warm "
    "White Wild Winding Wooden Yellow Young"
).split()
NOUNS = (
    "Actor Anchor Arrow Autumn Baker Balcony Ballad Bell Bird Boat Bottle Bride Bridge "
    "Brother Candle Captain Castle Chapel Circle Clock Coast Colony Compass Corner Crown "
    "Dancer Daughter Desert Diary Doctor Door Dream Dust Eagle Echo Engine Farmer Feather "
    "Field Fire Fisher Flag Flower Forest Fountain Friend Garden Gate Ghost Glass Guest "
    "Guitar Harbor Harvest Heart Horizon Horse Hotel House Hunter Island Journey Judge "
    "Key King Kitchen Ladder Lady Lake Lantern Letter Library Lighthouse Lion Machine Map "
    "Market Mask Meadow Melody Mill Miner Mirror Moon Morning Mother Mountain Music Night "
    "Ocean Orchard Painter Palace Paper Path Pearl Piano Pilot Planet Poet Prince Promise "
    "Queen Rain Reader River Road Robe Rose Sailor School Sea Season Shadow Shepherd Ship "
    "Sister Sky Smoke Soldier Song Spring Stage Star Station Storm Story Stranger Street "
    "Summer Teacher Temple Thief Thread Throne Tower Town Train Tree Valley Village Violin "
    "Voice Wall Watch Water Wave Wedding Wheel Wind Window Winter Witness Wolf Writer"
).split()
INDUSTRIES = {
    "film": ("Pictures", "Films", "Studios", "Film Company"),
    "other": (
        "Motors",
        "Foods",
        "Textiles",
        "Glass",
        "Steel",
        "Shipping",
        "Instruments",
        "Paper Company",
        "Chemicals",
        "Tools",
    ),
}
"""Last words of company names by what the company makes."""

TITLE_FORMS: tuple[Callable[[str, str, str], str], ...] = (
    lambda a, n, _m: f"The {a} {n}",
    lambda a, n, _m: f"The {a} {n}",
    lambda a, n, _m: f"{a} {n}",
    lambda _a, n, m: f"The {n} and the {m}",
    lambda _a, n, m: f"{n} of the {m}",
    lambda a, n, m: f"The {n} of the {a} {m}",
)


class NameMaker:
    """Draws names from the lists above; a name once given is not given again."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._taken: set[str] = set()

    def person(self, is_woman: bool, surname: str | None = None) -> str:
        """Return a first name and a surname, which is drawn when it is not given."""
        given = WOMEN if is_woman else MEN

        def draw() -> str:
            return f"{self._random.choice(given)} {surname or self.surname()}"

        return self._unique(draw, lambda: f"{self._random.choice(given)} {self.surname()}")

    def surname(self) -> str:
        """Return a surname; many people may have the same."""
        head = self._random.choice(SURNAME_HEADS)
        fitting = [t for t in SURNAME_TAILS if t != head.lower() and t[0] != head[-1]]
        return head + self._random.choice(fitting)

    def city(self) -> str:
        """Return a city name; beyond some thousands they get a word before them."""

        def draw() -> str:
            return self._random.choice(PLACE_HEADS) + self._random.choice(CITY_TAILS)

        return self._unique(draw, lambda: self._random.choice(CITY_PREFIXES) + draw())

    def country(self) -> str:
        """Return a country name; there are about 800."""

        def draw() -> str:
            return self._random.choice(PLACE_HEADS) + self._random.choice(COUNTRY_TAILS)

        return self._unique(draw, draw)

    def title(self) -> str:
        """Return the title of a film, novel or song."""

        def draw() -> str:
            noun, other = self._random.sample(NOUNS, 2)
            return self._random.choice(TITLE_FORMS)(
                self._random.choice(ADJECTIVES), noun, other
            )

        return self._unique(draw, draw)

    def company(self, industry: str) -> str:
        """Return a company name that ends with a word of its industry."""
        words = INDUSTRIES[industry]

        def draw() -> str:
            return f"{self.surname()} {self._random.choice(words)}"

        return self._unique(draw, draw)

    def prize(self) -> str:
        """Return the name of a prize."""
        return self._two_words("Prize", "Medal", "Award")

    def festival(self) -> str:
        """Return the name of a festival."""
        return self._two_words("Festival", "Fair", "Cup")

    def claim(self, name: str) -> bool:
        """Take a name made elsewhere; False when it was taken already."""
        if name in self._taken:
            return False
        self._taken.add(name)
        return True

    def _two_words(self, *kinds: str) -> str:
        def draw() -> str:
            words = self._random.choice(ADJECTIVES), self._random.choice(NOUNS)
            return f"{words[0]} {words[1]} {self._random.choice(kinds)}"

        return self._unique(draw, draw)

    def _unique(self, draw: Callable[[], str], wider: Callable[[], str]) -> str:
        for attempt in range(10_000):
            name = draw() if attempt < 20 else wider()
            if self.claim(name):
                return name
        msg = "the name lists are used up; build a world of at most 100,000 pages"
        raise ValueError(msg)
