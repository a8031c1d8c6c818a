"""Compose product and model photographs with prompts, with and without a logo, of stored products.

A picture depends on the seed, its number and the stored shots alone, so that a longer series starts with the shorter
one. Base models are trained on one part of the stored products, studies use the other (`world.shards.part_of`).
"""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from PIL import Image

from atelier.images.boxes import box_of
from atelier.world.compose import Fabric
from atelier.world.compose import Shot as StoredProduct
from atelier.world.framing import Framing
from atelier.world.logos import Logo
from atelier.world.products.plates import Label
from atelier.world.products.wares import Facts
from atelier.world.sample import sample_camera
from atelier.world.shards import Shards

Array = np.ndarray
Box = tuple[float, float, float, float]
_SPREAD = (0.95, 1.1)  # width of a logo over that of its frame
_LEGIBLE = 0.94  # least share of a logo that is seen where a picture has one
_SCALE = 4  # a logo alone is drawn so many times larger
_PAPER = (196, 246)  # levels of the paper under it


@dataclass(frozen=True)
class Shot:
    """A photograph, its prompt, and the box of its logo.

    Attributes:
        pixels: uint8 (S, S, 3).
        box: of the logo, x1, y1, x2, y2 in px: the pixels that it may change; None: no logo.
        subject: kind of the product, "model" (somebody wears it), "logo" (a plate alone) or "products".
        colour: of the subject; "": it has none of its own.
    """

    pixels: Array = field(repr=False)
    prompt: str
    box: Box | None
    subject: str
    colour: str


def shoot_product(
    world: Shards,
    name: str,
    fabrics: tuple[Fabric, ...],
    rng: np.random.Generator,
    size: int,
    label: Label | None = None,
    framing: Framing | None = None,
) -> tuple[Array, Box | None]:
    """Compose a stored product: uint8 (size, size, 3), and the box of its logo.

    Args:
        label: the logo; None: none.
        framing: what of the shot is seen; None: all of it, mirrored or not.
    """
    facts, shot = world.facts[name], world.shot(name)
    framing = framing or Framing(mirrored=bool(rng.random() < 0.5))
    camera = sample_camera(rng, "studio" if facts["place"] == "studio" else "street")
    spread = float(rng.uniform(*_SPREAD))
    if label is None:
        return framing.show(shot.picture(fabrics, camera), size), None
    logo = fit_label(label, facts, spread, mirrored=framing.mirrored)
    covered = (shot.logo_coverage(logo) > 0).astype(np.uint8) * np.uint8(255)
    seen = framing.show(covered[..., None], size)[..., 0]
    box = tuple(box_of(seen)) if seen.any() else None
    return framing.show(shot.picture(fabrics, camera, (logo,)), size), box


def fit_label(label: Label, facts: Facts, spread: float, *, mirrored: bool) -> Logo:
    """Put a logo into the frame of a stored product, in mirror writing if the picture will be mirrored.

    Args:
        spread: its width over that of the frame.
    """
    picture = np.ascontiguousarray(label.picture[:, ::-1]) if mirrored else label.picture
    return Logo.fit(picture, facts["logo"] | {"width": spread * facts["logo"]["width"]})


def covered_by(stored: StoredProduct) -> Array:
    """Return the pixels that a product covers, bool (H, W)."""
    return stored.alpha.max(-1) > 0


@lru_cache(1024)
def shows_logo(world: Shards, name: str) -> bool:
    """Whether a stored product shows all of a logo in its frame, and no hair or arm covers letters."""
    plate = Label("", np.full((96, 232, 4), 255, np.uint8))
    logo = fit_label(plate, world.facts[name], 1.0, mirrored=False)
    return world.shot(name).logo_share(logo) >= _LEGIBLE


def subject_of(facts: Facts) -> str:
    """Return the subject of a picture of a stored product."""
    return "model" if facts["view"] == "worn" else facts["kind"]


def shoot_logo(label: Label, rng: np.random.Generator, size: int) -> tuple[Array, Box]:
    """Draw a large logo alone on paper, a little turned: uint8 (size, size, 3), and its box."""
    fine, plate = _SCALE * size, Image.fromarray(label.picture)
    width = round(fine * float(rng.uniform(0.62, 0.84)))
    plate = plate.resize((width, round(width * plate.height / plate.width)), Image.Resampling.LANCZOS)
    turned = plate.rotate(float(rng.uniform(-8, 8)), Image.Resampling.BICUBIC, expand=True)
    tone = rng.integers(*_PAPER) + rng.integers(-6, 7, 3)
    falling = np.linspace(0, float(rng.uniform(-22, 22)), fine)
    paper = np.broadcast_to(tone + falling[:, None, None], (fine, fine, 3))
    page = Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8))
    room = [fine - side for side in turned.size]
    corner = tuple(round(side * float(rng.uniform(0.25, 0.75))) for side in room)
    page.paste(turned, corner, turned)
    mask = Image.new("L", page.size, 0)
    mask.paste(
        255, (*corner, *(at + side for at, side in zip(corner, turned.size, strict=True))), turned.getchannel("A")
    )
    noise = rng.normal(0, float(rng.uniform(0.8, 2.2)), (size, size, 3))
    pixels = np.clip(np.asarray(page.reduce(_SCALE)) + noise + 0.5, 0, 255).astype(np.uint8)
    return pixels, tuple(box_of(np.asarray(mask.reduce(_SCALE))))
