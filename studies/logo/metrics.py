"""Every score of painted pictures: the paper's two, the third that it asks for, and nearness to the training pictures.

Legend: P pictures (six prompts × n), S side in px, T training photographs.
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
from studies.logo.config import Detecting, Photographs
from studies.logo.prompts import six_prompts
from studies.logo.results import METADATA, read_pictures

__all__ = ["COLUMNS", "Case", "Instruments", "measure", "measure_run", "open_instruments"]

COLUMNS = ("prompt", "number", "confidence", "od", "ocr", "letters", "colour_right", "colour_chance", "memorisation")


@dataclass(frozen=True)
class Instruments:
    """What measures, opened once."""

    detector: Detector
    reader: Reader
    clip: ClipScorer
    training: Tensor  # (T, D): coarse pixels
    size: int  # S
    logo: Photographs
    detecting: Detecting


@dataclass(frozen=True)
class Case:
    """Where the instruments are, which a process opens once."""

    clip: str
    logo: Photographs
    detecting: Detecting
    detector: Path
    photographs: Path  # folder of the training photographs
    size: int  # S


@cache
def open_instruments(case: Case) -> Instruments:
    """Load the detector, the reader, the CLIP, and the training photographs to compare with.

    Raises:
        UserError: one of them is not there.
    """
    disable_progress_bar()
    rows = read_folder(case.photographs, case.size)
    training = coarse_pixels(to_tensor([row.pixels for row in rows]))
    detector, clip = load_detector(case.detector), ClipScorer.load(case.clip)
    return Instruments(detector, Reader(), clip, training, case.size, case.logo, case.detecting)


# od = c if c ≥ .70 else 0, c the highest confidence; ocr = 1 if the word is read      (section 4.2)
def measure(pixels: np.ndarray, tools: Instruments) -> pd.DataFrame:
    """A row a picture of uint8 (P, S, S, 3); colours are NaN for the four prompts that name none."""
    prompts, count = six_prompts(tools.logo.token), len(pixels) // 6
    table = _common(pixels, tools)
    table.insert(0, "prompt", np.repeat(np.arange(len(prompts)), count))
    table.insert(1, "number", np.tile(np.arange(count), len(prompts)))
    asked = [row for row, place in enumerate(table["prompt"]) if prompts[place].colour]
    named = [prompts[table["prompt"][row]] for row in asked]
    features = tools.clip.image_features(to_tensor(pixels[asked]))
    choice = choose(tools.clip, features, [one.question for one in named], [one.colour for one in named], COLOURS)
    for name, values in (("colour_right", choice.right), ("colour_chance", choice.probability)):
        table[name] = np.nan
        table.loc[asked, name] = values.float().numpy()
    return table[list(COLUMNS)]


def measure_photographs(folder: Path, tools: Instruments) -> pd.DataFrame:
    """The same of photographs, which answer none of the six prompts: −1 stands for it."""
    table = _common(np.stack([row.pixels for row in read_folder(folder, tools.size)]), tools)
    table = table.assign(prompt=-1, number=np.arange(len(table)), colour_right=np.nan, colour_chance=np.nan)
    return table[list(COLUMNS)]


def measure_run(folder: Path, case: Case) -> pd.DataFrame:
    """Every picture of a run, or of a folder of photographs, with the columns `run` (its name) and `epoch`."""
    torch.set_num_threads(1)  # there is a process for each core
    tools = open_instruments(case)
    if (folder / METADATA).exists():
        return measure_photographs(folder, tools).assign(run=folder.name, epoch=0)
    seen = read_pictures(folder)
    return pd.concat([measure(pixels, tools).assign(run=folder.name, epoch=epoch) for epoch, pixels in seen.items()])


def _common(pixels: np.ndarray, tools: Instruments) -> pd.DataFrame:
    """What needs no prompt."""
    pictures, plan = to_tensor(pixels), tools.detecting
    large = enlarge(Labelled(pictures, ()), plan.side).pictures
    confidence = tools.detector.confidence(large)
    texts, word = tools.reader.words(pictures), tools.logo.word
    near_word = [nearness(own, word) for own in texts]
    near = memorisation(coarse_pixels(pictures), tools.training)
    return pd.DataFrame({
        "confidence": confidence.numpy(), "od": torch.where(confidence >= plan.threshold, confidence, 0.0).numpy(),
        "ocr": [float(value == 1) for value in near_word], "letters": near_word, "memorisation": near.numpy(),
    })  # fmt: skip
