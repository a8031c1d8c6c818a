"""Time what docs/performance.md quotes: rendering, a training step by loss and by method, an edit.

    dvc repro && python scripts/benchmark_training.py

Machines are noisy: steps are compared as ratios of neighbours, each kind in turn, median over the rounds.
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
from atelier.training.edit import methods
from atelier.training.edit.batch import Dropout, draw_batch
from atelier.training.edit.dataset import encode_triplets
from atelier.training.edit.task import EditSubject
from atelier.training.loop import rows_of
from atelier.training.state import TrainState

ROUNDS, STEPS = 15, 10
KINDS = {  # what train's parameters are changed to; trimap is the study's own, selective and all
    "plain": {"method": "selective", "loss": "plain"}, "trimap": {"method": "selective", "loss": "trimap"},
    "full": {"method": "full"}, "lora": {"method": "lora"},
}  # fmt: skip


def seconds(action: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    """Print one line a figure."""
    params = read_params(Path("params.yaml"))
    rows = 200
    took = seconds(lambda: [None for _ in fashion.rows("studio", rows, 1, params.prepare.size)])
    print(f"rendering, rows in the published schema with masks, one core: {rows / took:.0f} pictures/s")

    editor = load_editor(params.models.editor, params.models.dtype, params.models.device)
    triplets = [t for t in read_rows(Path("data/pairs/triplets.parquet"), Triplet) if t.split == "train"][:320]
    zones = {z.row_id: z for z in read_rows(Path("data/masks/triplets.parquet"), Zones)}
    data = encode_triplets(editor, triplets, zones)
    learners = {}
    for kind, changes in KINDS.items():
        settings = params.train.model_copy(update=changes)
        trainable = methods.prepare(editor, settings)
        learners[kind] = TrainState(EditSubject(trainable.editor, list(trainable.names), settings))

    def train(kind: str, start: int) -> None:
        for step in range(start, start + STEPS):
            rows = rows_of(step, len(data), params.train)
            batch = draw_batch(editor, data, rows, make_generator(1, "step", step), params.train.noisiest, Dropout())
            learners[kind].learn([batch], 1e-4)

    rounds = [{kind: seconds(partial(train, kind, number * STEPS)) for kind in learners} for number in range(ROUNDS)][
        1:
    ]  # the first warms up
    for kind, other in (("trimap", "plain"), ("full", "trimap"), ("lora", "trimap")):
        ratio = statistics.median(took[kind] / took[other] for took in rounds)
        print(f"training step, {kind} / {other}: median {ratio:.3f} of {len(rounds)} rounds")
    usual = statistics.median(took["trimap"] for took in rounds) / STEPS
    print(f"training, batch {params.train.batch_size}: {params.train.batch_size / usual:.0f} samples/s")

    probes = read_rows(Path("data/pairs/probes.parquet"), Probe)[:64]
    took = seconds(
        lambda: list(
            edit_all(
                editor,
                [probe.source for probe in probes],
                [probe.prompt for probe in probes],
                list(range(len(probes))),
                batch_size=params.generate.batch_size,
                steps=params.generate.steps,
                guidance_text=params.generate.guidance_text,
                guidance_image=params.generate.guidance_image,
            )
        )
    )
    print(f"editing, {params.generate.steps} steps, three branches: {len(probes) / took:.0f} edits/s")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
