"""What is shot: outfits of people in several poses, places and lights, and twins that differ in one cut.

Every part of a shot has a seed of its own, so that a twin repeats all but the cut.
"""

from dataclasses import dataclass, replace

import numpy as np

from shoot.cuts import LEGS, SKIRTS, Cut, Outfit, alternatives, sample_outfit, spare_alternatives
from shoot.poses import MOVING, STANDING, Pose

DOMAINS = ("studio", "street")
_PEOPLE = 4  # who an outfit can be worn by
VIEWS = {"front": 0.55, "three-quarter": 0.27, "side": 0.08, "back": 0.10}
HAIR_OF_WOMEN = {
    "long": 0.26,
    "wavy": 0.20,
    "bob": 0.16,
    "bun": 0.12,
    "pony": 0.12,
    "curly": 0.06,
    "afro": 0.04,
    "short": 0.04,
}
HAIR_OF_MEN = {
    "short": 0.24,
    "crop": 0.22,
    "side part": 0.20,
    "quiff": 0.12,
    "buzz": 0.12,
    "curly": 0.04,
    "afro": 0.03,
    "bald": 0.03,
}


@dataclass(frozen=True)
class ShotPlan:
    """One shot, before it is taken.

    Attributes:
        item: number of the outfit; the shots of an item show the same clothes.
        number: number of the shot within its item.
        twin: what was changed in the cut of one garment: (index in the outfit, words); None: nothing.
        was: the cut that was changed.
        person: seed of the person.
        yaw: how far the person is turned from the camera, degrees.
        close: whether the picture is cropped to the upper body and the thighs.
        seed: of jitter of the pose, place, light and camera.
        attempt: how many plans of this shot were refused before.
    """

    item: int
    number: int
    domain: str
    outfit: Outfit
    person: int
    female: bool
    hair: str
    pose: Pose
    view: str
    yaw: float
    close: bool
    seed: int
    attempt: int = 0
    twin: tuple[int, str] | None = None
    was: Cut | None = None

    @property
    def original(self) -> Outfit:
        """The outfit before the change of a cut."""
        if self.twin is None:
            return self.outfit
        number = self.twin[0]
        return (*self.outfit[:number], self.was, *self.outfit[number + 1 :])

    @property
    def name(self) -> str:
        """Name of the file."""
        return f"{self.item:04d}-{self.number}{'t' if self.twin else ''}"


def plan_shot(item: int, number: int, people: list[tuple[int, bool]], attempt: int = 0) -> ShotPlan:
    """Plan a shot of an outfit.

    Args:
        people: seeds of people and whether each is female; an outfit is worn by one or two of one sex, and with
            at least four times as many people as outfits by nobody who wears another.
        attempt: 0; more after a shot was refused: another pose, view and place.
    """
    rng = np.random.default_rng([item, 8])
    own = [people[(_PEOPLE * item + k) % len(people)] for k in range(_PEOPLE)]
    person, female = own[0]
    outfit = sample_outfit(female, rng)
    rng = np.random.default_rng([item, number, attempt, 9])
    same = [seed for seed, sex in own if sex == female]
    if number and number % 2 == 0 and rng.random() < 0.5:
        person = same[rng.integers(len(same))]
    hair = sample_hair(female, np.random.default_rng([person, 10]))
    view = str(rng.choice(list(VIEWS), p=_odds(VIEWS)))
    yaw = {
        "front": rng.uniform(-18, 18),
        "three-quarter": rng.choice([-1, 1]) * rng.uniform(25, 48),
        "side": rng.choice([-1, 1]) * rng.uniform(65, 100),
        "back": 180 + rng.uniform(-35, 35),
    }[view]
    domain = DOMAINS[item % 2]
    poses = STANDING if domain == "studio" or rng.random() < 0.5 else MOVING
    pose, close = poses[rng.integers(len(poses))], bool(rng.random() < 0.3)
    seed = 1000 * item + 10 * number + attempt
    return ShotPlan(item, number, domain, outfit, person, female, hair, pose, view, float(yaw), close, seed, attempt)


def twins_of(plan: ShotPlan) -> list[ShotPlan]:
    """List the plans that differ from one in the cut of one garment alone, in random order; spare cuts come last."""
    covered = plan.outfit[-1].kind == "jacket"  # what is worn above stays as it is, so nothing below may grow into it
    choices = [
        (n, words, cut)
        for n, old in enumerate(plan.outfit)
        for words, cut in alternatives(old)
        if not covered or old.kind in (*LEGS, *SKIRTS) or (cut.sleeve, cut.ease) == (old.sleeve, old.ease)
    ]
    order = np.random.default_rng([plan.seed, 11]).permutation(len(choices))
    spare = [(n, words, cut) for n, old in enumerate(plan.outfit) for words, cut in spare_alternatives(old)]
    return [
        replace(plan, outfit=(*plan.outfit[:n], cut, *plan.outfit[n + 1 :]), twin=(n, words), was=plan.outfit[n])
        for n, words, cut in [*(choices[k] for k in order), *spare]
    ]


def sample_hair(female: bool, rng: np.random.Generator) -> str:
    """Draw a hair style."""
    styles = HAIR_OF_WOMEN if female else HAIR_OF_MEN
    return str(rng.choice(list(styles), p=_odds(styles)))


def _odds(table: dict[str, float]) -> np.ndarray:
    weights = np.array(list(table.values()))
    return weights / weights.sum()
