"""Shoot whole people and the same people deformed: they lie or sit on grass, street or beach, or stand there.

    python -m shoot.lying --out data/lying --count 100 --size 128

Each number gives two shots: a whole person, and a twin whose body has a fault and which shares everything else.
The facts of a shot hold the body part of each pixel, as a PNG in base 64.
"""

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import numpy as np

from shoot.cuts import Outfit, sample_cut
from shoot.deformities import FAULTS, Fault, sample_fault
from shoot.plan import sample_hair
from shoot.poses import Pose
from shoot.shots import list_people, people_option, shot_options, write_shot
from shoot.turns import R2, pick, take_turn

POSTURES = ("on the back", "on the side", "on the front", "sitting", "standing", "walking", "waving", "jumping")
_ODDS = (0.40, 0.09, 0.07, 0.04, 0.10, 0.10, 0.10, 0.10)
PLACES = ("grass", "street", "sand", "studio")
_PLACE_ODDS = (0.34, 0.30, 0.20, 0.16)  # of those who lie
_START = 0.08  # at which the first 100 plans show all upright postures in all places, in base models and in studies
_POSES: dict[str, tuple[Pose, ...]] = {
    "on the back": (
        ("flat", "flat", "flat", "flat"),
        ("spread", "spread", "apart", "apart"),
        ("overhead", "flat", "flat", "knee up"),
        ("belly", "flat", "flat", "apart"),
        ("flat", "overhead", "knee up", "flat"),
        ("spread", "belly", "apart", "flat"),
    ),
    "on the side": (("ahead", "flat", "bent", "flat"), ("ahead", "belly", "bent", "bent")),
    "on the front": (("prone up", "prone up", "prone", "prone"), ("prone", "prone up", "prone", "prone")),
    "sitting": (
        ("prop", "prop", "ahead", "ahead"),
        ("prop", "lap", "ahead", "crooked"),
        ("prop", "prop", "crooked", "ahead"),
    ),
    "standing": (
        ("out", "out", "wide", "wide"),
        ("relaxed", "hip", "stand", "rest"),
        ("side", "relaxed", "stand", "rest"),
    ),
    "walking": (("forward", "back", "behind", "forward"), ("back", "forward", "forward", "behind")),
    "waving": (("wave", "relaxed", "stand", "rest"), ("relaxed", "wave", "rest", "stand")),
    "jumping": (("up", "up", "leap", "wide"), ("up", "wave", "wide", "leap")),
}
_SEEN_FROM_THE_SIDE = ("missing", "headless", "long")  # the others move limbs in the plane of the body's front
_TOPS, _LOWERS = ("t-shirt", "t-shirt", "sweater", "shirt"), ("trousers", "trousers", "shorts")


@dataclass(frozen=True)
class BodyPlan:
    """One shot of a person, before it is taken.

    Attributes:
        posture: one of POSTURES.
        place: one of PLACES.
        heading: of the head of somebody who lies, 0 away from the camera; of others: turn from the camera, degrees.
        pitch: of the camera over the ground, degrees.
        fault: None: the body is whole.
    """

    number: int
    posture: str
    place: str
    pose: Pose
    outfit: Outfit
    person: int
    female: bool
    hair: str
    heading: float
    pitch: float
    seed: int
    fault: Fault | None = None

    @property
    def name(self) -> str:
        """Name of the file."""
        return f"l{self.number:04d}{'x' if self.fault else ''}"

    @property
    def lies(self) -> bool:
        """Whether the person lies."""
        return self.posture.startswith("on the")


def plan_body(number: int, people: list[tuple[int, bool]]) -> tuple[BodyPlan, BodyPlan]:
    """Plan a whole person and the deformed twin; postures, places and faults take turns.

    Args:
        people: seeds of people and whether each is female.
    """
    rng = np.random.default_rng([number, 31])
    person, female = people[rng.integers(len(people))]
    hair = sample_hair(female, rng)
    first, second = take_turn(number, "body", _START, R2)
    posture = pick(POSTURES, first, _ODDS)
    kind = FAULTS[number % len(FAULTS)]
    if posture == "on the side" and kind not in _SEEN_FROM_THE_SIDE:
        posture = "on the back"
    lies = posture.startswith("on the")
    place = pick(PLACES, second, _PLACE_ODDS if lies else None)
    lower = "trousers" if posture == "sitting" else str(rng.choice(_LOWERS))
    outfit = sample_cut(lower, rng), sample_cut(str(rng.choice(_TOPS)), rng)
    heading = rng.choice([-1, 1]) * rng.uniform(55, 125) if lies else rng.uniform(-30, 30)
    pitch = rng.uniform(42, 78) if lies else rng.uniform(12, 30) if posture == "sitting" else rng.uniform(1, 8)
    pose = _POSES[posture][rng.integers(len(_POSES[posture]))]
    whole = BodyPlan(
        number, posture, place, pose, outfit, person, female, hair, float(heading), float(pitch), 9000 + number
    )
    fault = sample_fault(kind, np.random.default_rng([number, 32]))
    return whole, replace(whole, fault=fault)


@click.command()
@shot_options
@people_option(200)
@click.option("--first", default=0, show_default=True, help="Number of the first pair.")
@click.option("--count", default=100, show_default=True, help="Number of pairs of a whole and a deformed body.")
def main(out: Path, first: int, count: int, size: int, samples: int, people: int) -> None:
    """Take shots of people on the ground, whole and deformed; a shot that exists is not taken again."""
    from shoot.expose import expose
    from shoot.outdoors import Outdoors, draw_parts
    from shoot.scene import Studio

    out.mkdir(parents=True, exist_ok=True)
    studio = Studio()
    outdoors = Outdoors(studio)
    known = list_people(studio.bodies, people)
    for number in range(first, first + count):
        for plan in plan_body(number, known):
            path = out / f"{plan.name}.shot"
            if path.exists():
                continue
            start = time.process_time()
            staged = outdoors.stage(plan)
            facts = asdict(plan) | {"item": plan.number, "domain": "body", "twin": plan.fault and plan.fault.kind}
            facts["parts"] = draw_parts(staged, size)
            write_shot(path, expose(staged.scene, staged.shapes, staged.details, size, samples), facts)
            what = plan.fault.kind if plan.fault else "whole"
            click.echo(
                f"{plan.name} {plan.posture} {plan.place} {what} {time.process_time() - start:.1f} s of CPU time"
            )


if __name__ == "__main__":
    main()
