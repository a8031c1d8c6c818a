"""Near-duplicates by perceptual hash (pHash, 64 bits): two pictures are near when few bits of their hashes differ."""

from collections.abc import Sequence

import imagehash
import numpy as np
from PIL import Image

CHUNK = 1024  # hashes compared with all others at a time


def hash_picture(pixels: np.ndarray) -> int:
    """pHash of uint8 (H, W, 3) as 64 bits."""
    return int.from_bytes(np.packbits(imagehash.phash(Image.fromarray(pixels)).hash).tobytes(), "big")


def near(hashes: Sequence[int], others: Sequence[int], bits: int) -> np.ndarray:
    """For each hash, whether any of `others` differs from it in at most `bits` bits: bool (len(hashes),)."""
    ours, theirs = np.asarray(hashes, np.uint64), np.asarray(others, np.uint64)
    if theirs.size == 0:
        return np.zeros(ours.size, bool)
    found = [
        (np.bitwise_count(ours[start : start + CHUNK, None] ^ theirs[None]) <= bits).any(axis=1)
        for start in range(0, ours.size, CHUNK)
    ]
    return np.concatenate(found) if found else np.zeros(0, bool)
