"""Render a picture of one person from a seed, with its prompt and its map of body parts."""

from dataclasses import dataclass

import numpy as np

from atelier.common.rng import derive_seed
from atelier.synthetic.poses.body import Body, sample_body
from atelier.synthetic.poses.draw import draw_mannequin
from atelier.synthetic.poses.faults import deform
from atelier.synthetic.poses.looks import Look, prompt_of, sample_look

_WANDER = 0.02  # largest offset of the body's middle from the picture's, in picture sides


@dataclass(frozen=True)
class Mannequin:
    pixels: np.ndarray  # uint8 (S, S, 3)
    parts: np.ndarray  # uint8 (S, S), indices in PARTS
    prompt: str
    body: Body
    look: Look
    fault: str = ""  # one of FAULTS; "": none


def render(body: Body, look: Look, rng: np.random.Generator, *, size: int = 64, fault: str = "") -> Mannequin:
    """Render a correct body, deformed first if a fault is named; the prompt does not mention the fault."""
    shown = deform(rng, body, fault) if fault else body
    offset = (float(rng.uniform(-_WANDER, _WANDER)), float(rng.uniform(-_WANDER, _WANDER)))
    pixels, parts = draw_mannequin(shown, look, size=size, offset=offset)
    return Mannequin(pixels, parts, prompt_of(look, body.pose), shown, look, fault)


def sample_mannequin(seed: int, pose: str, *, place: str | None = None, size: int = 64, fault: str = "") -> Mannequin:
    """Render a random person in a pose, in a random or given place. Deterministic in the seed."""
    rng = np.random.default_rng(derive_seed(seed, "mannequin"))
    look = sample_look(rng, place)
    return render(sample_body(rng, pose), look, rng, size=size, fault=fault)
