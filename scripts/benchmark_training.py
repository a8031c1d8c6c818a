"""Measure the times that docs/performance.md quotes: rendering, a training step by loss and by method, an edit.

    dvc repro && python scripts/benchmark_training.py

Timings are noisy: steps are compared as ratios of neighbours, each method in turn, median over the rounds.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from atelier.common.records import Probe, Triplet, Zones, read_rows
from atelier.common.rng import make_generator
from atelier.config import read_params
from atelier.models.instruct_pix2pix import load_editor
from atelier.sampling.edit import edit_all
from atelier.synthetic import fashion
from atelier.training.distributed import make_accelerator, micro_batches
from atelier.training.edit import methods
from atelier.training.edit.dataset import encode_triplets
from atelier.training.edit.task import EditTask
from atelier.training.loop import rows_of
from atelier.training.state import TrainState

ROUNDS, STEPS = 15, 10
VARIANTS = {  # changes to train's parameters; trimap is the study's own: selective, with all other parameters as given
    "plain": {"method": "selective", "loss": "plain"},
    "trimap": {"method": "selective", "loss": "trimap"},
    "full": {"method": "full"},
    "lora": {"method": "lora"},
}


def seconds(action: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    """Print one line a figure."""
    params = read_params(Path("params.yaml"))
    rows = 200
    took = seconds(lambda: [None for _ in fashion.rows("studio", rows, 1, params.prepare.size)])
    print(f"rendering, rows in the published schema with masks, one core: {rows / took:.0f} images/s")

    editor = load_editor(params.models.editor, params.models.dtype, params.models.device)
    triplets = [t for t in read_rows(Path("data/pairs/triplets.parquet"), Triplet) if t.split == "train"][:320]
    zones = {z.row_id: z for z in read_rows(Path("data/masks/triplets.parquet"), Zones)}
    data = encode_triplets(editor, triplets, zones)
    runs = {}
    for name, changes in VARIANTS.items():
        settings = params.train.model_copy(update=changes)
        task = EditTask(methods.prepare(editor, settings), data, settings, validate=None)
        runs[name] = task, TrainState(task, make_accelerator(editor.device))

    def train(name: str, start: int) -> None:
        task, state = runs[name]
        for step in range(start, start + STEPS):
            rows = rows_of(step, len(data), params.train)
            state.step(task.draw(rows, make_generator(1, "step", step)), micro_batches(len(rows), 1), 1e-4, step)

    rounds = [{name: seconds(partial(train, name, number * STEPS)) for name in runs} for number in range(ROUNDS)][1:]
    for name, other in (("trimap", "plain"), ("full", "trimap"), ("lora", "trimap")):
        ratio = statistics.median(took[name] / took[other] for took in rounds)
        print(f"training step, {name} / {other}: median {ratio:.3f} of {len(rounds)} rounds")
    usual = statistics.median(took["trimap"] for took in rounds) / STEPS
    print(f"training, batch {params.train.batch_size}: {params.train.batch_size / usual:.0f} samples/s")

    probes, settings = read_rows(Path("data/pairs/probes.parquet"), Probe)[:64], params.generate
    edits = edit_all(
        editor,
        [probe.source for probe in probes],
        [probe.prompt for probe in probes],
        list(range(len(probes))),
        batch_size=settings.batch_size,
        steps=settings.steps,
        guidance_text=settings.guidance_text,
        guidance_image=settings.guidance_image,
    )
    took = seconds(lambda: list(edits))
    print(f"editing, {settings.steps} steps, three branches: {len(probes) / took:.0f} edits/s")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
