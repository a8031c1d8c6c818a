"""Measure how fast pictures are composed from stored shots, in CPU time, so that other work on the machine counts less.

    PYTHONPATH=src python scripts/benchmark_world.py --rows 4240

One process opens and composes pictures with masks; then the rows of a study are composed on two processes.
"""

import time
from concurrent.futures import ProcessPoolExecutor
from itertools import islice

import click
import numpy as np

from atelier.common import command
from atelier.world import render, rows, sample_outfit
from atelier.world.shards import Shards, find_folder


def compose(count: int, size: int) -> float:
    """Compose pictures with masks, opening each shot anew; return pictures per second of CPU time."""
    rng = np.random.default_rng(0)
    world = Shards(find_folder())
    render(sample_outfit(rng, "studio", world=world), size, world)  # loads prints and noise
    scenes = [sample_outfit(rng, ("studio", "street")[number % 2], world=world) for number in range(count)]
    start = time.process_time()
    for scene in scenes:
        world.shot.cache_clear()
        render(scene, size, world)
    return count / (time.process_time() - start)


def compose_rows(domain: str, start: int, end: int, size: int) -> tuple[int, float]:
    """Compose rows; return how many and the CPU time, seconds."""
    began = time.process_time()
    made = sum(1 for _ in islice(rows(domain, end, 0, size, start), end - start))
    return made, time.process_time() - began


@click.command(cls=command.Command)
@click.option("--size", default=128, show_default=True, help="Side of the pictures, px.")
@click.option("--count", default=200, show_default=True, help="Pictures that one process composes.")
@click.option("--rows", "total", default=4240, show_default=True, help="Rows of the study, of both domains.")
def main(size: int, count: int, total: int) -> None:
    """Print pictures per second and the time of a study's rows."""
    click.echo(f"{compose(count, size):.0f} pictures/s at {size} px with masks on one core, each shot opened anew")
    half = total // 2
    with ProcessPoolExecutor(2) as pool:
        began = time.perf_counter()
        parts = list(pool.map(compose_rows, ("studio", "street"), (0, 0), (half, total - half), (size, size)))
        wall = time.perf_counter() - began
    made, longest = sum(part[0] for part in parts), max(part[1] for part in parts)
    click.echo(
        f"{made} rows on two processes: {longest:.1f} s of CPU time in the slower one, {wall:.1f} s by the clock"
    )


if __name__ == "__main__":
    main()
