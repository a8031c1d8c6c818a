"""Triplets as the training loop needs them: encoded once, kept as tensors.

Legend: N triplets, U distinct instructions, C channels, h w latent, T tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from atelier.common.iterables import batched
from atelier.common.records import Triplet, Zones
from atelier.images.tensors import from_png, mask_tensor, to_tensor
from atelier.masks import trimap
from atelier.models.base import encode_images
from atelier.models.instruct_pix2pix import Editor, encode_texts

BATCH = 32  # triplets, or instructions, that are encoded together; the VAE takes them in passes (`models.base.PIXELS`)


@dataclass(frozen=True)
class EncodedTriplets:
    """N triplets on the editor's device, float32. Never flip one: source, target and zones belong together."""

    sources: Tensor  # (N, C, h, w), unscaled: what conditions the editor
    targets: Tensor  # (N, C, h, w), scaled: what is noised
    instructions: Tensor  # (1 + U, T, C), each distinct one once; the first is the empty one
    instruction_of: Tensor  # (N,), int64: the row of each triplet's instruction
    zones: Tensor  # (N, 3, h, w): tight, context, background as shares of a cell
    scaling_factor: float

    def __len__(self) -> int:
        return len(self.sources)


def encode_triplets(editor: Editor, triplets: Sequence[Triplet], zones: Mapping[str, Zones]) -> EncodedTriplets:
    """Encode images, instructions and zones; `zones` holds one row for each triplet, by its id."""
    instructions = sorted({triplet.instruction for triplet in triplets})
    row_of = {instruction: row for row, instruction in enumerate(instructions, start=1)}
    texts = torch.cat([encode_texts(editor, batch) for batch in batched(["", *instructions], BATCH)])
    sources, targets, shares = [], [], []
    with tqdm(total=len(triplets), desc="encode", unit="triplet", disable=None, leave=False) as bar:
        for batch in batched(triplets, BATCH):
            images = [triplet.source for triplet in batch] + [triplet.target for triplet in batch]
            source, target = encode_images(editor, to_tensor([from_png(png) for png in images])).chunk(2)
            sources.append(source)
            targets.append(target * editor.scaling_factor)
            shares.append(_latent_zones([zones[triplet.triplet_id] for triplet in batch], tuple(source.shape[-2:])))
            bar.update(len(batch))
    return EncodedTriplets(
        sources=torch.cat(sources),
        targets=torch.cat(targets),
        instructions=texts,
        instruction_of=torch.tensor([row_of[t.instruction] for t in triplets], device=editor.device),
        zones=torch.cat(shares).to(editor.device),
        scaling_factor=editor.scaling_factor,
    )


def _latent_zones(rows: Sequence[Zones], size: tuple[int, int]) -> Tensor:
    """Return tight, context and background on the latent grid: (B, 3, h, w)."""
    boxes = torch.tensor([row.box for row in rows])
    cells = trimap.to_latent(trimap.zones(mask_tensor([row.tight for row in rows]), boxes), size)
    return torch.cat([cells.tight, cells.context, cells.background], dim=1)
