"""Compare a training step with that of diffusers' own example, `train_instruct_pix2pix.py`, in turn in one process.

    python scripts/benchmark_against_diffusers.py                 fetches the example at a fixed commit
    python scripts/benchmark_against_diffusers.py --example PATH  or uses a copy of it
    python scripts/benchmark_against_diffusers.py --tiny          the embedded networks, on the CPU

The example runs as it stands (`diffusers_example.py`).

The same in both: the networks and their random weights, pictures, instructions, batch size, full fine-tuning in
float32 under bfloat16 autocast, AdamW, gradient clipping, EMA, conditioning dropout, the number of steps.
Not the same, as each does it: the example encodes both pictures and the texts in every step, where atelier encoded
them once before (its seconds are in the table, and not in the rate); the example waits for the loss in every step;
its AdamW is not the fused one. Left out of both: reading and resizing pictures, checkpoints and validation.
The losses are compared in a run of their own, in which both are given the same noise, timesteps and no dropout, and
the mode of the VAE's posterior where the example draws from it.
"""

import argparse
import ast
import itertools
import time
import types
from pathlib import Path
from typing import Any

import torch
from diffusers_example import Example, found, load_example
from measuring import Bench, Table, guarded, open_bench, start, time_steps
from torch import Tensor

from atelier.common.rng import make_generator
from atelier.models.base import encode_images
from atelier.models.diffusion import Diffusion
from atelier.models.instruct_pix2pix import Editor, encode_texts
from atelier.training.edit import methods
from atelier.training.edit.dataset import EncodedTriplets
from atelier.training.edit.task import EditTask
from atelier.training.loop import rows_of

WORDS = ("make the shirt red", "add stripes to the dress", "a floral pattern", "turn it into denim")
ROUNDS, WARM, STEPS, COMPARED = 2, 2, 6, 8
DROPOUT = 0.05


class Pictures:
    """Random pictures and instructions on the device, and what atelier makes of them once."""

    def __init__(self, bench: Bench, editor: Editor) -> None:
        count, generator = 2 * bench.batch, torch.Generator().manual_seed(1)
        self.sources, self.targets = torch.rand(2, count, 3, bench.size, bench.size, generator=generator)
        bench.synchronize()
        began = time.perf_counter()
        latents = [encode_images(editor, images) for images in (self.sources, self.targets)]
        texts = encode_texts(editor, ["", *WORDS])
        bench.synchronize()
        self.seconds = time.perf_counter() - began
        self.rows = torch.arange(count, device=bench.device) % len(WORDS) + 1
        zones = torch.zeros(count, 3, *latents[0].shape[2:], device=bench.device)
        scale = editor.scaling_factor
        self.encoded = EncodedTriplets(latents[0], latents[1] * scale, texts, self.rows, zones, scale)

    def batch(self, bench: Bench, editor: Editor, rows: Tensor) -> dict[str, Tensor]:
        """Return a step's batch as the example's data loader does, on the device."""
        given = editor.tokenizer(
            [WORDS[int(self.rows[row]) - 1] for row in rows], max_length=editor.tokenizer.model_max_length,
            padding="max_length", truncation=True, return_tensors="pt",
        )  # fmt: skip
        return {
            "original_pixel_values": (self.sources[rows] * 2 - 1).to(bench.device),
            "edited_pixel_values": (self.targets[rows] * 2 - 1).to(bench.device),
            "input_ids": given.input_ids.to(bench.device),
        }


class SameDraws:
    """Stands for `torch` in the example: its draws in a step are those of atelier's step."""

    def __init__(self, task: EditTask, steps: int) -> None:
        scheduler, data = task.trainable.model.scheduler, task.data
        process = Diffusion(scheduler.alphas_cumprod, scheduler.config.prediction_type, task.settings.noisiest)
        self._noise, self._times = [], []
        for number in range(steps):
            count = len(rows_of(number, len(task), task.settings))
            generator = make_generator(task.settings.seed, "step", number)  # as `training.edit.batch.draw_batch` draws
            self._times.append(process.draw(count, generator).to(data.targets.device))
            self._noise.append(torch.randn((count, *data.targets.shape[1:]), generator=generator))

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def randn_like(self, tensor: Tensor) -> Tensor:
        return self._noise.pop(0).to(tensor)

    def randint(self, *_: Any, **__: Any) -> Tensor:
        return self._times.pop(0)


def batches_of(
    bench: Bench, pictures: Pictures, editor: Editor, task: EditTask, steps: range
) -> list[dict[str, Tensor]]:
    """Return the example's batches of the samples of atelier's steps."""
    return [pictures.batch(bench, editor, rows_of(number, len(task), task.settings)) for number in steps]


def make(bench: Bench, pictures: Pictures, editor: Editor, dropout: float, **options: Any) -> EditTask:
    """Make atelier's task with the example's settings."""
    settings = bench.settings(
        method="full", loss="plain", batch_size=bench.batch, lr=1e-5, noisiest=0.0, drop_text=dropout,
        drop_image=dropout, drop_both=dropout, ema=0.9999, **options,
    )  # fmt: skip
    return EditTask(methods.prepare(editor, settings), pictures.encoded, settings, validate=None)


def atelier(bench: Bench, dropout: float, steps: int, warm: int, **options: Any) -> tuple[dict[str, Any], list[float]]:
    """Time atelier's steps from the same start."""
    bench.free()
    editor = bench.editor(everything=True)
    pictures = Pictures(bench, editor)
    task = make(bench, pictures, editor, dropout, **options)
    _reset()
    state = start(bench, task)
    losses = time_steps(bench, task, state, warm)[1] if warm else []
    seconds, more = time_steps(bench, task, state, steps, warm)
    row = {"samples/s": bench.batch / seconds, "peak GiB": bench.peak(), "encoded once, s": pictures.seconds}
    return row, [float(loss) for loss in [*losses, *more]]


def diffusers(
    bench: Bench, module: types.ModuleType, loop: ast.For, dropout: float, steps: int, warm: int, same: bool = False
) -> tuple[dict[str, Any], list[float]]:
    """Time the example's steps; `same`: with atelier's draws."""
    bench.free()
    editor = bench.editor(everything=True)
    pictures = Pictures(bench, editor)
    task = make(bench, pictures, editor, dropout)
    names = {"torch": SameDraws(task, warm + steps)} if same else {}
    example = Example(bench, module, loop, editor, dropout)
    losses = example.run(batches_of(bench, pictures, editor, task, range(warm)), **names)[1] if warm else []
    bench.synchronize()
    seconds, more = example.run(batches_of(bench, pictures, editor, task, range(warm, warm + steps)), **names)
    return {"samples/s": bench.batch / seconds, "peak GiB": bench.peak(), "encoded once, s": None}, losses + more


def _reset() -> None:
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)


def compare_losses(bench: Bench, module: types.ModuleType, loop: ast.For) -> None:
    """Write the losses of both, step by step, with the same draws."""
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

    count, sample = 3 if bench.tiny else COMPARED, DiagonalGaussianDistribution.sample
    DiagonalGaussianDistribution.sample = lambda posterior, generator=None: posterior.mode()
    try:
        theirs = diffusers(bench, module, loop, 0.0, count, 0, same=True)[1]
    finally:
        DiagonalGaussianDistribution.sample = sample
    ours = atelier(bench, 0.0, count, 0)[1]
    table = Table(bench, "losses", "Losses of the same steps")
    for number, (one, other) in enumerate(zip(theirs, ours, strict=True), start=1):
        table.add(**{"step": number, "diffusers": one, "atelier": other, "difference": abs(one - other) / one})


def compare(bench: Bench, example: Path, options: bool) -> None:
    """Time both in turn, then compare their losses."""
    module, loop = load_example(example)
    table = Table(bench, "against_diffusers", "Full fine-tuning, in turn")
    steps, warm = (2, 1) if bench.tiny else (STEPS, WARM)
    runs = {
        "diffusers": lambda: diffusers(bench, module, loop, DROPOUT, steps, warm)[0],
        "atelier": lambda: atelier(bench, DROPOUT, steps, warm)[0],
    }
    chosen = {"atelier, compiled": {"compile": True}} if options else {}
    compiled = {
        name: lambda more=more: atelier(bench, DROPOUT, steps, warm, **more)[0] for name, more in chosen.items()
    }
    for number, (name, run) in itertools.product(range(1 if bench.tiny else ROUNDS), runs.items()):
        if not bench.late():
            table.add(**{"round": number + 1, "code": name, "batch": bench.batch, **_full(guarded(run))})
    if not bench.late():
        print("losses:", guarded(lambda: compare_losses(bench, module, loop) or {})["note"] or "written")
    for name, run in compiled.items():
        if not bench.late():
            table.add(**{"round": 1, "code": name, "batch": bench.batch, **_full(guarded(run))})


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--example", type=Path, help="A copy of the example.")
    parser.add_argument("--options", action="store_true", help="Also with compiled blocks.")
    given, bench = open_bench(parser)
    with found(given.example) as example:
        compare(bench, example, given.options)


def _full(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row.get(key) for key in ("samples/s", "peak GiB", "encoded once, s", "note")}


if __name__ == "__main__":
    main()
