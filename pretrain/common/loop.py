"""What the base models' training scripts share: their options, the corpus in memory and one resumable loop."""

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from tqdm import tqdm

from atelier.text.instructions import COLOURS, FULL, LOWER, PATTERNS, UPPER

CHECKPOINTS = Path(__file__).parent / ".ckpt"
SLOTS = {"upper": UPPER, "lower": LOWER, "full": FULL}  # what can be worn where


def training_options(*, steps: int, batch_size: int | None = None, lr: float | None = None) -> Callable:
    """The options of a training script: --corpus (passed on as `folder`), --out and --steps, and --batch-size and --lr
    where there is a default for them.
    """
    positive = click.FloatRange(min=0, min_open=True)
    options = [
        click.option("--corpus", "folder", type=click.Path(path_type=Path, exists=True), required=True),
        click.option("--out", type=click.Path(path_type=Path), required=True),
        click.option("--steps", type=click.IntRange(min=1), default=steps, show_default=True),
    ]
    if batch_size is not None:
        options.append(click.option("--batch-size", type=click.IntRange(min=1), default=batch_size, show_default=True))
    if lr is not None:
        options.append(click.option("--lr", type=positive, default=lr, show_default=True))

    def add(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@dataclass(frozen=True)
class Corpus:
    images: np.ndarray  # uint8 (N, S, S, 3), memory-mapped
    labels: np.ndarray  # uint8 (scenes, S, S)
    pictures: list[dict]
    pairs: list[dict]
    train_scenes: int  # scenes before this one are trained on, the rest are held out


def read_corpus(folder: Path, held_out: float = 0.02) -> Corpus:
    """The corpus that `pretrain.editor.corpus` wrote; its last `held_out` share of scenes is for measuring alone."""
    images, labels = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("images", "labels"))
    pictures, pairs = (json.loads((folder / f"{name}.json").read_text()) for name in ("pictures", "pairs"))
    return Corpus(images, labels, pictures, pairs, int(len(labels) * (1 - held_out)))


def rank_and_world() -> tuple[int, int]:
    """This process's place and how many train together (`torchrun --nproc_per_node 2 -m pretrain.editor.unet …`)."""
    if not dist.is_initialized() and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group("gloo")
        torch.set_num_threads(1)  # a core each: no thread ever waits for another inside an operation
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def _average_gradients(parameters: list[torch.Tensor], world: int) -> None:
    flat = torch.cat([p.grad.reshape(-1) for p in parameters])
    dist.all_reduce(flat)
    for parameter, part in zip(parameters, flat.div_(world).split([p.numel() for p in parameters]), strict=True):
        parameter.grad.copy_(part.view_as(parameter))


def cosine(step: int, steps: int, warmup: float = 0.02, floor: float = 0.02) -> float:
    """Learning-rate factor: linear warm-up, then half a cosine down to `floor`."""
    start = max(1, int(steps * warmup))
    if step < start:
        return (step + 1) / start
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (step - start) / max(1, steps - start)))


def _checkpoint_file(name: str, settings: Mapping[str, object]) -> Path:
    mark = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()
    return CHECKPOINTS / f"{name}-{mark[:12]}.pt"


def _load(file: Path, parts: Mapping[str, nn.Module | torch.optim.Optimizer]) -> int:
    """Put every part back into the state it was saved in; returns the number of steps taken until then."""
    state = torch.load(file, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return state["step"]


def _save(file: Path, parts: Mapping[str, nn.Module | torch.optim.Optimizer], step: int) -> None:
    file.parent.mkdir(exist_ok=True)
    partial = file.with_suffix(".partial")
    torch.save({name: part.state_dict() for name, part in parts.items()} | {"step": step}, partial)
    partial.replace(file)


@contextmanager
def fit(
    name: str,
    module: nn.Module,
    groups: list[dict],
    loss_of: Callable[[int], tuple[torch.Tensor, dict[str, float]]],
    *,
    steps: int,
    weight_decay: float = 0.01,
    clip: float = 1.0,
    average: nn.Module | None = None,
    decay: float = 0.999,
    every: int = 500,
    settings: Mapping[str, object],
) -> Iterator[None]:
    """Train `module` for `steps` steps of AdamW with a cosine schedule; `loss_of(step)` draws its own batch.

    Everything random is a function of the step, and a checkpoint is kept every `every` steps: the same command goes on
    where it was interrupted, another one (told apart by `settings`) starts anew. `average`, a copy of `module`, ends as
    its moving average. The block under `with fit(…):` saves the result: only when it has done so is the last checkpoint
    deleted.
    """
    optimiser = torch.optim.AdamW(groups, weight_decay=weight_decay, betas=(0.9, 0.99))
    peaks = [group["lr"] for group in optimiser.param_groups]
    parts = {"module": module, "optimiser": optimiser} | ({} if average is None else {"average": average})
    file = _checkpoint_file(name, {"steps": steps, **settings})
    start = _load(file, parts) if file.exists() else 0
    began = time.monotonic()
    parameters = [p for group in groups for p in group["params"]]
    rank, world = rank_and_world()
    for step in tqdm(range(start, steps), initial=start, total=steps, desc=name, disable=None):
        for group, peak in zip(optimiser.param_groups, peaks, strict=True):
            group["lr"] = peak * cosine(step, steps)
        torch.manual_seed(step * world + rank)
        loss, extra = loss_of(step)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if world > 1:
            _average_gradients(parameters, world)
        nn.utils.clip_grad_norm_(parameters, clip)
        optimiser.step()
        if average is not None:
            keep = min(decay, (1 + step) / (10 + step))
            with torch.no_grad():
                torch._foreach_lerp_(list(average.parameters()), list(module.parameters()), 1 - keep)
        if rank:
            continue
        if (step + 1) % 100 == 0:
            rate = (step + 1 - start) / (time.monotonic() - began)
            shown = " ".join(f"{key} {value:.4f}" for key, value in extra.items())
            print(f"{name} {step + 1}/{steps} loss {loss.item():.5f} {shown} {rate:.2f} steps/s", flush=True)
        if (step + 1) % every == 0 or step + 1 == steps:
            _save(file, parts, step + 1)
    yield
    if not rank:  # the process that saves
        file.unlink(missing_ok=True)


def label_table(corpus: Corpus) -> dict[str, np.ndarray]:
    """What is worn in every picture, as class indices: "upper kind", "upper colour", … int64 (N,); 0 is nothing."""
    classes = {"colour": COLOURS, "pattern": PATTERNS}
    table = {}
    for slot, kinds in SLOTS.items():
        for what, names in {"kind": kinds, **classes}.items():
            index = {name: i + 1 for i, name in enumerate(names)}
            worn = (picture["garments"].get(slot) for picture in corpus.pictures)
            table[f"{slot} {what}"] = np.array([index[g[what]] if g else 0 for g in worn], dtype=np.int64)
    return table


def held_out_mask(corpus: Corpus) -> np.ndarray:
    """bool (N,): pictures of the scenes that no base model is trained on."""
    return np.array([picture["scene"] >= corpus.train_scenes for picture in corpus.pictures])


class LabelHeads(nn.Module):
    """One linear classifier per column of `label_table`, over a picture's features; training aid, not kept."""

    def __init__(self, width: int, table: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.names = list(table)
        self.sizes = [int(values.max()) + 1 for values in table.values()]
        self.linear = nn.Linear(width, sum(self.sizes))

    def forward(self, features: torch.Tensor, labels: list[torch.Tensor]) -> tuple[torch.Tensor, float]:
        """Mean cross-entropy over the columns, and the mean accuracy."""
        parts = self.linear(features.float()).split(self.sizes, 1)
        losses = [nn.functional.cross_entropy(part, label) for part, label in zip(parts, labels, strict=True)]
        hits = [(part.argmax(1) == label).float().mean() for part, label in zip(parts, labels, strict=True)]
        return torch.stack(losses).mean(), torch.stack(hits).mean().item()
