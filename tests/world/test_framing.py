"""Parts of pictures: what must stay in them does, labels follow pixels, and mirroring twice gives the picture back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier.world.framing import Framing, sample_framing

SIDE = 32


@given(
    seed=st.integers(0, 10**6), closest=st.floats(0.3, 1), corner=st.tuples(st.integers(0, 28), st.integers(0, 28)),
    extent=st.tuples(st.integers(1, 32), st.integers(1, 32)),
)  # fmt: skip
def test_what_must_stay_is_seen_whole(seed, closest, corner, extent):
    kept = np.zeros((SIDE, SIDE), np.uint8)
    kept[corner[0] : corner[0] + extent[0], corner[1] : corner[1] + extent[1]] = 1
    framing = sample_framing(np.random.default_rng(seed), kept > 0, closest)
    side = framing.side or SIDE
    assert side >= round(closest * SIDE)
    assert framing.show(kept[..., None] * np.uint8(255), side).astype(bool).sum() == kept.sum()


def test_squares_and_mirrored_pictures_occur():
    rng, kept = np.random.default_rng(0), np.zeros((SIDE, SIDE), bool)
    kept[12:20, 12:20] = True
    framings = [sample_framing(rng, kept, 0.6) for _ in range(200)]
    assert 70 < sum(framing.mirrored for framing in framings) < 130
    assert 70 < sum(framing.side > 0 for framing in framings) < 130
    assert len({(framing.left, framing.top) for framing in framings}) > 30


@pytest.mark.parametrize("framing", [Framing(), Framing(True), Framing(False, 4, 6, 20), Framing(True, 0, 5, 24)])
def test_labels_follow_pixels(framing):
    labels = np.random.default_rng(1).integers(0, 4, (SIDE, SIDE), dtype=np.uint8)
    side = framing.side or SIDE
    expected = (labels[:, ::-1] if framing.mirrored else labels)[framing.top :, framing.left :][:side, :side]
    np.testing.assert_array_equal(framing.show_labels(labels, 4, side), expected)
    np.testing.assert_array_equal(framing.show(labels[..., None], side)[..., 0], expected)
    coarse = framing.show_labels(np.repeat(np.repeat(labels, 2, 0), 2, 1), 4, side)
    assert coarse.shape == (side, side)
