"""Four objects of unique appearance: concepts for fine-tuning a model on three to five pictures.

Each is a stored product in colours and with art of its own, which no picture for base models has. The art lies on the
surface as a logo does.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from atelier.world.compose import Fabric, Rgb
from atelier.world.framing import sample_framing
from atelier.world.logos import Logo
from atelier.world.products.shots import Shot, covered_by
from atelier.world.products.wares import list_products
from atelier.world.sample import sample_camera
from atelier.world.shards import Shards, open_stored

Array = np.ndarray
_PLAIN = ("studio", "table", "floor", "wall")  # places of the pictures: prompts may ask for others
_CLOSEST = 0.8
_FINE = 4  # art is drawn so many times larger


@dataclass(frozen=True)
class Art:
    """A picture on a layer of a product.

    Attributes:
        draw: returns it, uint8 (h, w, 4).
        layer: that it lies on.
        middle: where on the surface, u and v from the middle of the product's logo, widths of the logo.
        width: over that of the product's logo.
    """

    draw: Callable[[], Array]
    layer: int
    middle: tuple[float, float]
    width: float


@dataclass(frozen=True)
class Concept:
    """What makes a product unique: colours of its layers, and art."""

    kind: str
    colours: tuple[Rgb, Rgb, Rgb]
    art: tuple[Art, ...]


def _draw(size: tuple[int, int], shapes: list[tuple[str, tuple, Rgb]]) -> Array:
    """Draw shapes, (name, coordinates, colour), on nothing: uint8 (h, w, 4)."""
    width, height = size
    page = Image.new("RGBA", (width * _FINE, height * _FINE), (0, 0, 0, 0))
    pen = ImageDraw.Draw(page)
    for shape, places, colour in shapes:
        getattr(pen, shape)([_FINE * at for at in places], fill=(*colour, 255))
    return np.asarray(page.reduce(_FINE))


_BLUE, _TEAL, _BERRY, _YELLOW = (30, 60, 150), (20, 130, 120), (200, 40, 90), (246, 214, 50)
_RED, _GREEN, _WHITE = (206, 30, 40), (40, 160, 80), (246, 246, 244)


def _draw_stripes() -> Array:
    """Draw a broad stripe with two discs above it."""
    return _draw(
        (200, 160),
        [("ellipse", (18, 6, 82, 70), _BLUE), ("ellipse", (118, 6, 182, 70), _BLUE),
         ("rectangle", (0, 96, 200, 150), _BLUE)],
    )  # fmt: skip


def _draw_rings() -> Array:
    """Draw a belt between two rings, long enough to go round a mug."""
    return _draw(
        (640, 100),
        [("rectangle", (0, 0, 640, 18), _TEAL), ("rectangle", (0, 32, 640, 66), _BERRY),
         ("rectangle", (0, 80, 640, 98), _TEAL)],
    )  # fmt: skip


def _draw_heart() -> Array:
    """Draw a heart."""
    return _draw(
        (100, 100),
        [("ellipse", (6, 10, 54, 58), _GREEN), ("ellipse", (46, 10, 94, 58), _GREEN),
         ("polygon", (10, 47, 90, 47, 50, 94), _GREEN)],
    )  # fmt: skip


def _draw_checks() -> Array:
    """Draw two rows of squares."""
    squares = [
        ("rectangle", (40 * column, 40 * row, 40 * column + 39, 40 * row + 39), _RED)
        for row in range(3) for column in range(16) if (row + column) % 2 == 0
    ]  # fmt: skip
    return _draw((640, 120), squares)


_OBJECTS = {
    "striped bag": Concept("bag", ((238, 196, 40), (196, 40, 48), (196, 40, 48)),
                           (Art(_draw_stripes, 0, (0.0, -0.05), 1.3),)),
    "ringed mug": Concept("mug", ((244, 244, 240), (240, 130, 30), _WHITE), (Art(_draw_rings, 0, (0.0, 0.0), 5.2),)),
    "patched bear": Concept("bear", ((120, 60, 160), _YELLOW, _GREEN), (Art(_draw_heart, 1, (0.0, 0.0), 0.8),)),
    "checked cap": Concept("cap", (_WHITE, (24, 40, 120), _WHITE), (Art(_draw_checks, 0, (0.0, 0.0), 4.2),)),
}  # fmt: skip
CONCEPTS = {name: concept.kind for name, concept in _OBJECTS.items()}  # name → noun


def concept_shots(name: str, count: int, seed: int, size: int, token: str, world: Shards | None = None) -> list[Shot]:
    """Compose photographs of one of CONCEPTS with the prompt "a photo of {token}", all stored products in turn.

    Raises:
        UserError: there are no stored products, or none of the kind for studies.
    """
    world = world or open_stored("products")
    concept = _OBJECTS[name]
    names = list_products(world, "study", (concept.kind,))
    names = [one for one in names if world.facts[one]["place"] in _PLAIN] or names
    order = np.random.default_rng([seed, 6, list(_OBJECTS).index(name)]).permutation(len(names))
    found = []
    for number in range(count):
        rng = np.random.default_rng([seed, 4, list(_OBJECTS).index(name), number])
        pixels = _shoot(world, names[order[number % len(names)]], concept, rng, size)
        found.append(Shot(pixels, f"a photo of {token}", None, concept.kind, ""))
    return found


def _shoot(world: Shards, name: str, concept: Concept, rng: np.random.Generator, size: int) -> Array:
    facts, shot = world.facts[name], world.shot(name)
    framing = sample_framing(rng, covered_by(shot), _CLOSEST)
    camera = sample_camera(rng, "studio" if facts["place"] == "studio" else "street")
    fabrics = tuple(Fabric(colour) for colour in concept.colours)
    art = tuple(_place(one, facts["logo"]) for one in concept.art)
    return framing.show(shot.picture(fabrics, camera, art), size)


def _place(art: Art, frame: dict[str, float]) -> Logo:
    """Put art onto its layer, relative to the frame of the product's logo."""
    (u, v), width = art.middle, frame["width"]
    return Logo(art.draw(), art.layer, frame["u"] + u * width, frame["v"] + v * width, art.width * width)
