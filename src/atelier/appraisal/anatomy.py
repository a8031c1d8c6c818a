"""Is a painted person put together as people are? Limbs, joints and proportions, from a map of body parts.

The map comes from a segmenter (`find_parts`); the rules are in `faults_of`. Nothing here knows which model painted.

Legend: N pictures, H pixels of a square picture's side; a map of parts is uint8 (H, H), indices in PARTS.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import interpolate

from atelier.errors import UserError
from atelier.mannequins import PARTS

_BACKGROUND, _HEAD, _TORSO, _ARM, _LEG = range(len(PARTS))
_EVERY_WAY = np.ones((3, 3), bool)  # pixels that meet at a corner are connected
LEAST = 0.0025  # of the picture's area: a piece that is smaller is a speck of the segmenter's
REACHES = (0.0, 3 / 64, 6 / 64, 9 / 64, 12 / 64)  # distances from the torso at which limbs are counted, picture sides
TOUCH = 2.6 / 64  # a part that is nearer to another touches it, picture sides
MIDDLE = 0.5  # of the torso's length: arms touch it above, legs below


@dataclass(frozen=True)
class Proportions:
    """Lowest and highest share that each part has of the body's area, and the body of the picture's, if correct."""

    lowest: tuple[float, ...]  # body of the picture, then head, torso, arms, legs of the body
    highest: tuple[float, ...]


def find_parts(folder: str, pictures: Tensor, batch_size: int = 32) -> np.ndarray:
    """Maps of body parts, uint8 (N, H, H), of pictures float32 (N, 3, S, S) in [0, 1]; H is the segmenter's own side.

    Args:
        folder: a SegFormer in transformers' format whose labels are PARTS.

    Raises:
        UserError: there is none, or its labels are others.
    """
    from transformers import SegformerForSemanticSegmentation, SegformerImageProcessor
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        model = SegformerForSemanticSegmentation.from_pretrained(folder, use_safetensors=True).eval()
        processor = SegformerImageProcessor.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: no segmenter of body parts ({' '.join(str(error).split())[:150]})") from None
    labels = tuple(model.config.id2label[number] for number in sorted(model.config.id2label))
    if labels != PARTS:
        raise UserError(f"{folder}: its labels are {', '.join(labels)}; expected {', '.join(PARTS)}")
    mean, std = (torch.tensor(value)[None, :, None, None] for value in (processor.image_mean, processor.image_std))
    side, found = (processor.size["height"], processor.size["width"]), []
    with torch.no_grad():
        for batch in pictures.split(batch_size):
            sized = interpolate(batch, side, mode="bilinear", align_corners=False, antialias=True)
            logits = model(pixel_values=(sized - mean) / std).logits
            full = interpolate(logits, side, mode="bilinear", align_corners=False)
            found.append(full.argmax(1).to(torch.uint8))
    return torch.cat(found).numpy()


def pieces(mask: np.ndarray) -> list[np.ndarray]:
    """The connected pieces of a mask (H, H) that are no specks, each bool (H, H)."""
    numbered, count = ndimage.label(mask, _EVERY_WAY)
    sizes = ndimage.sum_labels(mask, numbered, np.arange(1, count + 1))
    return [numbered == number + 1 for number in range(count) if sizes[number] >= LEAST * mask.size]


def count_limbs(parts: np.ndarray, part: int) -> int:
    """How many arms (3) or legs (4) a map shows.

    Two limbs that meet where they leave the torso come apart further out: the most pieces at any of the REACHES count.
    """
    away = ndimage.distance_transform_edt(parts != _TORSO) if (parts == _TORSO).any() else np.full(parts.shape, np.inf)
    return max(len(pieces((parts == part) & (away > reach * len(parts)))) for reach in REACHES)


def shares(parts: np.ndarray) -> np.ndarray:
    """(5,): the body's share of the picture, then the body's shares that are head, torso, arms and legs."""
    counts = np.bincount(parts.ravel(), minlength=len(PARTS))[1:]
    body = max(int(counts.sum()), 1)
    return np.array([counts.sum() / parts.size, *(counts / body)])


def learn_proportions(maps: Sequence[np.ndarray], slack: float = 0.15) -> Proportions:
    """The range of the shares among maps of correct pictures, widened by a share `slack` of each bound."""
    found = np.stack([shares(one) for one in maps])
    low, high = found.min(0) * (1 - slack), found.max(0) * (1 + slack)
    return Proportions(tuple(low.tolist()), tuple(high.tolist()))


def faults_of(parts: np.ndarray, proportions: Proportions) -> list[str]:
    """What is wrong with the person of a map, in words; empty where nothing is.

    One head that touches the torso, one torso, two arms that touch its upper half, two legs that touch its lower half,
    and every part as large as in correct pictures. Up and down are the body's own: from the head to the legs.
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
    """Parts that touch the torso nowhere, or in its wrong half."""
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
    """Unit vector (row, column) down the body: from the head to the torso, or, without a head, on to the legs."""
    middles = {part: np.argwhere(parts == part).mean(0) for part in (_HEAD, _LEG) if (parts == part).any()}
    trunk = np.argwhere(torso).mean(0)
    if _HEAD in middles:
        down = trunk - middles[_HEAD]
    elif _LEG in middles:
        down = middles[_LEG] - trunk
    else:
        return None
    return down / max(float(np.linalg.norm(down)), 1e-9)
