"""Take the shots: every outfit in several poses and places, and of each shot a twin that differs in one cut.

    python -m shoot.take --out data/shots --items 300 --size 128

A shot that exists is not taken again, so a run can be stopped and continued, or divided over processes by --first and
--items. What is rejected, and why, is in rejected.jsonl.
"""

import json
import time
from dataclasses import asdict
from pathlib import Path

import click

from atelier.common.files import atomic_write, write_text


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the shots.")
@click.option("--first", default=0, show_default=True, help="Number of the first outfit.")
@click.option("--items", default=300, show_default=True, help="Number of outfits.")
@click.option("--shots", default=3, show_default=True, help="Shots of each outfit, without twins.")
@click.option("--size", default=128, show_default=True, help="Side of the pictures, pixels.")
@click.option("--samples", default=64, show_default=True, help="Paths per pixel.")
@click.option("--people", default=200, show_default=True, help="Number of different people.")
@click.option("--twins/--no-twins", default=True, help="Take a twin of each shot that differs in one cut.")
def main(out: Path, first: int, items: int, shots: int, size: int, samples: int, people: int, twins: bool) -> None:
    """Take the shots of some outfits."""
    from atelier.world.shotfile import pack
    from shoot.bodies import sample_person
    from shoot.expose import expose
    from shoot.faults import find_fault
    from shoot.plan import plan_item
    from shoot.scene import Studio

    out.mkdir(parents=True, exist_ok=True)
    studio = Studio()
    known = [(seed, sample_person(seed, studio.bodies.features).female) for seed in range(people)]
    refused = out / "rejected.jsonl"
    lines = refused.read_text().splitlines() if refused.exists() else []
    done = {json.loads(line)["name"] for line in lines} | {path.stem for path in out.glob("*.shot")}
    for item in range(first, first + items):
        for plan in plan_item(item, known, shots):
            if plan.name in done or (plan.twin and not twins):
                continue
            start = time.process_time()
            staged = studio.stage(plan)
            layers = expose(staged.scene, staged.shapes, staged.details, size, samples)
            fault = find_fault(studio.bodies, staged.figure, staged.garments, layers)
            seconds = time.process_time() - start
            if fault:
                lines.append(json.dumps({"name": plan.name, "reason": fault}))
                write_text(refused, "\n".join(lines) + "\n")
            else:
                joints = dict(zip(studio.bodies.bones, staged.joints_in_picture().round(4).tolist(), strict=True))
                with atomic_write(out / f"{plan.name}.shot") as partial:
                    partial.write_bytes(pack(layers, asdict(plan) | {"joints": joints}))
            click.echo(f"{plan.name} {fault or 'kept'} {seconds:.1f} s of CPU time")


if __name__ == "__main__":
    main()
