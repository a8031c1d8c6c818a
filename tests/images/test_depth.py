"""Integers of more than 8 bits by their range: right for 8, 12 and 16 bits, refused where the range is unknown."""

import struct

import numpy as np
import pytest
from PIL import Image
from schema_files import as_bytes

from atelier.common.errors import RefusedError
from atelier.images import depth
from atelier.images.decode import decode_picture
from atelier.images.depth import full_scale, strips, to_8_bits

RAMP = np.tile(np.arange(256), (9, 1))  # 256 × 9, every level


def stored(values: np.ndarray, mode: str) -> Image.Image:
    kind = {"I": "<i4", "I;16B": ">u2"}.get(mode, "<u2")
    return Image.frombytes(mode, values.shape[::-1], values.astype(kind).tobytes())


@pytest.mark.parametrize("mode", depth.MODES)
@pytest.mark.parametrize(("factor", "white"), [(1, 255), (257, 65535)])
def test_8_and_16_bits_give_the_same_picture_in_every_mode(mode, factor, white):
    picture = stored(RAMP * factor, mode)
    assert full_scale(picture) == white
    np.testing.assert_array_equal(np.asarray(decode_picture(picture).pixels)[..., 1], RAMP)


@pytest.mark.parametrize("kind", [np.int32, np.uint16])
def test_a_tiff_of_wide_integers_that_hold_0_to_255_is_not_black(kind):
    found = decode_picture(as_bytes(Image.fromarray(RAMP.astype(kind)), "TIFF")).pixels
    np.testing.assert_array_equal(np.asarray(found), np.repeat(RAMP[..., None], 3, axis=2))


@pytest.mark.parametrize(
    ("low", "high"), [(-1, 255), (0, 65536), (-(2**31), 2**31 - 1), (0, 256), (0, 1000), (0, 4095), (4000, 4095)]
)
def test_a_range_that_nothing_tells_is_refused(low, high):
    picture = stored(np.where(RAMP < 100, low, high), "I")
    with pytest.raises(RefusedError, match="pixel values of unknown range"):
        decode_picture(picture)


def test_16_bits_are_rounded_to_the_nearest_level():
    values = np.tile(np.arange(0, 65536, 97), (8, 1))
    found = np.asarray(to_8_bits(stored(values, "I;16"))).astype(float)
    assert np.abs(found - values / 257).max() <= 0.5


def test_a_tiff_that_says_12_bits_is_of_12_bits():
    values = np.tile(np.arange(0, 4096, 16), (8, 1))  # 256 × 8
    pairs = values.reshape(-1, 2).astype(np.uint32)
    packed = (pairs[:, 0] << 12 | pairs[:, 1]).astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    tags = {256: 256, 257: 8, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: len(packed)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    tiff = b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + struct.pack("<H", len(tags)) + entries + bytes(4)
    found = np.asarray(decode_picture(tiff).pixels)[..., 0]
    np.testing.assert_allclose(found, values / 4095 * 255, atol=0.51)


def test_strips_cover_a_picture_once(monkeypatch):
    monkeypatch.setattr(depth, "_STRIP", 700)
    picture = stored(RAMP, "I;16")
    np.testing.assert_array_equal(np.concatenate([values for _, values in strips(picture)]), RAMP)
    assert [area[1] for area, _ in strips(picture)] == [0, 2, 4, 6, 8]
    np.testing.assert_array_equal(np.asarray(to_8_bits(picture)), RAMP)
