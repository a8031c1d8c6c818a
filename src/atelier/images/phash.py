"""Perceptual hashes (pHash, 64 bits as 16 hex digits): near duplicates differ in few bits."""

from collections.abc import Sequence

import imagehash
import numpy as np
from PIL import Image

CHUNK = 128  # fingerprints compared with all others at a time: 1 MB per thousand others


def fingerprint(pixels: np.ndarray) -> str:
    """Return the pHash of a picture, uint8 (H, W, 3), as 16 hex digits, most significant bit first."""
    return np.packbits(imagehash.phash(Image.fromarray(pixels)).hash).tobytes().hex()


def to_bits(fingerprints: Sequence[str]) -> np.ndarray:
    """Convert fingerprints to uint64 (len(fingerprints),), most significant digit first."""
    return np.asarray([int(digits, 16) for digits in fingerprints], np.uint64)


def near(fingerprints: Sequence[str], others: Sequence[str], bits: int) -> np.ndarray:
    """Return for each fingerprint whether any of `others` differs in at most `bits` bits: bool (len(fingerprints),)."""
    left, right = to_bits(fingerprints), to_bits(others)
    if right.size == 0:
        return np.zeros(left.size, bool)
    found = [
        (np.bitwise_count(left[start : start + CHUNK, None] ^ right[None]) <= bits).any(axis=1)
        for start in range(0, left.size, CHUNK)
    ]
    return np.concatenate(found) if found else np.zeros(0, bool)
