"""Scores of generated images: the paper's two, the third that it proposes, and similarity to the training images.

Legend: P images (six prompts × n), S side in px, T training images.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from transformers.utils.logging import disable_progress_bar

from atelier.images.tensors import to_tensor
from atelier.metrics.augmentation import enlarge
from atelier.metrics.clip import ClipScorer
from atelier.metrics.clip_choice import choose
from atelier.metrics.detector import Detector, Labelled, load_detector
from atelier.metrics.memorisation import coarse_pixels, memorisation
from atelier.metrics.ocr import Reader, nearness
from atelier.synthetic.products import COLOURS
from atelier.training.concept.dataset import read_folder
from studies.logo.config import DetectorTraining, TrainingImages
from studies.logo.prompts import six_prompts
from studies.logo.results import METADATA, read_pictures

COLUMNS = ("prompt", "number", "confidence", "od", "ocr", "letters", "colour_right", "colour_chance", "memorisation")


@dataclass(frozen=True)
class Scorers:
    """The loaded models that score images."""

    detector: Detector
    reader: Reader
    clip: ClipScorer
    training: Tensor  # (T, D): coarse pixels
    size: int  # S
    logo: TrainingImages
    detecting: DetectorTraining


@dataclass(frozen=True)
class ScorerPaths:
    """Where the scorers are: each process loads them once."""

    clip: str
    logo: TrainingImages
    detecting: DetectorTraining
    detector: Path
    photographs: Path  # folder of the training images
    size: int  # S


@cache
def load_scorers(paths: ScorerPaths) -> Scorers:
    """Load the detector, OCR, CLIP, and the training images to compare with.

    Raises:
        UserError: one of them does not exist.
    """
    disable_progress_bar()
    rows = read_folder(paths.photographs, paths.size)
    training = coarse_pixels(to_tensor([row.pixels for row in rows]))
    detector, clip = load_detector(paths.detector), ClipScorer.load(paths.clip)
    return Scorers(detector, Reader(), clip, training, paths.size, paths.logo, paths.detecting)


# od = c if c ≥ 0.70 else 0, c the highest confidence; ocr = 1 if the word is read      (section 4.2)
def score_images(pixels: np.ndarray, scorers: Scorers) -> pd.DataFrame:
    """Return one row per image of uint8 (P, S, S, 3); colours are NaN for the four prompts without one."""
    prompts, count = six_prompts(scorers.logo.token), len(pixels) // 6
    table = _common(pixels, scorers)
    table.insert(0, "prompt", np.repeat(np.arange(len(prompts)), count))
    table.insert(1, "number", np.tile(np.arange(count), len(prompts)))
    coloured = [row for row, place in enumerate(table["prompt"]) if prompts[place].colour]
    named = [prompts[table["prompt"][row]] for row in coloured]
    features = scorers.clip.image_features(to_tensor(pixels[coloured]))
    choice = choose(scorers.clip, features, [one.question for one in named], [one.colour for one in named], COLOURS)
    for name, values in (("colour_right", choice.right), ("colour_chance", choice.probability)):
        table[name] = np.nan
        table.loc[coloured, name] = values.float().numpy()
    return table[list(COLUMNS)]


def score_rendered(folder: Path, scorers: Scorers) -> pd.DataFrame:
    """Score rendered images, which belong to none of the six prompts: their prompt is −1."""
    table = _common(np.stack([row.pixels for row in read_folder(folder, scorers.size)]), scorers)
    table = table.assign(prompt=-1, number=np.arange(len(table)), colour_right=np.nan, colour_chance=np.nan)
    return table[list(COLUMNS)]


def score_run(folder: Path, paths: ScorerPaths) -> pd.DataFrame:
    """Score the images of a run or of a folder of rendered images; add the columns `run` (its name) and `epoch`."""
    torch.set_num_threads(1)  # one process per core
    scorers = load_scorers(paths)
    if (folder / METADATA).exists():
        return score_rendered(folder, scorers).assign(run=folder.name, epoch=0)
    seen = read_pictures(folder)
    return pd.concat(
        [score_images(pixels, scorers).assign(run=folder.name, epoch=epoch) for epoch, pixels in seen.items()]
    )


def _common(pixels: np.ndarray, scorers: Scorers) -> pd.DataFrame:
    """Return the scores that need no prompt."""
    pictures, plan = to_tensor(pixels), scorers.detecting
    large = enlarge(Labelled(pictures, ()), plan.side).pictures
    confidence = scorers.detector.confidence(large)
    texts, word = scorers.reader.words(pictures), scorers.logo.word
    near_word = [nearness(own, word) for own in texts]
    near = memorisation(coarse_pixels(pictures), scorers.training)
    return pd.DataFrame({
        "confidence": confidence.numpy(), "od": torch.where(confidence >= plan.threshold, confidence, 0.0).numpy(),
        "ocr": [float(value == 1) for value in near_word], "letters": near_word, "memorisation": near.numpy(),
    })  # fmt: skip
