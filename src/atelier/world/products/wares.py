"""What captions say of stored products, and what their parts are made of.

The facts of a stored product: kind, view (flat, hung, standing, worn), place, female (who wears it), and `logo`, the
frame of a logo: its layer, u and v of its middle and its largest width on the surface, m.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from atelier.common.errors import UserError
from atelier.text.instructions import RENDERED_COLOURS, describe
from atelier.world.compose import Fabric
from atelier.world.fabrics import make_fabric
from atelier.world.shards import Part, Shards, part_of

Facts = Mapping[str, Any]

STUDIO = ""
PLACES = ("on a table", "on the grass", "on the street", "on the sand", "in the snow")  # that anything may stand in
_PLACES = {"studio": STUDIO, "table": PLACES[0], "grass": PLACES[1], "street": PLACES[2], "sand": PLACES[3],
           "snow": PLACES[4], "floor": "on the floor", "wall": "on a wall", "park": "in the park",
           "room": "in a room"}  # fmt: skip
_SPOTS = {"t-shirt": "on the chest", "sweater": "on the chest", "cap": "on the front", "bear": "on the belly"}
_NEUTRAL = ("black", "white", "grey", "beige", "brown", "navy")  # of what a product is seen with
_PATTERNED = ("t-shirt", "sweater", "shorts", "cap", "bag")  # kinds that prints are made on
_LAYERS = 3


def list_products(world: Shards, part: Part, kinds: Iterable[str], *, worn: bool | None = None) -> list[str]:
    """Return the names of a part's stored products of some kinds.

    Args:
        worn: whether somebody wears them; None: either.

    Raises:
        UserError: there is none.
    """
    return _list(world, part, tuple(kinds), worn)


@lru_cache(64)
def _list(world: Shards, part: Part, kinds: tuple[str, ...], worn: bool | None) -> list[str]:
    names = [
        name for name, facts in world.facts.items()
        if facts["domain"] == "product" and facts["kind"] in kinds and part_of(facts["item"], "product") == part
        and worn in (None, facts["view"] == "worn")
    ]  # fmt: skip
    if not names:
        raise UserError(f"{world.folder}: no stored product for the part {part!r} is one of {', '.join(kinds)}")
    return names


def place_of(facts: Facts) -> str:
    """Return where a product is, as captions say it: "on a table"; STUDIO: not mentioned."""
    return "in front of a wall" if (facts["view"], facts["place"]) == ("worn", "wall") else _PLACES[facts["place"]]


def locate(facts: Facts, logo: str = "", *, precise: bool = True) -> str:
    """Return how a caption ends: " with a white logo on the chest on a table", or "" if there is nothing to say.

    Args:
        logo: such as "a white logo"; "": none.
        precise: whether the caption says where on the product the logo is; otherwise it is "on it".
    """
    spot = _SPOTS.get(facts["kind"], "on it") if precise else "on it"
    return (f" with {logo} {spot}" if logo else "") + (f" {place}" if (place := place_of(facts)) else "")


def describe_product(facts: Facts, colour: str, pattern: str = "solid", called: str = "") -> str:
    """Describe a product, and who wears it: "a red striped t-shirt", "a male model wearing a red t-shirt".

    Args:
        called: what it is called; "": its kind.
    """
    product = describe(called or facts["kind"], colour, pattern)
    if facts["view"] != "worn":
        return product
    return f"a {'female' if facts['female'] else 'male'} model wearing {product}"


def main_layer(facts: Facts) -> int:
    """Return the layer that has the product's colour; who wears a top wears trousers below."""
    return 1 if facts["view"] == "worn" else 0


def takes_print(facts: Facts) -> bool:
    """Whether prints are made on such a product."""
    return facts["kind"] in _PATTERNED


def dress_product(facts: Facts, main: Fabric, rng: np.random.Generator, *, uniform: bool = False) -> tuple[Fabric, ...]:
    """Return the fabrics of all layers: the main one, and the others in its plain colour or in a neutral one.

    Args:
        uniform: whether all parts of a thing have its colour; trousers stay neutral.
    """
    worn, number = facts["view"] == "worn", main_layer(facts)
    fabrics = []
    for _ in range(_LAYERS):
        neutral = make_fabric(str(rng.choice(_NEUTRAL)))
        same = rng.random() < 0.5 or uniform
        fabrics.append(Fabric(main.colour) if same and not worn else neutral)
    fabrics[number] = main
    return tuple(fabrics)


def sample_colour(rng: np.random.Generator) -> str:
    """Draw one of the ten colours that instructions name."""
    return str(rng.choice(RENDERED_COLOURS))
