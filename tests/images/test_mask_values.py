"""Masks by what their numbers mean: palettes of grey and of labels, alpha, and every mode; none is ever inverted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFilter
from schema_files import as_bytes

from atelier.common.errors import RefusedError
from atelier.images.decode import decode_mask
from atelier.images.frames import Picture
from atelier.images.mask_values import grey_levels, opacity, read_inside

HALF = np.zeros((40, 60), bool)
HALF[10:30, 5:25] = True
UPRIGHT = Picture(Image.new("RGB", (60, 40)), (60, 40), 1)
BLACK_WHITE = Image.fromarray(HALF.astype(np.uint8) * 255)
SOFT = BLACK_WHITE.filter(ImageFilter.GaussianBlur(3))  # many greys, half at the edge of HALF


def indexed(colours: list[tuple[int, int, int]], indices: np.ndarray = HALF, **info: object) -> Image.Image:
    mask = Image.fromarray(indices.astype(np.uint8), mode="P")
    mask.putpalette([level for colour in colours for level in colour])
    mask.info.update(info)
    return mask


def voc_palette() -> list[tuple[int, int, int]]:
    """Return the colour map of PASCAL VOC: three bits of the label go to each of red, green and blue in turn."""
    return [
        tuple(sum((label >> 3 * bit + channel & 1) << 7 - bit for bit in range(3)) for channel in range(3))
        for label in range(256)
    ]


WHITE_FIRST = indexed([(255, 255, 255), (0, 0, 0)], ~HALF)
ADAPTIVE = {"palette": Image.Palette.ADAPTIVE}
PALETTES = {
    "quantised, white first": BLACK_WHITE.quantize(2),
    "white first": WHITE_FIRST,
    "black first": indexed([(0, 0, 0), (255, 255, 255)]),
    "adaptive": BLACK_WHITE.convert("RGB").convert("P", **ADAPTIVE, colors=2),
    "web palette": BLACK_WHITE.convert("RGB").convert("P"),
    "grey palette": BLACK_WHITE.convert("P"),
    "class numbers in a grey palette": Image.fromarray(HALF.astype(np.uint8)).convert("P"),
    "one bit": Image.fromarray(HALF).convert("P"),
    "nearly grey": indexed([(254, 250, 255), (3, 0, 8)], ~HALF),
    "light and dark grey": indexed([(200, 200, 200), (90, 90, 90)], ~HALF),
    "label map": indexed([(0, 0, 0), (128, 0, 0)]),
    "label map, dark colour": indexed([(0, 0, 0), (0, 64, 0)]),
    "label map, blue": indexed([(0, 0, 0), (0, 0, 40)]),
    "label map of many classes": indexed(voc_palette(), HALF * np.arange(1, 61)[None]),
    "label 15 of VOC": indexed(voc_palette(), HALF * 15),
    "white on red": indexed([(255, 255, 255), (90, 0, 0)], ~HALF),
    "red, then black": indexed([(255, 0, 0), (0, 0, 0)], ~HALF),
    "transparent outside": indexed([(255, 255, 255), (250, 250, 250)], HALF, transparency=0),
    "transparent magenta outside": indexed([(255, 0, 255), (255, 255, 255)], HALF, transparency=0),
    "alpha per entry": indexed([(255, 255, 255), (250, 250, 250)], ~HALF, transparency=bytes([255, 30])),
    "index and alpha": WHITE_FIRST.convert("PA"),
    "label map and alpha": indexed([(0, 0, 0), (64, 0, 0)]).convert("PA"),
}


@pytest.mark.parametrize("kind", PALETTES)
@pytest.mark.parametrize("stored", [True, False])
def test_an_indexed_mask_is_read_by_its_palette_s_colours_and_a_label_map_by_its_labels(kind, stored):
    mask = PALETTES[kind]
    if stored and mask.mode == "P":  # PA has no file format; a GIF of greys comes back as L
        for form in ("PNG", "GIF") if kind != "alpha per entry" else ("PNG",):
            np.testing.assert_array_equal(decode_mask(as_bytes(mask, form), UPRIGHT), HALF)
    np.testing.assert_array_equal(read_inside(mask), HALF)


@pytest.mark.parametrize("colours", [2, 3, 8, 64, 256])
@pytest.mark.parametrize("how", ["quantize", "adaptive", "web"])
def test_a_soft_mask_keeps_its_half_through_every_palette(colours, how):
    forms = {"quantize": lambda: SOFT.quantize(colours), "web": lambda: SOFT.convert("RGB").convert("P", dither=0),
             "adaptive": lambda: SOFT.convert("RGB").convert("P", **ADAPTIVE, colors=colours)}  # fmt: skip
    mask = forms[how]()
    greys = np.asarray(mask.convert("L"))
    dark = greys.max() < 128  # 2 colours: the mean of the lighter half
    np.testing.assert_array_equal(read_inside(mask), greys == greys.max() if dark else greys >= 128)
    assert (read_inside(mask) != HALF).mean() < 0.12


def gradient_mode(mode: str) -> Image.Image:
    if mode == "LAB":
        spaces = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(BLACK_WHITE.convert("RGB"), *spaces, outputMode="LAB")
    if mode in ("I", "F") or mode.startswith("I;16"):
        kind = {"I": np.int32, "F": np.float32, "I;16B": ">u2"}.get(mode, "<u2")
        return Image.frombytes(mode, (60, 40), (HALF * (255 if mode == "F" else 65535)).astype(kind).tobytes())
    if mode in ("La", "RGBa"):
        return BLACK_WHITE.convert(mode.upper()).convert(mode)
    return BLACK_WHITE.convert("RGB").convert(mode)


MODES = ["1", "L", "LA", "La", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "HSV", "LAB", "I", "I;16", "I;16L",
         "I;16B", "F"]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_black_and_white_is_the_same_mask_in_every_mode(mode):
    mask = gradient_mode(mode)
    assert mask.mode == mode
    np.testing.assert_array_equal(decode_mask(mask, UPRIGHT), HALF)
    np.testing.assert_array_equal(grey_levels(mask) >= 128, HALF)


@pytest.mark.parametrize("mode", ["LAB", "CMYK", "I;16", "I", "F", "1", "RGBA", "L"])
def test_a_tiff_mask_of_an_odd_mode_is_read(mode):
    np.testing.assert_array_equal(decode_mask(as_bytes(gradient_mode(mode), "TIFF"), UPRIGHT), HALF)


@pytest.mark.parametrize(
    ("kind", "outside", "inside", "reason"),
    [
        (np.uint16, 0, 1, None), (np.uint16, 0, 255, None), (np.uint16, 9, 200, None), (np.uint16, 32767, 32768, None),
        (np.uint16, 0, 1000, "unknown range"), (np.int32, 0, 1, None), (np.int32, 0, 255, None),
        (np.int32, 0, 65535, None), (np.int32, -1, 255, "unknown range"), (np.int32, 0, 2**30, "unknown range"),
        (np.float32, 0, 1, None), (np.float32, 0.49, 0.5, None), (np.float32, 0.2, 0.9, None),
        (np.float32, 100, 130, None), (np.float32, 0, 1e9, "unknown range"), (np.float32, -1, 1, "unknown range"),
        (np.float32, np.nan, 1, "unknown range"), (np.float32, 0, np.inf, "unknown range"),
    ],
)  # fmt: skip
def test_the_half_of_a_high_range_is_inside_and_an_unknown_range_is_refused(kind, outside, inside, reason):
    mask = Image.fromarray(np.where(HALF, inside, outside).astype(kind))
    if reason is None:
        np.testing.assert_array_equal(decode_mask(mask, UPRIGHT), HALF)
        return
    with pytest.raises(RefusedError, match=reason):
        decode_mask(mask, UPRIGHT)


@settings(max_examples=60)
@given(
    st.permutations(range(256)), st.integers(0, 255), st.integers(0, 255), st.sampled_from(["P", "PA"]), st.booleans()
)
def test_the_order_of_a_grey_palette_does_not_matter(order, low, high, mode, reverse):
    """Compared with the mask's own greys, whatever index each stands at."""
    greys = np.where(HALF, max(low, high), min(low, high))
    index_of = np.argsort(order)  # grey → index
    palette = [(grey, grey, grey) for grey in order]
    mask = indexed(palette, index_of[greys[::-1] if reverse else greys]).convert(mode)
    expected = greys >= (max(low, high) if low != high and max(low, high) < 128 else 128)
    np.testing.assert_array_equal(read_inside(mask), expected[::-1] if reverse else expected)


def test_transparent_pixels_are_outside_and_their_alpha_is_given():
    alpha = Image.fromarray(np.where(HALF, 255, 90).astype(np.uint8))
    white = Image.new("L", (60, 40), 255)
    layered = {"LA": (white, alpha), "RGBA": (white, white, white, alpha)}
    masks = [Image.merge(mode, layers) for mode, layers in layered.items()]
    keyed = [Image.fromarray(np.where(HALF, 250, 7).astype(kind)) for kind in (np.uint8, np.uint16)]
    for mask in keyed:
        mask.info["transparency"] = 7
    for mask in (*masks, *keyed):
        np.testing.assert_array_equal(read_inside(mask), HALF)
        assert set(opacity(mask).ravel()) == ({255, 90} if mask in masks else {255, 0})
    assert opacity(white) is None
