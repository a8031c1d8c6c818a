"""Labelled images for the detector: the logo on objects of any colour, and shots that must not be detected.

Legend: N images, S side in px. Boxes are x1, y1, x2, y2 in px.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.common.tensor_files import write_tensors
from atelier.images.tensors import to_tensor
from atelier.metrics.detector import Labelled
from atelier.synthetic.products import COLOURS, PLACES, WORD, Shot
from atelier.synthetic.products.people import TOPS
from atelier.synthetic.products.plates import BLACK, RED, draw_plate
from atelier.synthetic.products.shots import Label, shoot_logo, shoot_model, shoot_thing
from atelier.synthetic.products.things import THINGS, plain
from atelier.text.colours import COLOURS_RGB

BAD_KINDS = (
    "another word",
    "no word",
    "other colours",
    "smeared",
    "no plate",
)  # the five kinds of bad_logo_shots, in its order
_CARRIERS = ("t-shirt", "sweater", "shorts", "hat", "bag", "perfume", "billboard", "model", "model", "logo")


def good_shots(count: int, seed: int, size: int) -> list[Shot]:
    """Render the logo on objects and people of any colour in any place, and alone.

    The training images have it on four colours only: a detector trained on those would reject a logo on green, and so
    penalise a model that follows the prompts.
    """
    label, found = Label("a logo", draw_plate(WORD, RED, BLACK)), []
    for number in range(count):
        rng = np.random.default_rng([seed, 5, number])
        kind, colour = _CARRIERS[number % len(_CARRIERS)], COLOURS[int(rng.integers(len(COLOURS)))]
        place = PLACES[int(rng.integers(len(PLACES)))] if rng.random() < 0.3 else ""
        if kind == "model":
            gender, top = ("male", "female")[int(rng.integers(2))], TOPS[int(rng.integers(2))]
            pixels, box = shoot_model(rng, gender, top, colour, size, label)
        elif kind == "logo":
            pixels, box = shoot_logo(rng, label, place, size)
        else:
            where = "on the street" if kind == "billboard" else place
            pixels, box = shoot_thing(rng, kind, plain(THINGS[kind], COLOURS_RGB[colour]), where, size, label)
        found.append(Shot(pixels, f"a {colour} {kind}", box, kind, colour))
    return found


def write_labelled(path: Path, shots: Sequence[Shot], kinds: Sequence[str]) -> None:
    """Write N images with at most one box each, and their kinds."""
    boxes = torch.tensor([shot.box or (float("nan"),) * 4 for shot in shots], dtype=torch.float32)
    pixels = torch.from_numpy(np.stack([shot.pixels for shot in shots]))
    with atomic_write(path) as partial:
        metadata = {"kinds": json.dumps(list(kinds))}
        write_tensors(partial, {"pictures": pixels, "boxes": boxes}, metadata, finite=False)  # NaN: no box


def read_labelled(path: Path) -> tuple[Labelled, list[str]]:
    """Read images with their boxes, and their kinds.

    Raises:
        UserError: there is no such file, or it is damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            pixels, boxes = file.get_tensor("pictures"), file.get_tensor("boxes")
            kinds = json.loads(file.metadata()["kinds"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no labelled images ({' '.join(str(error).split())[:120]})") from None
    given = ~boxes.isnan().any(1)
    own = tuple(box[None] if here else torch.zeros(0, 4) for box, here in zip(boxes, given, strict=True))
    return Labelled(to_tensor(pixels.numpy()), own), kinds
