"""The file of a shot gives back what was packed: coverage and facts exactly, coordinates to a step, light nearly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from atelier.world.shotfile import _decode_cloth, _encode_cloth, pack, read_head, unpack


@given(
    field=arrays(np.int16, (9, 7, 3)),
    covered=arrays(np.bool_, (9, 7)),
)
@settings(max_examples=60)
def test_coordinates_are_decoded_exactly(field, covered):
    np.testing.assert_array_equal(_decode_cloth(_encode_cloth(field, covered), covered), field[covered])


def test_a_plane_of_coordinates_needs_few_bytes():
    y, x = np.mgrid[:64, :64]
    field = np.stack([3 * x + y, 2 * y - x, x], axis=-1).astype(np.int16)
    covered = np.hypot(x - 32, y - 32) < 20
    assert np.count_nonzero(np.frombuffer(_encode_cloth(field, covered), np.uint8)) < 0.1 * 6 * covered.sum()


@pytest.mark.parametrize(("size", "step"), [(48, 2), (192, 1)])
def test_what_is_packed_is_unpacked(make_layers, size, step):
    given, facts = make_layers(size), {"item": 3, "view": "front"}
    data = pack(given, facts)
    stored = unpack(data)
    assert stored.facts == read_head(data)[0]["facts"] == facts
    np.testing.assert_array_equal(stored.alpha, (given.alpha * 255 + 0.5).astype(np.uint8))
    covered = stored.alpha.any(-1)
    np.testing.assert_allclose(stored.cloth[:, :2], given.cloth[covered][:, :2] * 1000, atol=step / 2)
    ratio = stored.shade[covered].mean() / given.shade[covered].mean()  # both lights are exposed alike
    np.testing.assert_allclose(stored.base.mean() / given.base.mean(), ratio, rtol=0.02)
