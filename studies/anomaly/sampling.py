"""Generate every prompt's group of images with one model; write and read them.

Legend: G images of a group, H side in px.
"""

from pathlib import Path

import torch
from torch import Tensor

from atelier.common.files import atomic_write
from atelier.common.tensor_files import read_tensors, write_tensors
from atelier.images.tensors import to_pixels
from atelier.models.text_to_image import TextToImage
from atelier.sampling.text_to_image import generate
from studies.anomaly.config import Sampling
from studies.anomaly.prompts import draw_prompts, noise_seeds


def generate_all(model: TextToImage, settings: Sampling) -> dict[str, Tensor]:
    """Generate the images of all prompts: uint8 (G, H, H, 3) by prompt key."""
    prompts = draw_prompts(settings.prompts, settings.seed)
    texts = [prompt.text for prompt in prompts for _ in range(settings.group)]
    seeds = [seed for prompt in prompts for seed in noise_seeds(prompt, settings.group, settings.seed)]
    generated = generate(
        model, texts, seeds, steps=settings.steps, guidance=settings.guidance, batch_size=settings.batch_size
    )
    groups = torch.from_numpy(to_pixels(generated)).split(settings.group)
    return {prompt.key: group.contiguous() for prompt, group in zip(prompts, groups, strict=True)}


def write_groups(groups: dict[str, Tensor], path: Path) -> None:
    """Write groups by prompt key (safetensors)."""
    with atomic_write(path) as partial:
        write_tensors(partial, groups)


def read_groups(path: Path) -> dict[str, Tensor]:
    """Read groups in the order of their keys.

    Raises:
        UserError: the file is missing or damaged.
    """
    return dict(sorted(read_tensors(path).items()))
