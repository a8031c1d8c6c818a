"""Predict garment masks with a SegFormer or a UPerNet from a folder or the hub.

The labels are those of the model (the embedded ones', ATR's, LIP's or Fashionpedia's); all labels of a slot are united.
Labels whose name begins with PART are another set, body parts, which a network may predict besides; no pixel is given
one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from atelier.common.errors import UserError
from atelier.models.base import pass_size
from atelier.models.check import opening
from atelier.models.parts import read_folder
from atelier.text.garments import SLOTS, UNKNOWN_GARMENT, slot_of_label

if TYPE_CHECKING:
    from transformers import (
        SegformerForSemanticSegmentation,
        SegformerImageProcessor,
        UperNetForSemanticSegmentation,
    )

BATCH = 32  # pictures in one pass, at most
PART = "part: "
_NEVER = -1e4  # a logit that no label wins with; infinity would become NaN where logits are resized


@dataclass(frozen=True)
class Segmenter:
    """A segmentation model, its image processor, and the label numbers of each slot."""

    model: "SegformerForSemanticSegmentation | UperNetForSemanticSegmentation"
    processor: "SegformerImageProcessor"
    labels: dict[str, list[int]]  # upper, lower, full → label numbers

    @property
    def parts(self) -> list[int]:
        """Label numbers of body parts."""
        return [int(number) for number, label in self.model.config.id2label.items() if label.startswith(PART)]


def load_segmenter(name: str, device: torch.device) -> Segmenter:
    """Load a SegFormer or UPerNet (config.json, model.safetensors, preprocessor_config.json) from a folder or the hub.

    Raises:
        UserError: the model cannot be loaded, or none of its labels is a garment.
    """
    from transformers import (
        AutoConfig,
        SegformerForSemanticSegmentation,
        SegformerImageProcessor,
        UperNetForSemanticSegmentation,
    )

    with opening(f"models.segmenter: {name}: not a SegFormer (model and image processor)"):
        is_upernet = AutoConfig.from_pretrained(name).model_type == "upernet"
        kind = UperNetForSemanticSegmentation if is_upernet else SegformerForSemanticSegmentation
        model = read_folder(kind, name, "segmenter").float().to(device).eval().requires_grad_(False)
        processor = SegformerImageProcessor.from_pretrained(name)
        find_garments(Segmenter(model, processor, {}), [np.zeros((64, 64, 3), np.uint8)], [UNKNOWN_GARMENT])
    labels: dict[str, list[int]] = {}
    for number, label in model.config.id2label.items():
        slot = slot_of_label(label)
        if slot is not None:
            labels.setdefault(slot, []).append(int(number))
    if not labels:
        known = ", ".join(model.config.id2label.values())
        raise UserError(f"models.segmenter: {name}: none of its labels is a garment: {known}")
    return Segmenter(model, processor, labels)


@dataclass(frozen=True)
class Found:
    """What a segmenter predicts for a picture."""

    mask: np.ndarray  # of the garment, bool (H, W); all False if nothing was found
    confidence: float  # probability of the most likely label, mean over the picture: [1 / number of labels, 1]


def search_garments(segmenter: Segmenter, pictures: Sequence[np.ndarray], garments: Sequence[str]) -> list[Found]:
    """Predict the mask of the named garment in each picture, and how sure the segmenter is of the picture.

    Args:
        pictures: uint8 (H, W, 3).
        garments: keys of `garments.SLOTS`, one per picture; "clothes" means everything worn.
    """
    return [
        Found(np.isin(labels, _labels(segmenter, name)), confidence)
        for (labels, confidence), name in zip(_predict(segmenter, pictures), garments, strict=True)
    ]


def find_garments(segmenter: Segmenter, pictures: Sequence[np.ndarray], garments: Sequence[str]) -> list[np.ndarray]:
    """Predict the mask of the named garment in each picture: bool (H, W), all False if nothing was found."""
    return [found.mask for found in search_garments(segmenter, pictures, garments)]


def find_slots(segmenter: Segmenter, pictures: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Predict the masks of what is worn in each slot that the model knows.

    Args:
        pictures: uint8 (H, W, 3).

    Returns:
        slot → bool (H, W) per picture; all False where nothing was found.
    """
    return [
        {slot: np.isin(labels, own) for slot, own in segmenter.labels.items()}
        for labels, _ in _predict(segmenter, pictures)
    ]


@torch.inference_mode()
def _predict(segmenter: Segmenter, pictures: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, float]]:
    """Yield the label numbers of each picture's pixels, int (H, W), and the confidence of `Found`."""
    size = segmenter.processor.size
    count = batch_of(size["height"], size["width"])
    for start in range(0, len(pictures), count):
        batch = [picture.copy() for picture in pictures[start : start + count]]  # torch needs writable arrays
        inputs = segmenter.processor(images=batch, return_tensors="pt").to(segmenter.model.device)
        outputs = segmenter.model(**inputs)
        outputs.logits[:, segmenter.parts] = _NEVER
        sizes = [picture.shape[:2] for picture in batch]
        found = segmenter.processor.post_process_semantic_segmentation(outputs, target_sizes=sizes)
        sure = outputs.logits.float().softmax(1).amax(1).mean((1, 2)).tolist()
        yield from zip((labels.cpu().numpy() for labels in found), sure, strict=True)


def batch_of(height: int, width: int) -> int:
    """Return how many pictures of a size in pixels the model is given in one pass."""
    return min(BATCH, pass_size(height, width))


def _labels(segmenter: Segmenter, garment: str) -> list[int]:
    if garment == UNKNOWN_GARMENT:
        return [number for numbers in segmenter.labels.values() for number in numbers]
    return segmenter.labels.get(SLOTS[garment], [])
