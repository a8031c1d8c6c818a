"""Generate pairs of images for edits by Prompt-to-Prompt: the second step of InstructPix2Pix's data.

    python -m pretrain.edit_pairs --base models/base/painter --edits edits.jsonl --out pairs --samples 4
    python -m pretrain.edit_pairs … --shares 0.6 0.6      # one share for all, to look at what it does

Brooks et al. 2023, section 3.1.2: of every edit several samples, each from noise of its own, with a share of attention
replaced that is drawn per pair, p ~ U(0.1, 0.9); there 100 samples of 100 steps under guidance 7.5. `filter_pairs` then
chooses among them.

The output is one folder per shard, written whole: `pairs.safetensors` with `before` and `after`, latents as they are
noised, float16 (N, C, h, w), and `before_images` and `after_images`, uint8 (N, H, W, 3); and `records.jsonl`, one row
a pair. A run that was stopped goes on with the first shard that is missing and ends with the same bytes.

Legend: B pairs of a batch, N pairs of a shard, C channels, h w latent, H W pixels.
"""

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import click
import torch
from torch import Tensor

from atelier.common import command
from atelier.common.errors import UserError
from atelier.common.files import atomic_write, digest, write_json
from atelier.common.iterables import batched
from atelier.common.json_lines import read_json_lines
from atelier.common.options import COUNT, SCALE, SEED, Number
from atelier.common.rng import derive_seed
from atelier.common.tensor_files import read_tensors, write_tensors
from atelier.images.tensors import to_pixels
from atelier.models.base import decode_latents
from atelier.models.loading import load_model
from atelier.models.text_to_image import StableDiffusion, latent_shape
from atelier.sampling.edit import draw_noise
from pretrain.common.options import input_option, threads_option
from pretrain.edit_captions import CaptionEdit
from pretrain.prompt_to_prompt import Shares, sample_pairs

SHARES = (0.1, 0.9)
Maps = Literal["both", "self", "cross"]


@dataclass(frozen=True)
class Settings:
    """How pairs are sampled."""

    samples: int  # of each edit
    steps: int
    guidance: float
    shares: tuple[float, float]  # the range that the share of replaced steps is drawn from
    maps: Maps  # which attention maps are replaced
    seed: int
    batch_size: int


@dataclass(frozen=True)
class PlannedPair:
    """A pair to be sampled: sample number `sample` of edit number `number`."""

    number: int
    sample: int
    share: float
    seed: int  # of the noise
    edit: CaptionEdit


@dataclass(frozen=True)
class Pairs:
    """Sampled pairs, as a shard stores them."""

    records: list[dict[str, Any]]
    tensors: dict[str, Tensor]


def plan_pairs(edits: Sequence[CaptionEdit], settings: Settings) -> list[PlannedPair]:
    """List the pairs, all samples of an edit together; each depends on the seed and its numbers only."""
    planned = []
    for number, edit in enumerate(edits):
        for sample in range(settings.samples):
            seed = derive_seed(settings.seed, "pair", number, sample)
            share = round(random.Random(derive_seed(seed, "share")).uniform(*settings.shares), 4)
            planned.append(PlannedPair(number, sample, share, seed, edit))
    return planned


def make_pairs(model: StableDiffusion, planned: Sequence[PlannedPair], settings: Settings) -> Pairs:
    """Sample pairs in batches, and decode them."""
    firsts, seconds = [], []
    for batch in batched(planned, settings.batch_size):
        shares = torch.tensor([pair.share for pair in batch])
        own, cross = (shares * (settings.maps in (name, "both")) for name in ("self", "cross"))
        noise = draw_noise([pair.seed for pair in batch], latent_shape(model))
        prompts = [pair.edit.before for pair in batch], [pair.edit.after for pair in batch]
        first, second = sample_pairs(
            model, noise, *prompts, Shares(own, cross), steps=settings.steps, guidance=settings.guidance
        )
        firsts.append(first.cpu())
        seconds.append(second.cpu())
    before, after = torch.cat(firsts), torch.cat(seconds)
    decoded = (torch.from_numpy(to_pixels(decode_latents(model, latents))) for latents in (before, after))
    records = [_record(pair) for pair in planned]
    return Pairs(records, dict(zip(TENSORS, (before.half(), after.half(), *decoded), strict=True)))


TENSORS = ("before", "after", "before_images", "after_images")


def _record(pair: PlannedPair) -> dict[str, Any]:
    return {"number": pair.number, "sample": pair.sample, **asdict(pair.edit), "share": pair.share, "seed": pair.seed}


def write_shard(folder: Path, pairs: Pairs) -> None:
    """Write a shard's folder, whole or not at all."""
    with atomic_write(folder) as partial:
        partial.mkdir()
        write_tensors(partial / "pairs.safetensors", pairs.tensors)
        lines = "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in pairs.records)
        (partial / "records.jsonl").write_text(lines, encoding="utf-8")


def read_shards(folder: Path) -> Iterator[Pairs]:
    """Yield the shards of a folder in order.

    Raises:
        UserError: there are none, or one is damaged.
    """
    found = sorted(folder.glob("shard-*"))
    if not found:
        raise UserError(f"{folder}: no shards of pairs; make them with python -m pretrain.edit_pairs")
    for shard in found:
        tensors = read_tensors(shard / "pairs.safetensors")
        records = [line.row for line in read_json_lines(shard / "records.jsonl")]
        if set(tensors) != set(TENSORS) or {len(tensor) for tensor in tensors.values()} != {len(records)}:
            raise UserError(f"{shard}: damaged: records and tensors do not belong together")
        yield Pairs(records, tensors)


def read_edits(path: Path) -> list[CaptionEdit]:
    """Read what `edit_captions` wrote.

    Raises:
        UserError: the file cannot be read, or a line is no edit.
    """
    edits = []
    for line in read_json_lines(path):
        try:
            edits.append(CaptionEdit(**line.row))
        except TypeError:
            raise UserError(f"{path}:{line.number}: not an edit of python -m pretrain.edit_captions") from None
    if not edits:
        raise UserError(f"{path}: no edits")
    return edits


def _claim(out: Path, made_by: dict[str, Any]) -> None:
    """Note what a folder's shards are made by; refuse a folder of shards that were made by something else."""
    note, stated = out / "settings.json", json.loads(json.dumps(made_by))
    if note.exists():
        old = json.loads(note.read_text(encoding="utf-8"))
        differing = [name for name in stated if old.get(name) != stated[name]]
        if differing:
            raise UserError(f"{out}: its shards were made with other {', '.join(differing)}; give another --out")
    write_json(note, stated)


@command.stage
@input_option("base", "Folder of the text-to-image model, a StableDiffusionPipeline.")
@input_option("edits", "Edits of python -m pretrain.edit_captions, .jsonl.")
@command.output_option("out", "Folder for the shards.", folder=True)
@click.option("--samples", type=COUNT, default=4, help="Pairs of each edit.")
@click.option("--steps", type=COUNT, default=20, help="Sampling steps.")
@click.option("--guidance", type=SCALE, default=7.5, help="Guidance scale.")
@click.option("--shares", type=(Number(0, 1), Number(0, 1)), default=SHARES, help="Range of the replaced share.")
@click.option("--maps", type=click.Choice(["both", "self", "cross"]), default="both", help="Maps that are replaced.")
@click.option("--seed", type=SEED, default=0, help="Seed of noise and shares.")
@click.option("--batch-size", type=COUNT, default=16, help="Pairs in a batch.")
@click.option("--shard-size", type=COUNT, default=256, help="Pairs in a shard.")
@threads_option
def main(base: Path, edits: Path, out: Path, shard_size: int, **options: Any) -> None:
    """Sample pairs of images of edits, and write them in shards."""
    settings, model = Settings(**options), load_model(base)
    if not isinstance(model, StableDiffusion):
        raise UserError(f"{base}: attention maps can be replaced in a UNet only; expected a StableDiffusionPipeline")
    given = {"base": digest(base), "edits": digest(edits), "shard_size": shard_size}
    planned = plan_pairs(read_edits(edits), settings)
    _claim(out, given | asdict(settings))
    shards = list(batched(planned, shard_size))
    began, made = time.monotonic(), 0
    for place, shard in enumerate(shards):
        folder = out / f"shard-{place:05d}"
        if folder.exists():
            continue
        write_shard(folder, make_pairs(model, shard, settings))
        made += len(shard)
        rate = made / (time.monotonic() - began)
        left = (len(planned) - place * shard_size - len(shard)) / rate
        click.echo(f"{folder.name} of {len(shards)}: {rate:.2f} pairs/s, {left / 60:.0f} min left")
    click.echo(f"{len(planned)} pairs of {len(planned) // settings.samples} edits in {out}")


if __name__ == "__main__":
    main()
