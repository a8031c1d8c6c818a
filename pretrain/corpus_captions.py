"""Captions of the corpus: clothes, sometimes with a word for how one is cut, the view and sometimes the place."""

from typing import Any

import numpy as np

from atelier.text.instructions import caption, describe
from atelier.world import Scene
from atelier.world.programs import Garment, seen_slots

VIEWS = {"side": "seen from the side", "back": "seen from behind"}
PLACES = {"studio": "in a studio", "street": "on a street", "park": "in a park", "wall": "in front of a wall",
          "room": "in a room"}  # fmt: skip
_SAID, _CUT_SAID = 0.5, 0.35  # probability that the place is named; that a garment's cut is, where there is a word
_TOPS = ("t-shirt", "shirt", "blouse", "sweater", "top")
_HANGING = ("dress", "skirt")
_BOUNDS = {  # kinds → (measure of the cut, word up to the first bound, bounds, word from the second bound on)
    _HANGING: (("hem", "short", 0.5, 0.75, "long"), ("flare", "straight", 1.08, 1.6, "flared")),
    _TOPS: (("hem", "cropped", -0.1, 0.085, "long"),),
    ("trousers",): (("hem", "cropped", 0.8, 9.0, ""), ("flare", "straight", 1.1, 1.4, "wide")),
}
_SLEEVED = ("t-shirt", "shirt", "blouse", "sweater", "dress")
_SLEEVELESS, _SHORT_SLEEVE, _LONG_SLEEVE = 0.02, 0.5, 0.8  # share of the arm that a sleeve covers


def cut_words(cut: dict[str, Any]) -> list[str]:
    """Return the words that are true of a stored garment's cut: of its length, width and sleeves.

    A cut between two bounds has no word.

    Args:
        cut: of the facts of a stored shot: kind, hem, flare, sleeve (docs/world.md).
    """
    words = []
    for kinds, measures in _BOUNDS.items():
        for measure, low_word, low, high, high_word in measures if cut["kind"] in kinds else ():
            words += [low_word] * (cut[measure] <= low) + [high_word] * (cut[measure] >= high)
    if cut["kind"] in _SLEEVED:
        sleeve = cut["sleeve"]
        words += ["sleeveless"] * (sleeve <= _SLEEVELESS)
        words += ["short-sleeved"] * (_SLEEVELESS < sleeve <= _SHORT_SLEEVE)
        words += ["long-sleeved"] * (sleeve >= _LONG_SLEEVE)
    return words


def _garment(garment: Garment, words: list[str], rng: np.random.Generator) -> str:
    """Describe a garment: "a long red dress"."""
    said = describe(garment.name or garment.kind, garment.colour, garment.pattern)
    if not words or rng.random() >= _CUT_SAID:
        return said
    word = words[int(rng.integers(len(words)))]
    article, _, rest = said.partition(" ")
    return f"a {word} {rest}" if article in ("a", "an") else f"{word} {said}"


def caption_of(scene: Scene, facts: dict[str, Any], rng: np.random.Generator) -> str:
    """Return a caption that names the clothes, a view other than the front, and sometimes a cut and the place.

    Args:
        facts: of the scene's stored shot.
    """
    cuts = {slot: facts["outfit"][number] for slot, number in seen_slots(facts).items()}
    garments = [_garment(garment, cut_words(cuts[slot]), rng) for slot, garment in reversed(scene.worn)]
    parts = [caption(scene.gender, garments)]
    if scene.view in VIEWS:
        parts.append(VIEWS[scene.view])
    if rng.random() < _SAID:
        parts.append(PLACES[facts.get("place", scene.domain)])
    return " ".join(parts)
