"""Scores of a system's images: faults, similarity within groups, distance to correct images.

Legend: G images of a group, N images, H side in px.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from atelier.common.rng import derive_seed
from atelier.images.tensors import to_tensor
from atelier.metrics.anatomy import Proportions, faults_of, find_parts, learn_proportions
from atelier.metrics.frechet import frechet_distance
from atelier.metrics.pairwise import mean_frechet, mean_psnr, mean_ssim, patch_features
from atelier.models.base import decode_latents, to_latents
from atelier.models.feature_net import FeatureNet
from atelier.models.text_to_image import TextToImage
from atelier.synthetic.poses import UPRIGHT, sample_mannequin
from studies.anomaly.config import Base, Images
from studies.anomaly.prompts import FAMILIES, Prompt, render_prompt

Groups = Mapping[str, Tensor]  # uint8 (G, H, H, 3) by prompt key


def family_of(key: str) -> str:
    """Return a prompt's family from its key."""
    return key.rpartition("-")[0]


def reconstruct(model: TextToImage, pictures: Tensor) -> Tensor:
    """Encode and decode images (N, 3, H, H) by the model's autoencoder: an upper bound for what it generates."""
    return torch.cat([decode_latents(model, to_latents(model, part)).cpu() for part in pictures.split(32)])


def correct_groups(prompts: list[Prompt], group: int, seed: int, size: int) -> dict[str, Tensor]:
    """Render every prompt correctly: uint8 (G, H, H, 3) by prompt key."""
    return {
        prompt.key: torch.from_numpy(np.stack([render_prompt(prompt, n, seed, size).pixels for n in range(group)]))
        for prompt in prompts
    }


@dataclass(frozen=True)
class Scorers:
    """The networks that score, and the proportions that count as correct."""

    segmenter: str
    net: FeatureNet
    upright: Proportions
    lying: Proportions

    def faults(self, pictures: Tensor, lying: bool) -> list[list[str]]:
        """Return the faults of each image of (N, 3, H, H)."""
        maps = find_parts(self.segmenter, pictures)
        return [faults_of(one, self.lying if lying else self.upright) for one in maps]


def load_scorers(model: TextToImage, base: Base, pictures: Images) -> Scorers:
    """Load the networks; learn the proportions of correct images, half of them encoded and decoded."""
    found = []
    for poses in (UPRIGHT, ("lying",)):
        seeds = [derive_seed(pictures.seed, *poses, number) for number in range(pictures.references)]
        shots = [sample_mannequin(seed, poses[n % len(poses)], size=pictures.size) for n, seed in enumerate(seeds)]
        shown = to_tensor([shot.pixels for shot in shots])
        shown[::2] = reconstruct(model, shown[::2])
        found.append(learn_proportions(list(find_parts(base.segmenter, shown))))
    return Scorers(base.segmenter, FeatureNet.load(base.features), *found)


def score_images(name: str, groups: Groups, scorers: Scorers) -> pd.DataFrame:
    """Return one row per image: system, family, prompt, number, deformed (0 or 1), number of faults, the faults."""
    rows = []
    for key, pixels in groups.items():
        family = family_of(key)
        for number, faults in enumerate(scorers.faults(to_tensor(pixels.numpy()), family != "upright")):
            rows.append((name, family, key, number, int(bool(faults)), len(faults), "; ".join(faults)))
    return pd.DataFrame(rows, columns=["system", "family", "prompt", "number", "deformed", "count", "faults"])


def score_groups(name: str, groups: Groups, scorers: Scorers) -> pd.DataFrame:
    """Return one row per group: system, family, prompt, pairwise Fréchet distance, SSIM and PSNR (dB)."""
    rows = []
    for key, pixels in groups.items():
        pictures = to_tensor(pixels.numpy())
        frechet = mean_frechet(patch_features(scorers.net, pictures))
        rows.append((name, family_of(key), key, frechet, mean_ssim(pictures), mean_psnr(pictures)))
    return pd.DataFrame(rows, columns=["system", "family", "prompt", "frechet", "ssim", "psnr"])


@torch.no_grad()
def score_sets(name: str, groups: Groups, correct: Groups, scorers: Scorers) -> pd.DataFrame:
    """Return one row per family: Fréchet distance of its images to as many correct ones of the same prompts."""

    def pooled(one: Groups, family: str) -> Tensor:
        chosen = torch.cat([pixels for key, pixels in one.items() if family_of(key) == family])
        return scorers.net.pooled(to_tensor(chosen.numpy()) * 2 - 1)

    rows = [(name, family, frechet_distance(pooled(groups, family), pooled(correct, family))) for family in FAMILIES]
    return pd.DataFrame(rows, columns=["system", "family", "to_correct"])
