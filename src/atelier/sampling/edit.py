"""Editing by guided sampling: source and instruction in, edited image out.

Legend: B batch, C channels, H W pixels, h w latent, T tokens. ε(I, T) is the UNet's prediction given the source I and
the instruction T, ∅ the absence of either.
"""

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from atelier.common.errors import UserError
from atelier.common.notices import notice
from atelier.common.records import Edit
from atelier.common.rng import derive_seed
from atelier.config import Generate
from atelier.images.tensors import from_png, mask_from_png, to_pixels, to_png, to_tensor
from atelier.models.base import DiffusionModel, decode_latents, encode_images
from atelier.models.instruct_pix2pix import Editor, encode_texts, predict
from atelier.models.tokens import notice_unread
from atelier.sampling.keep import NOTHING, Anchor, Keep, Rule
from atelier.sampling.plan import PlannedEdit


def draw_noise(seeds: Sequence[int], shape: tuple[int, ...]) -> Tensor:
    """Draw standard normal noise (B, *shape), float32 on the CPU, each sample from its own seed."""
    return torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


def denoise(
    model: DiffusionModel,
    noise: Tensor,
    guided: Callable[[Tensor, Tensor], Tensor],
    steps: int,
    progress: bool = False,
    anchor: Anchor | None = None,
) -> Tensor:
    """Run the model's sampler from standard normal noise (B, C, h, w); return scaled latents.

    Args:
        guided: latents and timestep → the guided prediction, (B, C, h, w).
        progress: show the steps.
        anchor: a source to which cells are returned after each step; the sampler must be DDIM.
    """
    scheduler = copy.deepcopy(model.scheduler)  # it stores the sampling steps
    scheduler.set_timesteps(steps)
    sent = scheduler.timesteps.to(noise.device)  # all at once: the host would wait for the device at each step's copy
    latents = noise * getattr(scheduler, "init_noise_sigma", 1.0)
    shown = tqdm(scheduler.timesteps, "edit", unit="step", leave=False, disable=None if progress else True)
    for number, (timestep, own) in enumerate(zip(shown, sent, strict=True)):
        stepped = scheduler.step(guided(latents, own), timestep, latents, return_dict=False)
        latents = stepped[0]
        if anchor is not None:  # DDIM also returns the clean latent that the prediction implies
            latents = anchor.restore(latents, stepped[1], scheduler, sent[number + 1 : number + 2])
    return latents


def edit(
    editor: Editor,
    source: Tensor,
    instructions: Sequence[str],
    seeds: Sequence[int],
    *,
    steps: int,
    guidance_text: float,
    guidance_image: float,
    free: Rule | None = None,
    progress: bool = False,
) -> Tensor:
    """Edit images: (B, 3, H, W) in [0, 1], B instructions, B seeds → (B, 3, H, W) in [0, 1].

    One image (1, 3, H, W) may be given for all instructions; it is encoded once.
    Each sample starts from noise of its own seed, so that neither the order nor the batch matters.

    Args:
        free: which latent cells the edit may change (`keep.Keep.rule`); None: all.
        progress: show the sampling steps.
    """
    conditions = encode_images(editor, source).expand(len(instructions), -1, -1, -1)
    noise = draw_noise(seeds, tuple(conditions.shape[1:])).to(editor.device)
    texts = encode_texts(editor, ["", *instructions])
    empty = texts[:1].expand(len(instructions), -1, -1)
    scales = {"guidance_text": guidance_text, "guidance_image": guidance_image}
    anchor = None if free is None else Anchor(conditions * editor.scaling_factor, noise, free)
    how = {"steps": steps, "anchor": anchor, "progress": progress}
    latents = sample(editor, noise, conditions, texts[1:], empty, **scales, **how)
    return decode_latents(editor, latents)


# ε = ε(∅, ∅) + s_T [ε(I, T) − ε(I, ∅)] + s_I [ε(I, ∅) − ε(∅, ∅)]      (InstructPix2Pix, equation 3)
@torch.no_grad()
def sample(
    editor: Editor,
    noise: Tensor,
    conditions: Tensor,
    texts: Tensor,
    empty: Tensor,
    *,
    steps: int,
    guidance_text: float,
    guidance_image: float,
    anchor: Anchor | None = None,
    progress: bool = False,
) -> Tensor:
    """Denoise (B, C, h, w) under two-way guidance, the three branches in one batch; scaled latents, as noise is.

    Args:
        noise: standard normal, (B, C, h, w).
        conditions: unscaled source latents, (B, C, h, w).
        texts: encoded instructions, (B, T, C).
        empty: the encoded empty instruction, (B, T, C).
        anchor: a source to which cells are returned after each step.
        progress: show the steps.
    """
    branch_texts = torch.cat([texts, empty, empty])
    branch_conditions = torch.cat([conditions, conditions, torch.zeros_like(conditions)])

    def guided(latents: Tensor, timestep: Tensor) -> Tensor:
        prediction = predict(editor, torch.cat([latents] * 3), branch_conditions, timestep, branch_texts)
        full, image_only, neither = prediction.chunk(3)
        return neither + guidance_text * (full - image_only) + guidance_image * (image_only - neither)

    return denoise(editor, noise, guided, steps, progress, anchor)


def edit_all(
    editor: Editor,
    sources: Sequence[bytes],
    instructions: Sequence[str],
    seeds: Sequence[int],
    *,
    batch_size: int,
    steps: int,
    guidance_text: float,
    guidance_image: float,
    keep: Keep = NOTHING,
    masks: Sequence[bytes | None] | None = None,
) -> Iterator[np.ndarray]:
    """Edit any number of PNG images in batches; yield uint8 (H, W, 3) in their order.

    Args:
        keep: what an edit keeps of its source.
        masks: PNG masks of what may change, if `keep` needs them; None: everything.
    """
    scales = {"guidance_text": guidance_text, "guidance_image": guidance_image}
    for start in range(0, len(sources), batch_size):
        rows = slice(start, start + batch_size)
        pictures = [from_png(png) for png in sources[rows]]
        inside = [None if png is None else mask_from_png(png) for png in (masks or [None] * len(sources))[rows]]
        free = keep.rule(inside, pictures[0].shape[:2], editor)
        edited = edit(editor, to_tensor(pictures), instructions[rows], seeds[rows], steps=steps, **scales, free=free)
        for before, after, mask in zip(pictures, to_pixels(edited), inside, strict=True):
            yield keep.paste(before, after, mask)


def edit_probes(
    editor: Editor,
    planned: Sequence[PlannedEdit],
    model: str,
    settings: Generate,
    masks: Mapping[str, bytes] | None = None,
) -> Iterator[Edit]:
    """Make every edit that `plan.plan_edits` planned; a probe's noise is always the same.

    Args:
        masks: PNG masks of what may change, by probe; where one is missing, everything may.

    Raises:
        UserError: `generate.keep` needs masks and there are none.
    """
    keep = Keep.of(settings)
    if keep.needs_mask and masks is None:
        raise UserError(f"generate.keep: {keep.mode} needs the probes' masks; expected none or consistent here")
    instructions = dict.fromkeys(one.instruction for one in planned)
    notice_unread(instructions, editor.limit.unread, "instructions are longer than the editor reads")
    side = from_png(planned[0].probe.source).shape[0] if planned else editor.trained_size
    if editor.trained_size not in (None, side):
        notice(f"{model}: fine-tuned at {editor.trained_size} px, but the images to edit have {side} px (prepare.size)")
    for (text, image), group in itertools.groupby(planned, key=lambda one: one.guidance):
        alike = list(group)
        edited = edit_all(
            editor,
            [one.probe.source for one in alike],
            [one.instruction for one in alike],
            [derive_seed(settings.seed, one.probe.probe_id) for one in alike],
            batch_size=settings.batch_size,
            steps=settings.steps,
            guidance_text=text,
            guidance_image=image,
            keep=keep,
            masks=[(masks or {}).get(one.probe.probe_id) for one in alike],
        )
        for one, pixels in zip(alike, edited, strict=True):
            yield Edit(one.probe.probe_id, model, one.kind, text, image, to_png(pixels))
