"""Perceptual fingerprints (pHash, 64 bits, 16 hex digits): two pictures are near when few bits of theirs differ."""

from collections.abc import Sequence

import imagehash
import numpy as np
from PIL import Image

CHUNK = 128  # fingerprints compared with all others at a time: 1 MB for each thousand of those


def fingerprint(pixels: np.ndarray) -> str:
    """pHash of uint8 (H, W, 3) as 16 hex digits, the first bit the highest."""
    return np.packbits(imagehash.phash(Image.fromarray(pixels)).hash).tobytes().hex()


def to_bits(fingerprints: Sequence[str]) -> np.ndarray:
    """Fingerprints as uint64 (len(fingerprints),), the first digit the highest."""
    return np.asarray([int(digits, 16) for digits in fingerprints], np.uint64)


def near(fingerprints: Sequence[str], others: Sequence[str], bits: int) -> np.ndarray:
    """Whether any of `others` differs from each fingerprint in at most `bits` bits: bool (len(fingerprints),)."""
    ours, theirs = to_bits(fingerprints), to_bits(others)
    if theirs.size == 0:
        return np.zeros(ours.size, bool)
    found = [
        (np.bitwise_count(ours[start : start + CHUNK, None] ^ theirs[None]) <= bits).any(axis=1)
        for start in range(0, ours.size, CHUNK)
    ]
    return np.concatenate(found) if found else np.zeros(0, bool)
