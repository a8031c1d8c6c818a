"""Decoding pictures, masks and boxes: formats, modes, orientations and errors."""

import io
import itertools
from pathlib import Path
from unittest.mock import Mock

import fsspec
import numpy as np
import pytest
from PIL import Image, ImageOps
from schema_files import as_bytes, png_header

from atelier.common.errors import RefusedError, UserError
from atelier.images.boxes import box_of
from atelier.images.decode import Picture, PictureFile, decode_mask, decode_picture, turn_box
from atelier.images.tensors import MAX_PIXELS

GREY = Image.fromarray(np.tile(np.arange(0, 240, 4, dtype=np.uint8), (40, 1)))  # 60 × 40

MODES = {"PNG": ("L", "RGB", "RGBA", "LA", "P", "1", "I;16"), "JPEG": ("L", "RGB", "CMYK"), "GIF": ("P",),
         "TIFF": ("L", "RGB", "RGBA", "CMYK", "1", "I;16"), "BMP": ("L", "RGB"), "WEBP": ("RGB", "RGBA"),
         "AVIF": ("L", "RGB", "RGBA")}  # fmt: skip
MALFORMED_BOXES = (None, [], "box", [1, 2, 3], [1, [2], 3, 4], [1, 2, float("nan"), 4])
OUTSIDE_OR_EMPTY_BOXES = ([70, 50, 90, 60], [9, 9, 9, 20], [0, 0, 10**400, 9])


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes])
def test_every_mode_becomes_rgb(kind, mode):
    deep = Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257)
    picture = deep if mode == "I;16" else GREY.convert("RGB").convert(mode) if mode == "CMYK" else GREY.convert(mode)
    found = decode_picture({"bytes": as_bytes(picture, kind), "path": None}).pixels
    assert (found.mode, found.size) == ("RGB", (60, 40))
    if mode != "1":
        np.testing.assert_allclose(np.asarray(found)[..., 0], np.asarray(GREY), atol=6)


def test_transparency_is_composited_over_white():
    clear = Image.new("RGBA", (9, 8), (10, 20, 30, 0))
    clear.putpixel((1, 2), (10, 20, 30, 255))
    pixels = np.asarray(decode_picture(as_bytes(clear)).pixels)
    assert pixels[2, 1].tolist() == [10, 20, 30]
    assert pixels[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("side", [8001, 12_000, 60_000])  # below and above Pillow's own limit
def test_a_huge_picture_is_refused_before_it_is_decoded(side):
    assert side**2 > MAX_PIXELS
    with pytest.raises(RefusedError, match="too many pixels"):
        decode_picture(png_header(side, side))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no picture"),
        ({"bytes": None, "path": None}, "no picture"),
        (b"", "no picture"),
        ({"bytes": None, "path": "/nowhere/at/all.png"}, "no such file"),
        (as_bytes(GREY)[:60], "corrupt picture"),
        (PictureFile(Path("/nowhere"), "a.png"), "no such file"),
        (PictureFile(Path("/nowhere"), "../a.png"), "name leads out of its folder"),
        (as_bytes(Image.new("L", (7, 90))), "too few pixels"),
        (as_bytes(Image.new("F", (60, 40)), "TIFF"), "floating-point picture"),
    ],
)
def test_unreadable_pictures_are_refused(value, reason):
    with pytest.raises(RefusedError, match=reason):
        decode_picture(value)


def test_a_picture_may_be_a_path_or_a_file_below_a_folder(tmp_path):
    GREY.save(tmp_path / "a.png")
    for value in ({"bytes": None, "path": str(tmp_path / "a.png")}, PictureFile(tmp_path, "./a.png")):
        assert decode_picture(value).pixels.size == (60, 40)


def test_a_picture_on_the_hub_is_fetched_and_a_failing_hub_stops_the_run(monkeypatch):
    path = "hf://datasets/a/b@main/0.png"
    fetch = Mock(side_effect=[io.BytesIO(as_bytes(GREY)), ConnectionError("no\nroute")])
    monkeypatch.setattr(fsspec, "open", fetch)
    assert decode_picture({"bytes": None, "path": path}).pixels.size == (60, 40)
    fetch.assert_called_once_with(path, "rb")
    with pytest.raises(UserError, match=rf"^{path}: cannot be fetched: no route$"):
        decode_picture({"bytes": None, "path": path})


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow on damaged TIFF
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "AVIF"])
def test_damaged_bytes_refuse_only_their_row(kind):
    rng, encoded = np.random.default_rng(5), as_bytes(GREY, kind)
    for _ in range(60):
        damaged = bytearray(encoded)
        for position in rng.integers(len(encoded), size=4):
            damaged[position] = rng.integers(256)
        try:
            picture = decode_picture(bytes(damaged)).pixels
        except RefusedError:
            continue
        assert picture.mode == "RGB"


HALF = np.zeros((40, 60), bool)
HALF[10:30, 5:25] = True
UPRIGHT = Picture(GREY.convert("RGB"), (60, 40), 1)
LEVELS = HALF.astype(np.uint8)
PALETTE = Image.fromarray(LEVELS, mode="P")
PALETTE.putpalette([0, 0, 0, 200, 30, 30])
MASKS = {
    f"{mode} {outside} {inside}": Image.fromarray(np.where(HALF, inside, outside).astype(np.uint8)).convert(mode)
    for mode, (outside, inside) in itertools.product(("L", "RGB", "LA"), ((0, 1), (0, 255), (3, 250), (0, 128)))
} | {
    "one bit": Image.fromarray(HALF),
    "16 bits": Image.fromarray(HALF.astype(np.uint16) * 65535),
    "palette": PALETTE,
    "transparent outside": Image.fromarray(np.dstack([LEVELS * 0 + 255] * 3 + [LEVELS * 255])),
    "twice the size": Image.fromarray(HALF).resize((120, 80), Image.Resampling.NEAREST),
}


@pytest.mark.parametrize("form", MASKS)
def test_masks_in_every_common_form(form):
    np.testing.assert_array_equal(decode_mask(as_bytes(MASKS[form]), UPRIGHT), HALF)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(60, 40), (40, 40)])
def test_picture_mask_and_box_are_turned_together(orientation, size):
    """A bright patch, its mask and its box stay aligned under each EXIF orientation."""
    pixels, exif = np.zeros(size[::-1], np.uint8), Image.Exif()
    pixels[4:16, 20:38] = 255
    exif[0x0112] = orientation
    stored = Image.fromarray(pixels)
    picture = decode_picture(as_bytes(stored, exif=exif))
    assert picture.pixels.size == (size if orientation < 5 else size[::-1])
    patch = np.asarray(picture.pixels)[..., 0] > 128
    independent = ImageOps.exif_transpose(Image.open(io.BytesIO(as_bytes(stored, exif=exif))))
    np.testing.assert_array_equal(patch, np.asarray(independent) > 128)
    np.testing.assert_array_equal(decode_mask(as_bytes(stored), picture), patch)
    assert turn_box([20, 4, 38, 16], size, picture) == pytest.approx(box_of(patch))
    if size[0] != size[1] and orientation > 4:  # a box in the frame of the upright picture is unchanged
        assert turn_box([4, 20, 16, 38], size[::-1], picture) == pytest.approx([4, 20, 16, 38])


@pytest.mark.parametrize("box", [*MALFORMED_BOXES, *OUTSIDE_OR_EMPTY_BOXES])
def test_unusable_boxes_are_refused(box):
    with pytest.raises(RefusedError, match="no usable box"):
        turn_box(box, (60, 40), UPRIGHT)
