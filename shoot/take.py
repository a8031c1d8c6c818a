"""Take the shots: every outfit in several poses and places, and of each shot a twin that differs in one cut.

    python -m shoot.take --out shots --items 300 --size 128

A shot that exists is not taken again, so a run can be stopped and continued, or divided over processes by --first and
--items. A shot that is refused is planned again with another pose, a twin with another cut; refused.jsonl says what
was refused and why.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atelier.world.shotfile import unpack
from shoot.shots import list_people, people_option, shot_options, write_shot

if TYPE_CHECKING:
    from shoot.plan import ShotPlan

_ATTEMPTS = 24


class Session:
    """Takes shots into a folder."""

    def __init__(self, out: Path, size: int, samples: int) -> None:
        from shoot.scene import Studio

        self.out, self.size, self.samples = out, size, samples
        self.studio: Studio = Studio()
        out.mkdir(parents=True, exist_ok=True)
        self._refusals = out / "refused.jsonl"
        lines = self._refusals.read_text().splitlines() if self._refusals.exists() else []
        self._refused = {(fact["name"], fact["attempt"]) for fact in map(json.loads, lines)}

    def take(self, plans: Iterator["ShotPlan"]) -> "ShotPlan | None":
        """Take the first of some plans that is not refused, and return it; None: all are.

        Plans of one shot have one name. If its file exists, its plan is the one that was taken. What an earlier run
        refused is not tried again, except for twins.
        """
        for plan in plans:
            path = self.out / f"{plan.name}.shot"
            if path.exists():
                if unpack(path.read_bytes()).facts["attempt"] == plan.attempt:
                    return plan
                continue
            if plan.twin is None and (plan.name, plan.attempt) in self._refused:
                continue
            start = time.process_time()
            fault = self._expose(plan, path)
            click.echo(f"{plan.name} {fault or 'kept'} {time.process_time() - start:.1f} s of CPU time")
            if not fault:
                return plan
            with self._refusals.open("a") as file:
                file.write(json.dumps({"name": plan.name, "attempt": plan.attempt, "reason": fault}) + "\n")
        return None

    def _expose(self, plan: "ShotPlan", path: Path) -> str | None:
        """Take one shot and write it; return why it is refused."""
        from shoot.expose import expose
        from shoot.faults import hands_in_cloth, hardly_changed, hardly_seen

        figure, _, garments = self.studio.dress(plan)
        if hands_in_cloth(self.studio.bodies, figure, garments):
            return "a hand is inside of cloth"
        staged = self.studio.stage(plan)
        layers = expose(staged.scene, staged.shapes, staged.details, self.size, self.samples)
        if hardly_seen(layers, len(plan.outfit)):
            return "a garment is hardly seen"
        if plan.twin:
            original = unpack((self.out / f"{plan.name[:-1]}.shot").read_bytes())
            if hardly_changed(layers, original.alpha / 255):
                return "the other cut is hardly seen"
        bones = self.studio.bodies.bones
        joints = dict(zip(bones, staged.joints_in_picture().round(4).tolist(), strict=True))
        write_shot(path, layers, asdict(plan) | {"joints": joints})
        return None


@click.command()
@shot_options
@people_option(1200)
@click.option("--first", default=0, show_default=True, help="Number of the first outfit.")
@click.option("--items", default=300, show_default=True, help="Number of outfits.")
@click.option("--shots", default=4, show_default=True, help="Shots of each outfit, without twins.")
@click.option("--twins/--no-twins", default=True, help="Take a twin of each shot that differs in one cut.")
def main(out: Path, first: int, items: int, shots: int, size: int, samples: int, people: int, twins: bool) -> None:
    """Take the shots of some outfits."""
    from shoot.plan import plan_shot, twins_of

    session = Session(out, size, samples)
    known = list_people(session.studio.bodies, people)
    for item in range(first, first + items):
        for number in range(shots):
            attempts = (plan_shot(item, number, known, attempt) for attempt in range(_ATTEMPTS))
            taken = session.take(attempts)
            if taken and twins and not (out / f"{taken.name}t.shot").exists():
                session.take(islice(twins_of(taken), _ATTEMPTS))


if __name__ == "__main__":
    main()
