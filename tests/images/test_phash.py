"""Fingerprints against the reference library, near pairs against brute force, and robustness."""

import random

import imagehash
import numpy as np
import pytest
from PIL import Image

from atelier.images.phash import fingerprint, near
from atelier.synthetic import fashion


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [np.asarray(row["image"]) for row in fashion.rows("street", 8, 7, 48)]


def apart(a: str, b: str) -> int:
    return (int(a, 16) ^ int(b, 16)).bit_count()


def test_fingerprints_equal_the_hash_library_s_text(pictures):
    for picture in pictures:
        assert fingerprint(picture) == str(imagehash.phash(Image.fromarray(picture)))
    assert len(fingerprint(np.zeros((9, 5, 3), np.uint8))) == 16


def test_near_agrees_with_brute_force():
    rng = random.Random(1)
    hashes, bit = [rng.getrandbits(64) for _ in range(1100)], lambda: 1 << rng.randrange(64)
    others = [h ^ bit() ^ bit() if n % 3 else h for n, h in enumerate(hashes[:300])]
    left, right = ([f"{value:016x}" for value in values] for values in (hashes, others))
    for bits in (0, 1, 2):
        expected = [any((h ^ o).bit_count() <= bits for o in others) for h in hashes]
        assert near(left, right, bits).tolist() == expected
    assert near(left, [], 64).tolist() == [False] * 1100
    assert near([], right, 2).tolist() == []


def test_fingerprints_are_robust_and_discriminative(pictures):
    found = [fingerprint(picture) for picture in pictures]
    brighter = [fingerprint(np.clip(picture * 1.03 + 2, 0, 255).astype(np.uint8)) for picture in pictures]
    assert all(apart(a, b) <= 4 for a, b in zip(found, brighter, strict=True))
    assert min(apart(a, b) for n, a in enumerate(found) for b in found[:n]) > 4
