"""What is measured of a system's pictures: their faults, likeness within groups, distance to correct ones.

Legend: G pictures of a group, N pictures, H pixels.
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
from studies.anomaly.config import Base, Pictures
from studies.anomaly.prompts import FAMILIES, Prompt, render_prompt

Groups = Mapping[str, Tensor]  # uint8 (G, H, H, 3) by prompt key


def family_of(key: str) -> str:
    """A prompt's family, by its key."""
    return key.rpartition("-")[0]


def decode_again(model: TextToImage, pictures: Tensor) -> Tensor:
    """Pictures (N, 3, H, H) as the base's autoencoder gives them back: no painter can do better."""
    return torch.cat([decode_latents(model, to_latents(model, part)).cpu() for part in pictures.split(32)])


def correct_groups(prompts: list[Prompt], group: int, seed: int, size: int) -> dict[str, Tensor]:
    """Correct renders of every prompt."""
    return {
        prompt.key: torch.from_numpy(np.stack([render_prompt(prompt, n, seed, size).pixels for n in range(group)]))
        for prompt in prompts
    }


@dataclass(frozen=True)
class Ruler:
    """The networks that measure, and what counts as well proportioned."""

    segmenter: str
    net: FeatureNet
    upright: Proportions
    lying: Proportions

    def faults(self, pictures: Tensor, lying: bool) -> list[list[str]]:
        """Of each picture (N, 3, H, H)."""
        maps = find_parts(self.segmenter, pictures)
        return [faults_of(one, self.lying if lying else self.upright) for one in maps]


def make_ruler(model: TextToImage, base: Base, pictures: Pictures) -> Ruler:
    """Learn the proportions of correct pictures of each kind, half of them decoded again, as it sees them."""
    found = []
    for poses in (UPRIGHT, ("lying",)):
        seeds = [derive_seed(pictures.seed, *poses, number) for number in range(pictures.references)]
        shots = [sample_mannequin(seed, poses[n % len(poses)], size=pictures.size) for n, seed in enumerate(seeds)]
        shown = to_tensor([shot.pixels for shot in shots])
        shown[::2] = decode_again(model, shown[::2])
        found.append(learn_proportions(list(find_parts(base.segmenter, shown))))
    return Ruler(base.segmenter, FeatureNet.load(base.features), *found)


def measure_pictures(name: str, groups: Groups, ruler: Ruler) -> pd.DataFrame:
    """One row a picture: system, family, prompt, number, deformed (0 or 1), how many faults, and which."""
    rows = []
    for key, pixels in groups.items():
        family = family_of(key)
        for number, faults in enumerate(ruler.faults(to_tensor(pixels.numpy()), family != "upright")):
            rows.append((name, family, key, number, int(bool(faults)), len(faults), "; ".join(faults)))
    return pd.DataFrame(rows, columns=["system", "family", "prompt", "number", "deformed", "count", "faults"])


def measure_groups(name: str, groups: Groups, ruler: Ruler) -> pd.DataFrame:
    """One row a group: system, family, prompt, pairwise Fréchet distance, SSIM and PSNR (dB)."""
    rows = []
    for key, pixels in groups.items():
        pictures = to_tensor(pixels.numpy())
        frechet = mean_frechet(patch_features(ruler.net, pictures))
        rows.append((name, family_of(key), key, frechet, mean_ssim(pictures), mean_psnr(pictures)))
    return pd.DataFrame(rows, columns=["system", "family", "prompt", "frechet", "ssim", "psnr"])


@torch.no_grad()
def measure_sets(name: str, groups: Groups, correct: Groups, ruler: Ruler) -> pd.DataFrame:
    """One row a family: Fréchet distance of all its pictures to as many correct ones of the same words."""

    def pooled(one: Groups, family: str) -> Tensor:
        chosen = torch.cat([pixels for key, pixels in one.items() if family_of(key) == family])
        return ruler.net.pooled(to_tensor(chosen.numpy()) * 2 - 1)

    rows = [(name, family, frechet_distance(pooled(groups, family), pooled(correct, family))) for family in FAMILIES]
    return pd.DataFrame(rows, columns=["system", "family", "to_correct"])
