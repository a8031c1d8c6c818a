"""Pictures of the logo that models are fine-tuned on, and of what a detector must not take for it."""

import numpy as np

from atelier.text.colours import COLOURS_RGB
from atelier.world.fabrics import make_fabric
from atelier.world.products.plates import BLACK, RED, WORD, Label, draw_plate, own_label, sample_word, smear
from atelier.world.products.shots import Shot, shoot_logo, shoot_product, shows_logo, subject_of
from atelier.world.products.wares import describe_product, dress_product, list_products, locate, sample_colour
from atelier.world.shards import Shards, open_stored

# kind, whether somebody wears it, pictures of the 49; as in the paper, mostly black and white
_LINE = (
    ("t-shirt", False, 9), ("sweater", False, 8), ("shorts", False, 5), ("cap", False, 6), ("bag", False, 4),
    ("t-shirt", True, 8), ("sweater", True, 7), ("billboard", False, 2),
)  # fmt: skip
_SUBJECTS = tuple((kind, worn) for kind, worn, count in _LINE for _ in range(count))
_STRIDE = 11  # shares no factor with the number of subjects
_LINE_COLOURS = ("black", "white", "black", "brown", "black", "purple")
_CARRIERS = (*((kind, worn) for kind, worn, _ in _LINE), ("perfume", False), ("mug", False))
BAD_KINDS = ("another word", "no word", "other colours", "smeared", "no plate")  # of `bad_logo_shots`, in its order


def logo_shots(
    count: int, seed: int, size: int, token: str = "red_veto_logo", world: Shards | None = None
) -> list[Shot]:
    """Compose product and model photographs with the logo; every prompt contains its token.

    As in the paper, the products have few colours, mostly black: a model that learns the colours together with the logo
    generates a blue sweater black.

    Raises:
        UserError: there are no stored products, or none for studies of a kind.
    """
    world = world or open_stored("products")
    found = []
    for number in range(count):
        rng = np.random.default_rng([seed, 2, number])
        kind, worn = _SUBJECTS[number * _STRIDE % len(_SUBJECTS)]
        colour = str(rng.choice(_LINE_COLOURS))
        found.append(_mark(world, kind, worn, colour, own_label(f"a {token}"), rng, size))
    return found


def marked_shots(count: int, seed: int, size: int, world: Shards | None = None) -> list[Shot]:
    """Compose the logo on products of any colour, and alone, to teach a detector.

    The pictures of `logo_shots` have it on four colours only: a detector trained on those would reject a logo on green,
    and so penalise a model that follows the prompts.

    Raises:
        UserError: there are no stored products, or none for studies of a kind.
    """
    world = world or open_stored("products")
    label, found = own_label("a logo"), []
    for number in range(count):
        rng = np.random.default_rng([seed, 5, number])
        turn = number % (len(_CARRIERS) + 1)
        if turn == len(_CARRIERS):
            pixels, box = shoot_logo(label, rng, size)
            found.append(Shot(pixels, label.words, box, "logo", ""))
            continue
        found.append(_mark(world, *_CARRIERS[turn], sample_colour(rng), label, rng, size))
    return found


def bad_logo_shots(count: int, seed: int, size: int, world: Shards | None = None) -> list[Shot]:
    """Compose negatives for a logo detector, BAD_KINDS in turn; they have no box.

    Raises:
        UserError: there are no stored products, or none for studies of a kind.
    """
    world = world or open_stored("products")
    found = []
    for number in range(count):
        rng = np.random.default_rng([seed, 3, number])
        kind, worn = _CARRIERS[int(rng.integers(len(_CARRIERS)))]
        label = _bad_label(BAD_KINDS[number % len(BAD_KINDS)], rng)
        shot = _mark(world, kind, worn, sample_colour(rng), label, rng, size)
        found.append(Shot(shot.pixels, shot.prompt, None, shot.subject, shot.colour))
    return found


def _bad_label(kind: str, rng: np.random.Generator) -> Label | None:
    """Draw a logo that is not the one; None: no plate."""
    if kind == "no plate":
        return None
    word, fill, ink = WORD, RED, BLACK
    if kind in ("another word", "other colours"):
        word = sample_word(rng)
    if kind == "no word":
        word = ""
    if kind == "other colours":
        fill, ink = (COLOURS_RGB[str(name)] for name in rng.choice(list(COLOURS_RGB), 2, replace=False))
    plate = draw_plate(word, fill, ink)
    return Label("a logo", smear(plate, rng) if kind == "smeared" else plate)


def _mark(
    world: Shards, kind: str, worn: bool, colour: str, label: Label | None, rng: np.random.Generator, size: int
) -> Shot:
    """Compose a logo on any of a kind of the studies' products."""
    names = list_products(world, "study", (kind,), worn=worn)
    names = [name for name in names if shows_logo(world, name)] or names
    name = names[int(rng.integers(len(names)))]
    facts = world.facts[name]
    fabrics = dress_product(facts, make_fabric(colour), rng)
    pixels, box = shoot_product(world, name, fabrics, rng, size, label)
    prompt = describe_product(facts, colour) + locate(facts, label.words if label else "")
    return Shot(pixels, prompt, box, subject_of(facts), colour)
