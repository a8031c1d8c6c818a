"""Sample scenes: people, poses, garments and backgrounds of the domains studio and street."""

import numpy as np

from atelier.synthetic.fashion.scene import Backdrop, Framing, Garment, Person, Pose, Scene, slot_of
from atelier.text.colours import is_held_out
from atelier.text.instructions import FULL, LOWER, RENDERED_COLOURS, RENDERED_PATTERNS, UPPER

SKINS = ((250, 218, 190), (236, 188, 150), (206, 150, 108), (160, 106, 70), (112, 70, 46), (78, 48, 34))
HAIRS = ((34, 26, 24), (84, 52, 30), (150, 96, 50), (222, 184, 104), (166, 62, 34), (150, 150, 152))
STUDIO_ARMS = ((10, 4), (16, 8), (26, -12), (42, -38), (20, 24), (34, 8))
STREET_ARMS = (*STUDIO_ARMS, (68, 60), (95, 120), (120, 150), (60, 100), (80, 40), (50, -20))


def sample_person(rng: np.random.Generator, person_id: str) -> Person:
    """Sample the appearance of a person."""
    gender = ("woman", "man")[int(rng.integers(2))]
    styles = ("long", "bun", "short", "long") if gender == "woman" else ("short", "short", "short", "long")
    return Person(
        person_id=person_id,
        gender=gender,
        build=round(float(rng.uniform(1.0, 1.2)), 3),
        skin=SKINS[int(rng.integers(len(SKINS)))],
        hair=HAIRS[int(rng.integers(len(HAIRS)))],
        hair_style=styles[int(rng.integers(4))],
    )


def sample_garment(rng: np.random.Generator, garment_type: str, *, held_out: bool = False) -> Garment:
    """Sample the fabric and cut of a garment; fabrics excluded from training only if `held_out`."""
    while True:
        colour = RENDERED_COLOURS[int(rng.integers(len(RENDERED_COLOURS)))]
        pattern = "solid" if rng.random() < 0.4 else RENDERED_PATTERNS[int(rng.integers(1, len(RENDERED_PATTERNS)))]
        if held_out or not is_held_out(colour, pattern):
            return Garment(garment_type, colour, pattern, round(float(rng.random()), 3))


def sample_type(rng: np.random.Generator) -> str:
    """Sample the type of an item: upper (65 %), lower (20 %) or full-body (15 %)."""
    group = (UPPER, LOWER, FULL)[int(rng.choice(3, p=(0.65, 0.20, 0.15)))]
    return group[int(rng.integers(len(group)))]


def sample_scene(
    rng: np.random.Generator, domain: str, person: Person, item: Garment, *, view: str, held_out: bool = False
) -> Scene:
    """Sample a scene of `person` wearing `item`, with a second garment unless the item is full-body."""
    slot = slot_of(item.kind)
    worn = {slot: item}
    if slot != "full":
        other = LOWER if slot == "upper" else UPPER
        worn["lower" if slot == "upper" else "upper"] = sample_garment(
            rng, other[int(rng.integers(len(other)))], held_out=held_out
        )
    arms = STUDIO_ARMS if domain == "studio" else STREET_ARMS
    left, right = (np.array(arms[int(rng.integers(len(arms)))], float) + rng.uniform(-5, 5, 2) for _ in range(2))
    wide = 1.0 if domain == "studio" else 1.7
    colours = [garment.colour for garment in worn.values()]
    echo = colours[int(rng.integers(len(colours)))] if domain == "street" and rng.random() < 0.35 else None
    bars = float(rng.uniform(0.06, 0.14)) if domain == "studio" and rng.random() < 0.15 else 0.0
    return Scene(
        person=person,
        pose=Pose(
            name=("rest", "hip", "open", "wave")[min(3, int(abs(left[0]) // 30))],
            arms=tuple(round(float(a), 1) for a in (*left, *right)),
            lean=round(float(rng.uniform(-0.012, 0.012) * wide), 4),
            view=view,
        ),
        worn=tuple((s, worn[s]) for s in ("upper", "lower", "full") if s in worn),
        item=slot,
        backdrop=Backdrop(domain, int(rng.integers(2**31)), echo, round(bars, 3)),
        framing=Framing(
            centre=round(float(0.5 + rng.uniform(-0.03, 0.03) * wide), 4),
            top=round(float(rng.uniform(0.03, 0.07) * wide), 4),
            scale=round(float(rng.uniform(1.12, 1.30) if domain == "studio" else rng.uniform(0.98, 1.30)), 4),
            light=round(float(rng.uniform(0.96, 1.04) if domain == "studio" else rng.uniform(0.82, 1.1)), 4),
            slope=round(float(rng.uniform(-0.06, 0.06) if domain == "studio" else rng.uniform(-0.22, 0.22)), 4),
        ),
        folds=int(rng.integers(2**31)),
    )


def sample_outfit(rng: np.random.Generator, domain: str, *, held_out: bool = False) -> Scene:
    """Sample a scene of an anonymous person in a random item: training data of the embedded model."""
    person = sample_person(rng, "")
    item = sample_garment(rng, sample_type(rng), held_out=held_out)
    view = ("front", "front", "side", "back")[int(rng.integers(4))]
    return sample_scene(rng, domain, person, item, view=view, held_out=held_out)
