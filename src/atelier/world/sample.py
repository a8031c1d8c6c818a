"""Sample scenes of stored shots: fabrics, the camera's development and side bars."""

from functools import lru_cache
from typing import Any

import numpy as np

from atelier.text.colours import is_held_out
from atelier.text.instructions import RENDERED_COLOURS, RENDERED_PATTERNS
from atelier.world.develop import Camera
from atelier.world.fabrics import CLOTH_RGB, PATTERNS, styles_of
from atelier.world.programs import KINDS, NAMES, Garment, Person, Scene, seen_slots
from atelier.world.shards import Part, Shards, open_world, part_of

_PLAIN = 0.5  # share of garments without a print
_BASIC = 0.6  # share of colours, and of prints, that are of the ten and four that instructions name
_BARS = 0.15  # share of studio pictures with bars at the sides, as in the paper's figure 3
_ITEMS = {"upper": 0.65, "lower": 0.20, "full": 0.65, "inner": 0.05}  # odds of being the item, of those worn
_LEAST = 0.008  # the item covers at least this share of the picture


def sample_fabric(rng: np.random.Generator, *, held_out: bool = False) -> tuple[str, str, str]:
    """Sample colour, pattern and style; fabrics excluded from training only if `held_out`."""
    while True:
        colours = RENDERED_COLOURS if rng.random() < _BASIC else tuple(CLOTH_RGB)
        patterns = RENDERED_PATTERNS[1:] if rng.random() < _BASIC else PATTERNS[1:]
        colour, pattern = (names[int(rng.integers(len(names)))] for names in (colours, patterns))
        pattern = "solid" if rng.random() < _PLAIN else pattern
        styles = styles_of(pattern) or ("",)
        style = styles[int(rng.integers(len(styles)))]
        if held_out or not is_held_out(colour, pattern):
            return colour, pattern, "" if style == styles[0] else style


def sample_worn(
    rng: np.random.Generator, facts: dict[str, Any], *, held_out: bool = False
) -> tuple[tuple[str, Garment], ...]:
    """Give each garment of a shot's outfit a fabric; those that can be seen are returned.

    The fabrics depend on the generator and the outfit alone, not on the shot.
    """
    fabrics = [sample_fabric(rng, held_out=held_out) for _ in facts["outfit"]]
    worn = []
    for slot, number in seen_slots(facts).items():
        cut, (colour, pattern, style) = facts["outfit"][number], fabrics[number]
        kind = cut["kind"]
        worn.append(
            (slot, Garment(KINDS.get(kind, kind), colour, pattern, cut["hem"], style, 0.0, NAMES.get(kind, "")))
        )
    return tuple(worn)


def sample_camera(rng: np.random.Generator, domain: str) -> Camera:
    """Sample exposure, white balance and noise; streets vary more."""
    spread = 0.06 if domain == "studio" else 0.14
    exposure, warm, green = (round(float(1 + s * rng.uniform(-1, 1)), 3) for s in (spread, spread / 3, spread / 6))
    noise = round(float(rng.uniform(0.8, 2.2)), 2)
    return Camera(exposure, (warm, green, round(2 - warm, 3)), noise, int(rng.integers(2**31)))


def sample_item(rng: np.random.Generator, facts: list[dict[str, Any]]) -> str:
    """Sample the slot that is the item of an outfit, of those that all its shots show well.

    If there is none, it is the slot that the first shot shows best.
    """
    shown = [set(seen_slots(one, _LEAST)) for one in facts]
    slots = [slot for slot in _ITEMS if slot in set.intersection(*shown)]
    if not slots:
        first = facts[0]
        return max(seen_slots(first, 0.0).items(), key=lambda entry: first["seen"][entry[1]])[0]
    odds = np.array([_ITEMS[slot] for slot in slots])
    return slots[int(rng.choice(len(slots), p=odds / odds.sum()))]


def make_scene(
    world: Shards, shot: str, worn: tuple[tuple[str, Garment], ...], item: str, rng: np.random.Generator
) -> Scene:
    """Make a scene of a shot and its fabrics, with a sampled camera and, in the studio, sometimes bars."""
    facts = world.facts[shot]
    bars = round(float(rng.uniform(0.06, 0.14)), 3) if facts["domain"] == "studio" and rng.random() < _BARS else 0.0
    person = Person(f"person-{facts['person']:05d}", "woman" if facts["female"] else "man")
    camera = sample_camera(rng, facts["domain"])
    return Scene(shot, facts["domain"], facts["view"], person, worn, item, camera, bars)


def sample_outfit(
    rng: np.random.Generator,
    domain: str,
    *,
    held_out: bool = False,
    part: Part | None = None,
    world: Shards | None = None,
) -> Scene:
    """Sample a scene of any shot of a domain, twins included.

    Args:
        part: only shots of the base models' outfits or the studies'; None: any.
    """
    world = world or open_world()
    names = _names(world, domain, part)
    name = names[int(rng.integers(len(names)))]
    worn = sample_worn(rng, world.facts[name], held_out=held_out)
    return make_scene(world, name, worn, sample_item(rng, [world.facts[name]]), rng)


@lru_cache(16)
def _names(world: Shards, domain: str, part: Part | None) -> list[str]:
    """Return the names of a domain's shots, of a part's outfits."""
    facts = ((name, one) for name, one in world.facts.items() if one["domain"] == domain)
    return [name for name, one in facts if part in (None, part_of(one["item"], domain))]
