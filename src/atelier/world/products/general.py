"""General pictures to train base models on: anything but the logo and the concepts that studies teach."""

import numpy as np

from atelier.text.colours import COLOURS_RGB
from atelier.world.fabrics import make_fabric
from atelier.world.framing import sample_framing
from atelier.world.products.plates import Label, sample_label
from atelier.world.products.shots import Shot, covered_by, shoot_logo, shoot_product, shows_logo, subject_of
from atelier.world.products.wares import (
    Facts,
    describe_product,
    dress_product,
    list_products,
    locate,
    sample_colour,
    takes_print,
)
from atelier.world.sample import sample_fabric
from atelier.world.shards import Shards, open_stored

COLOURS = tuple(COLOURS_RGB)
KINDS = ("t-shirt", "sweater", "shorts", "cap", "mug", "bag", "perfume", "billboard", "bear")
_CLOTHES = ("t-shirt", "sweater", "shorts", "cap", "bag")
_SUBJECTS, _ODDS = ("product", "logo", "products"), (0.87, 0.08, 0.05)
_LABELLED = 0.5  # share of products with a logo
_CLOSEST = 0.8  # least side of what is seen of a shot


def general_shots(count: int, seed: int, size: int, first: int = 0, world: Shards | None = None) -> list[Shot]:
    """Compose the shots first, first + 1, … first + count − 1."""
    return [general_shot(seed, number, size, world) for number in range(first, first + count)]


def general_shot(seed: int, number: int, size: int, world: Shards | None = None) -> Shot:
    """Compose a picture for training base models, of products that no study shows.

    Raises:
        UserError: there are no stored products, or none for base models.
    """
    world = world or open_stored("products")
    rng = np.random.default_rng([seed, 1, number])
    subject = rng.choice(_SUBJECTS, p=_ODDS)
    if subject == "logo":
        label = sample_label(rng)
        pixels, box = shoot_logo(label, rng, size)
        return Shot(pixels, _say(rng, label.words), box, "logo", "")
    if subject == "products":
        colour = sample_colour(rng)
        prompt = f"the {rng.choice(('latest', 'new'))} {colour} products"
        return Shot(_show_four(world, colour, rng, size), prompt, None, "products", colour)
    names = list_products(world, "base", KINDS)
    return _shoot_any(world, names[int(rng.integers(len(names)))], rng, size)


def _shoot_any(world: Shards, name: str, rng: np.random.Generator, size: int) -> Shot:
    """Compose a stored product in sampled fabrics, with or without a logo."""
    facts = world.facts[name]
    colour, pattern, style = sample_fabric(rng)
    labelled = rng.random() < _LABELLED and shows_logo(world, name)
    if labelled or not takes_print(facts):
        pattern, style = "solid", ""
    label = sample_label(rng, colour) if labelled else None
    fabrics = dress_product(facts, make_fabric(colour, pattern, style), rng)
    framing = None if labelled else sample_framing(rng, covered_by(world.shot(name)), _CLOSEST)  # no letter is cut off
    pixels, box = shoot_product(world, name, fabrics, rng, size, label, framing)
    return Shot(pixels, _describe(facts, colour, pattern, label, rng), box, subject_of(facts), colour)


def _describe(facts: Facts, colour: str, pattern: str, label: Label | None, rng: np.random.Generator) -> str:
    called = "fragrance perfume" if facts["kind"] == "perfume" and rng.random() < 0.5 else facts["kind"]
    text = describe_product(facts, colour, pattern, called)
    if facts["view"] != "worn" and rng.random() < 0.1:
        text = f"the new {text.split(' ', 1)[1] if text.startswith(('a ', 'an ')) else text}"
    precise = bool(rng.random() < 0.6)
    return _say(rng, text + locate(facts, label.words if label else "", precise=precise))


def _say(rng: np.random.Generator, text: str) -> str:
    """Return the caption unchanged or, half of the time, after "a photo of"."""
    return f"a photo of {text}" if rng.random() < 0.5 else text


def _show_four(world: Shards, colour: str, rng: np.random.Generator, size: int) -> np.ndarray:
    """Compose a page of four products of a colour, uint8 (size, size, 3)."""
    names = list_products(world, "base", _CLOTHES, worn=False)
    half = (size + 1) // 2
    tiles = []
    for _ in range(4):
        name = names[int(rng.integers(len(names)))]
        fabrics = dress_product(world.facts[name], make_fabric(colour), rng, uniform=True)
        tiles.append(shoot_product(world, name, fabrics, rng, half)[0])
    page = np.concatenate([np.concatenate(tiles[row : row + 2], axis=1) for row in (0, 2)])
    return page[:size, :size]
