"""Compose pictures of one person in a pose, whole or deformed, with prompt and the body part of each pixel."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from atelier.common.rng import derive_seed
from atelier.world.develop import Camera
from atelier.world.fabrics import make_fabric
from atelier.world.framing import Framing, sample_framing
from atelier.world.poses.looks import Facts, Look, Wanted, dress_person, list_people, pose_of, prompt_of
from atelier.world.sample import sample_camera
from atelier.world.shards import Part, Shards, open_stored, original_of

Array = np.ndarray
PARTS = ("background", "head", "torso", "arm", "leg")
_CLOSEST = 0.8  # least side of what is seen of a shot


@dataclass(frozen=True)
class Figure:
    """A picture of a person.

    Attributes:
        pixels: uint8 (S, S, 3).
        parts: uint8 (S, S), indices in PARTS.
        fault: one of FAULTS; "": none. The prompt does not mention it.
        name: of the stored shot.
    """

    pixels: Array = field(repr=False)
    parts: Array = field(repr=False)
    prompt: str
    pose: str
    look: Look
    fault: str
    name: str


@dataclass(frozen=True)
class _Taking:
    """How a person is dressed and photographed, the same for whole and deformed."""

    look: Look
    camera: Camera
    framing: Framing


def read_parts(facts: Facts) -> Array:
    """Return the body part of each pixel of a stored shot, uint8 (H, W), indices in PARTS."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(facts["parts"]))))


def sample_figure(
    seed: int,
    pose: str | None,
    *,
    part: Part,
    place: str | None = None,
    size: int = 128,
    fault: str | None = "",
    world: Shards | None = None,
) -> Figure:
    """Compose a picture of a person; deterministic in the seed and the stored shots.

    Args:
        pose: one of POSES; None: any.
        part: of the stored people, the base models' or the studies'.
        place: one of PLACES; None: any.
        fault: one of FAULTS; "": a whole body; None: any fault.

    Raises:
        UserError: there are no stored people, or none of these.
    """
    world, rng = world or open_stored("lying"), np.random.default_rng(derive_seed(seed, "figure"))
    name = _choose(list_people(world, Wanted(part, pose, place, fault)), rng)
    return _compose(world, name, _take(world, name, rng), size)


def sample_pair(
    seed: int,
    pose: str | None,
    *,
    part: Part,
    place: str | None = None,
    size: int = 128,
    fault: str | None = None,
    world: Shards | None = None,
) -> tuple[Figure, Figure]:
    """Compose a whole person, and the same picture with the body deformed; arguments as of `sample_figure`."""
    world, rng = world or open_stored("lying"), np.random.default_rng(derive_seed(seed, "pair of figures"))
    deformed = _choose(list_people(world, Wanted(part, pose, place, fault)), rng)
    whole = original_of(deformed)
    taking = _take(world, whole, rng)
    return _compose(world, whole, taking, size), _compose(world, deformed, taking, size)


def sample_look(
    rng: np.random.Generator, pose: str, *, part: Part, place: str | None = None, world: Shards | None = None
) -> Look:
    """Draw what a prompt may say of a person in a pose, such that a stored shot shows it.

    Raises:
        UserError: there are no stored people, or none of these.
    """
    world = world or open_stored("lying")
    return dress_person(world.facts[_choose(list_people(world, Wanted(part, pose, place)), rng)], rng)


def compose_look(
    look: Look, pose: str, rng: np.random.Generator, *, part: Part, size: int = 128, world: Shards | None = None
) -> Figure:
    """Compose a whole person of whom a prompt is true; what it does not mention is drawn.

    Raises:
        UserError: there are no stored people, or none who wears such clothes in the pose and place.
    """
    world = world or open_stored("lying")
    wanted = Wanted(part, pose, look.place, "", look.gender, look.top, look.bottom)
    name = _choose(list_people(world, wanted), rng)
    return _compose(world, name, replace(_take(world, name, rng), look=look), size)


def _choose(names: Sequence[str], rng: np.random.Generator) -> str:
    return names[int(rng.integers(len(names)))]


def _take(world: Shards, name: str, rng: np.random.Generator) -> _Taking:
    """Draw the colours of the clothes, the camera and the framing."""
    facts = world.facts[name]
    camera = sample_camera(rng, "studio" if facts["place"] == "studio" else "street")
    person = read_parts(world.shot(name).stored.facts) > 0
    return _Taking(dress_person(facts, rng), camera, sample_framing(rng, person, _CLOSEST))


def _compose(world: Shards, name: str, taking: _Taking, size: int) -> Figure:
    look, shot, facts = taking.look, world.shot(name), world.facts[name]
    picture = shot.picture((make_fabric(look.bottom_colour), make_fabric(look.top_colour)), taking.camera)
    parts = taking.framing.show_labels(read_parts(shot.stored.facts), len(PARTS), size)
    pose, fault = pose_of(facts), facts["twin"] or ""
    return Figure(taking.framing.show(picture, size), parts, prompt_of(look, pose), pose, look, fault, name)
