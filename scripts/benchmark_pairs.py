"""Measure what replacing attention maps costs: pairs per second of CPU time, with and without, before decoding.

    PYTHONPATH=src:. python scripts/benchmark_pairs.py --base models/base/painter

Without is `sampling.text_to_image.sample` of the same prompts from the same noise in the same batch. Both are run in
turn and the medians are compared, since the machine may have other work.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import click
import torch

from atelier.common import command
from atelier.common.options import COUNT, SCALE
from atelier.models.loading import load_model
from atelier.models.text_to_image import latent_shape
from atelier.sampling.edit import draw_noise
from atelier.sampling.text_to_image import sample
from pretrain.common.options import input_option, threads_option
from pretrain.prompt_to_prompt import Shares, sample_pairs

BEFORE, AFTER = "a photo of a red t-shirt", "a photo of a blue t-shirt"


def seconds(run: Callable[[], object]) -> float:
    """Return the CPU time of a run, s."""
    began = time.process_time()
    run()
    return time.process_time() - began


@command.stage
@input_option("base", "Folder of the text-to-image model.")
@click.option("--pairs", type=COUNT, default=16, help="Pairs in the batch.")
@click.option("--steps", type=COUNT, default=20, help="Sampling steps.")
@click.option("--guidance", type=SCALE, default=7.5, help="Guidance scale.")
@click.option("--repeats", type=COUNT, default=5, help="Runs of each.")
@threads_option
def main(base: Path, pairs: int, steps: int, guidance: float, repeats: int) -> None:
    """Print pairs per second of CPU time, plain and with half and all of the maps replaced."""
    model = load_model(base)
    noise = draw_noise(range(pairs), latent_shape(model))
    before, after, options = [BEFORE] * pairs, [AFTER] * pairs, {"steps": steps, "guidance": guidance}

    def replaced(share: float) -> None:
        shares = torch.full((pairs,), share)
        sample_pairs(model, noise, before, after, Shares(shares, shares), **options)

    runs: dict[str, Callable[[], object]] = {
        "plain": lambda: sample(model, torch.cat([noise] * 2), [*before, *after], **options),
        "share 0.5": lambda: replaced(0.5),
        "share 1": lambda: replaced(1.0),
    }
    seconds(runs["plain"])  # the first run is slower
    taken = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            taken[name].append(seconds(run))
    plain = statistics.median(taken["plain"])
    for name, values in taken.items():
        median = statistics.median(values)
        click.echo(f"{name}: {pairs / median:.2f} pairs/s, {median / plain - 1:+.1%}")


if __name__ == "__main__":
    main()
