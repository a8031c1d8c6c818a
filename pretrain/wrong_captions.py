"""Captions that are wrong by one word, which a contrastive model has to tell from the right one."""

import random
import re
from collections.abc import Sequence
from functools import lru_cache

from atelier.text.instructions import describe
from atelier.text.lexicon import GRAMMAR, PRINTS
from pretrain.text_encoder import COLOURS, KINDS

PLACES = ("in a studio", "on a street", "in a park", "in front of a wall", "in a room")
PRINTED = tuple(print_.adjective for name, print_ in PRINTS.items() if name != "solid")
GROUPS: dict[str, Sequence[str]] = {
    "colour": COLOURS,
    "garment": KINDS,
    "print": PRINTED,
    "place": PLACES,
    "person": ("woman", "man"),
    "view": ("seen from the side", "seen from behind"),
}
_ODDS = {"colour": 0.35, "garment": 0.2, "print": 0.3, "place": 0.05, "person": 0.05, "view": 0.05}


@lru_cache(16)
def _pattern(group: str) -> re.Pattern[str]:
    """Match a group's words as a whole, the longest first: "sky blue" is not "blue"."""
    names = sorted(GROUPS[group], key=len, reverse=True)
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, names))})(?![\w-])")


def change_word(text: str, rng: random.Random) -> str:
    """Return a caption with one name changed to another of its group, or with a print added to a plain garment.

    It is as grammatical as before: articles follow ("an orange" becomes "a red"), and "shorts" become "trousers", not
    "shirt". A caption that names nothing of any group gets a place.
    """
    groups = [name for name in GROUPS if _pattern(name).search(text)]
    if "garment" in groups and "print" not in groups:
        groups.append("print")
    if not groups:
        return f"{text} {rng.choice(PLACES)}"
    group = rng.choices(groups, [_ODDS[name] for name in groups])[0]
    found = list(_pattern(group).finditer(text))
    if not found:  # a print for a plain garment
        place = rng.choice(list(_pattern("garment").finditer(text))).start()
        return _with_articles(f"{text[:place]}{rng.choice(PRINTED)} {text[place:]}")
    one = rng.choice(found)
    other = rng.choice([name for name in GROUPS[group] if name != one[0] and _plural(name) == _plural(one[0])])
    return _with_articles(text[: one.start()] + other + text[one.end() :])


_ARTICLE = re.compile(r"\b(?:a|an) (?=(\w+))")


def _plural(name: str) -> bool:
    return name in GRAMMAR["plurals"]


def _with_articles(text: str) -> str:
    return _ARTICLE.sub(lambda found: f"{describe(found[1]).split()[0]} ", text)
