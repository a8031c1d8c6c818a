"""Every prompt's group of pictures by one model, as a file.

Legend: G pictures of a group, H pixels.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from atelier.common.files import atomic_write
from atelier.images.tensors import to_pixels
from atelier.models.text_to_image import TextToImage
from atelier.sampling.text_to_image import generate
from studies.anomaly.config import Painting
from studies.anomaly.prompts import draw_prompts, noise_seeds


def paint_all(model: TextToImage, settings: Painting) -> dict[str, Tensor]:
    """uint8 (G, H, H, 3) by prompt key."""
    prompts = draw_prompts(settings.prompts, settings.seed)
    texts = [prompt.text for prompt in prompts for _ in range(settings.group)]
    seeds = [seed for prompt in prompts for seed in noise_seeds(prompt, settings.group, settings.seed)]
    painted = generate(
        model, texts, seeds, steps=settings.steps, guidance=settings.guidance, batch_size=settings.batch_size
    )
    groups = torch.from_numpy(to_pixels(painted)).split(settings.group)
    return {prompt.key: group.contiguous() for prompt, group in zip(prompts, groups, strict=True)}


def write_groups(groups: dict[str, Tensor], path: Path) -> None:
    """Keep them, in the order of their keys."""
    with atomic_write(path) as partial:
        save_file(groups, partial)


def read_groups(path: Path) -> dict[str, Tensor]:
    """What `write_groups` wrote."""
    return dict(sorted(load_file(path).items()))
