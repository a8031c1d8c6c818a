"""Measure a training step at full size on a GPU: samples per second and peak memory, with random weights.

    python scripts/benchmark_full_size.py

No hub and no data are needed: the UNet has the public editor's layout (859,532,484 parameters) and the latents are
noise, so nothing here says anything about the quality of edits. VAE, text encoder and CLIP are not loaded.
"""

import gc
import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch

from atelier.common.rng import make_generator
from atelier.config import read_params
from atelier.models import meta
from atelier.models.instruct_pix2pix import Editor, load_editor
from atelier.models.loading import DTYPES, freeze
from atelier.training.distributed import make_accelerator, micro_batches
from atelier.training.edit import methods
from atelier.training.edit.dataset import EncodedTriplets
from atelier.training.edit.task import EditTask
from atelier.training.loop import rows_of
from atelier.training.state import TrainState

CELLS, TOKENS, WIDTH, STEPS = 64, 77, 768, 6  # a latent's side at 512 px, text tokens and their width, steps timed
GIB = 2**30


def random_editor(dtype: str) -> Editor:
    """Build an editor whose UNet has the published layout and random weights; its other parts are the embedded ones."""
    from diffusers import UNet2DConditionModel

    base = load_editor("models/base/editor", dtype, "cuda")
    with torch.device("cuda"):
        unet = UNet2DConditionModel(**meta.UNET)
    freeze(unet, DTYPES[dtype], base.device)
    return replace(base, unet=unet)


def random_triplets(count: int) -> EncodedTriplets:
    """Draw `count` encoded triplets of noise."""
    latents = (count, 4, CELLS, CELLS)
    zones = torch.randn(count, 3, CELLS, CELLS, device="cuda").softmax(1)
    texts = torch.randn(5, TOKENS, WIDTH, device="cuda")
    rows = torch.randint(1, 5, (count,), device="cuda")
    return EncodedTriplets(
        torch.randn(latents, device="cuda"), torch.randn(latents, device="cuda"), texts, rows, zones, 0.18
    )


def measure(method: str, batch: int, dtype: str, checkpointing: bool) -> str:
    """Time some steps and return one line of the table."""
    torch.manual_seed(0)
    changes = {"method": method, "batch_size": batch, "gradient_checkpointing": checkpointing}
    settings = read_params(Path("params.yaml")).train.model_copy(update=changes)
    data = random_triplets(4 * batch)
    task = EditTask(methods.prepare(random_editor(dtype), settings), data, settings, validate=None)
    torch.cuda.reset_peak_memory_stats()
    state, times = TrainState(task, make_accelerator("cuda")), []
    for step in range(STEPS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        rows = rows_of(step, len(data), settings)
        state.step(task.draw(rows, make_generator(1, "step", step)), micro_batches(len(rows), 1), 1e-5)
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    rate, peak = batch / statistics.median(times[2:]), torch.cuda.max_memory_allocated() / GIB
    return f"| {method} | {batch} | {dtype} | {'yes' if checkpointing else 'no'} | {rate:.1f} | {peak:.2f} |"


def main() -> None:
    """Print a Markdown table."""
    print(torch.cuda.get_device_name(), "torch", torch.__version__)
    print("| method | batch | frozen weights | checkpointing | samples/s | peak GiB |\n|---|---|---|---|---|---|")
    runs = [(method, batch, "bfloat16", False) for batch in (32, 1) for method in ("selective", "full", "lora")]
    runs += [("selective", 8, "bfloat16", False), ("selective", 8, "float32", False)]
    runs += [(method, 32, "bfloat16", True) for method in ("selective", "full")]
    for run in runs:
        try:
            print(measure(*run), flush=True)
        except torch.OutOfMemoryError:
            print(f"| {' | '.join(map(str, run))} | out of memory |", flush=True)
        gc.collect()
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
