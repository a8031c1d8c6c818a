"""Anatomy of a generated person: limbs, joints and proportions, checked on a map of body parts.

The map comes from a segmenter (`find_parts`); the rules are in `faults_of`. The metric is independent of the generator.

Legend: N images, H pixels of a square image's side; a map of parts is uint8 (H, H), indices in PARTS.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import interpolate

from atelier.common.errors import UserError
from atelier.models.check import opening
from atelier.models.parts import read_folder

PARTS = ("background", "head", "torso", "arm", "leg")  # labels of the segmenter, and of `mannequins`' maps
_BACKGROUND, _HEAD, _TORSO, _ARM, _LEG = range(len(PARTS))
_EIGHT_CONNECTED = np.ones((3, 3), bool)  # pixels that share a corner are connected
LEAST = 0.0025  # share of the image's area below which a component is noise of the segmenter
REACHES = (0.0, 3 / 64, 6 / 64, 9 / 64, 12 / 64)  # distances from the torso at which limbs are counted, in image sides
TOUCH = 2.6 / 64  # parts nearer than this touch, in image sides
MIDDLE = 0.5  # share of the torso's length: arms touch it above, legs below


@dataclass(frozen=True)
class Proportions:
    """Range, over correct images, of the body's share of the image and of each part's share of the body."""

    lowest: tuple[float, ...]  # body, head, torso, arms, legs
    highest: tuple[float, ...]


def find_parts(folder: str, pictures: Tensor, batch_size: int = 32) -> np.ndarray:
    """Segment body parts: maps uint8 (N, H, H) of images float32 (N, 3, S, S) in [0, 1]; H is the segmenter's side.

    Args:
        folder: SegFormer in transformers' format with the labels PARTS.

    Raises:
        UserError: the folder holds no SegFormer, or its labels differ.
    """
    from transformers import SegformerForSemanticSegmentation, SegformerImageProcessor
    from transformers.utils import logging

    logging.disable_progress_bar()
    with opening(f"{folder}: no segmenter of body parts"):
        model = read_folder(SegformerForSemanticSegmentation, folder, "segmenter").eval()
        processor = SegformerImageProcessor.from_pretrained(folder)
        side = (processor.size["height"], processor.size["width"])
    labels = tuple(model.config.id2label[number] for number in sorted(model.config.id2label))
    if labels != PARTS:
        raise UserError(f"{folder}: its labels are {', '.join(labels)}; expected {', '.join(PARTS)}")
    mean, std = (torch.tensor(value)[None, :, None, None] for value in (processor.image_mean, processor.image_std))
    found = []
    with torch.no_grad():
        for batch in pictures.split(batch_size):
            sized = interpolate(batch, side, mode="bilinear", align_corners=False, antialias=True)
            logits = model(pixel_values=(sized - mean) / std).logits
            full = interpolate(logits, side, mode="bilinear", align_corners=False)
            found.append(full.argmax(1).to(torch.uint8))
    return torch.cat(found).numpy()


def pieces(mask: np.ndarray) -> list[np.ndarray]:
    """Return the 8-connected components of a mask (H, H) of at least LEAST of its area, each bool (H, H)."""
    numbered, count = ndimage.label(mask, _EIGHT_CONNECTED)
    sizes = ndimage.sum_labels(mask, numbered, np.arange(1, count + 1))
    return [numbered == number + 1 for number in range(count) if sizes[number] >= LEAST * mask.size]


def count_limbs(parts: np.ndarray, part: int) -> int:
    """Count arms (part 3) or legs (part 4).

    Two limbs that meet at the torso are apart further out: the result is the largest count over the REACHES.
    """
    away = ndimage.distance_transform_edt(parts != _TORSO) if (parts == _TORSO).any() else np.full(parts.shape, np.inf)
    return max(len(pieces((parts == part) & (away > reach * len(parts)))) for reach in REACHES)


def shares(parts: np.ndarray) -> np.ndarray:
    """Return (5,): the body's share of the image, then the shares of head, torso, arms and legs of the body."""
    counts = np.bincount(parts.ravel(), minlength=len(PARTS))[1:]
    body = max(int(counts.sum()), 1)
    return np.array([counts.sum() / parts.size, *(counts / body)])


def learn_proportions(maps: Sequence[np.ndarray], slack: float = 0.15) -> Proportions:
    """Return the range of the shares over maps of correct images, widened by the share `slack` of each bound."""
    found = np.stack([shares(one) for one in maps])
    low, high = found.min(0) * (1 - slack), found.max(0) * (1 + slack)
    return Proportions(tuple(low.tolist()), tuple(high.tolist()))


def faults_of(parts: np.ndarray, proportions: Proportions) -> list[str]:
    """Return the faults of a person as text; an empty list if there are none.

    A correct person has one head that touches the torso, one torso, two arms that touch its upper half, two legs that
    touch its lower half, and every part in the range of `proportions`. Up and down follow the body, from head to legs.
    """
    heads, torsos = pieces(parts == _HEAD), pieces(parts == _TORSO)
    found = [] if len(heads) == 1 else [f"{len(heads)} heads"]
    if len(torsos) != 1:
        return [*found, f"{len(torsos)} torsos"]
    for part, name in ((_ARM, "arms"), (_LEG, "legs")):
        count = count_limbs(parts, part)
        found += [f"{count} {name}"] if count != 2 else []
    found += _wrong_joints(parts, heads, torsos[0])
    for name, share, low, high in zip(
        ("body", *PARTS[1:]), shares(parts), proportions.lowest, proportions.highest, strict=True
    ):
        found += [] if low <= share <= high else [f"{name} too {'small' if share < low else 'large'}"]
    return found


def _wrong_joints(parts: np.ndarray, heads: Sequence[np.ndarray], torso: np.ndarray) -> list[str]:
    """Return faults of parts that do not touch the torso or touch its wrong half."""
    near = ndimage.distance_transform_edt(~torso) <= TOUCH * len(parts)
    found = ["head off" for head in heads if not (head & near).any()]
    down = _axis(parts, torso)
    if down is None:
        return found
    along = np.stack(np.nonzero(torso), -1) @ down
    first, last = along.min(), along.max()
    for part, name in ((_ARM, "arm"), (_LEG, "leg")):
        for limb in pieces(parts == part):
            contact = np.stack(np.nonzero(limb & near), -1)
            if not len(contact):
                found.append(f"{name} off")
                continue
            where = (float((contact @ down).mean()) - first) / max(last - first, 1e-9)
            if (where > MIDDLE) == (part == _ARM):
                found.append(f"{name} at the {'hips' if part == _ARM else 'shoulders'}")
    return found


def _axis(parts: np.ndarray, torso: np.ndarray) -> np.ndarray | None:
    """Return the unit vector (row, column) from head to torso or, without a head, from torso to legs."""
    middles = {part: np.argwhere(parts == part).mean(0) for part in (_HEAD, _LEG) if (parts == part).any()}
    trunk = np.argwhere(torso).mean(0)
    if _HEAD in middles:
        down = trunk - middles[_HEAD]
    elif _LEG in middles:
        down = middles[_LEG] - trunk
    else:
        return None
    return down / max(float(np.linalg.norm(down)), 1e-9)
