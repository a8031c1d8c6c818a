"""Unusual and bad rows in every source: read correctly, or refused by name without affecting the next row."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps
from schema_files import BASE, WRITERS, as_bytes, embed, mask_bytes, png_header, read, write_instructpix2pix

from atelier.data.schemas.rows import MAX_TEXT
from atelier.images.letterbox import fit_picture, plan_fit
from atelier.images.tensors import from_png

GOOD = as_bytes(BASE)


def turned(orientation: int) -> bytes:
    """Encode BASE as a camera in one of the eight orientations stores it."""
    exif, undo = Image.Exif(), Image.Exif()
    exif[0x0112], undo[0x0112] = orientation, {6: 8, 8: 6}.get(orientation, orientation)  # the inverse rotation
    stored = ImageOps.exif_transpose(Image.open(io.BytesIO(as_bytes(BASE, exif=undo))))
    return as_bytes(stored, "JPEG", quality=95, exif=exif)


REFUSED = {
    "truncated": (as_bytes(BASE, "JPEG")[:-200], "corrupt picture"),
    "no picture": (b"no picture at all", "not a picture"),
    "one pixel": (as_bytes(BASE.crop((0, 0, 1, 1))), "too few pixels"),
    "200 megapixels": (png_header(20_000, 10_000), "too many pixels"),
}
REDUCED = BASE.quantize(256, dither=Image.Dither.NONE)
READ = {
    "another extension": as_bytes(BASE, "WEBP", lossless=True),
    "16 bits": as_bytes(Image.fromarray(np.asarray(BASE.convert("L")).astype(np.uint16) * 257)),
    "cmyk": as_bytes(BASE.convert("CMYK"), "JPEG", quality=95),
    "palette with alpha": as_bytes(REDUCED, transparency=REDUCED.getpixel((0, 0))),  # the colour of the corner
    **{f"orientation {n}": turned(n) for n in range(1, 9)},
}
BOTH = {**WRITERS, "instructpix2pix": write_instructpix2pix}  # the last one has bad targets


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("source", BOTH)
def test_an_unreadable_picture_is_refused_and_the_next_row_is_read(tmp_path, source, kind):
    data, reason = REFUSED[kind]
    bad, good = read(*BOTH[source](tmp_path, [data, GOOD]))
    assert bad.item is None
    assert bad.refused == (f"target: {reason}" if source == "instructpix2pix" else reason)
    assert bad.where != good.where
    assert bad.where
    assert good.item is not None


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("source", BOTH)
def test_every_readable_picture_is_read_upright(tmp_path, source, kind):
    (reading,) = read(*BOTH[source](tmp_path, [READ[kind]]), size=60)
    assert reading.refused == ""
    png = reading.item.target if source == "instructpix2pix" else reading.item.image
    upright = BASE.convert("L").convert("RGB") if kind == "16 bits" else BASE
    expected = fit_picture(upright, plan_fit(*BASE.size, 60, "letterbox"))
    difference = np.abs(from_png(png).astype(int) - expected)
    if kind == "palette with alpha":
        assert from_png(png)[10, 0].tolist() == [255, 255, 255]
        difference[10:14, :6] = 0  # the transparent corner
    assert difference.mean() < 4
    assert reading.item.fingerprint


MASKS = {
    "another size": (as_bytes(Image.fromarray(np.eye(2, dtype=bool)).resize((120, 80), Image.Resampling.NEAREST)), ""),
    "another shape": (mask_bytes(np.eye(60, 40, dtype=bool)), "mask of another shape"),
    "all black": (mask_bytes(np.zeros((40, 60), bool)), "empty mask"),
    "all white": (mask_bytes(np.ones((40, 60), bool)), "mask of the whole picture"),
    "no picture": (b"?" * 40, "unreadable mask"),
    "truncated": (mask_bytes()[:50], "unreadable mask"),
}


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize(
    ("source", "column", "file"),
    [
        ("deepfashion", "mask", None),
        ("folder", None, "0.mask.png"),
        ("described folder", "mask", "drawn"),
        ("magicbrush", "mask_img", None),
    ],
)
def test_a_bad_mask_gives_a_remark_and_the_picture_is_kept(tmp_path, source, column, file, kind):
    data, remark = MASKS[kind]
    if file:
        (tmp_path / file).write_bytes(data)
    changes = {column: file or embed(data)} if column else {}
    (reading,) = read(*WRITERS[source](tmp_path, [GOOD], **changes), size=60)
    about_masks = [remark for remark in reading.remarks if "mask" in remark]
    assert about_masks == ([remark] if remark else [])
    assert (reading.item.mask is None) == bool(remark)
    if not remark:
        checks = np.zeros((60, 60), bool)
        checks[10:30, :30] = checks[30:50, 30:] = True
        np.testing.assert_array_equal(from_png(reading.item.mask) > 0, checks)


LONG = "red shirt\n" * 10_000


@pytest.mark.parametrize(("source", "garment"), [("deepfashion", {}), ("described folder", {"garment": "shirt"})])
def test_null_and_huge_captions(tmp_path, source, garment):
    (null,), (huge,) = (read(*WRITERS[source](tmp_path, [GOOD], caption=text, **garment)) for text in (None, LONG))
    assert null.item.caption.startswith(("a woman in a ", "a person in a "))
    assert huge.item.caption == ("red shirt " * MAX_TEXT)[:MAX_TEXT].strip()
    assert "caption cut" in huge.remarks
    assert "caption cut" not in null.remarks


def test_huge_instructions(tmp_path):
    (reading,) = read(*WRITERS["magicbrush"](tmp_path, [GOOD], instruction=LONG))
    assert reading.item.instruction == ("red shirt " * MAX_TEXT)[:MAX_TEXT].strip()
    assert reading.remarks == ("instruction cut",)


@pytest.mark.parametrize("source", WRITERS)
def test_repeated_ids_get_distinct_image_ids(tmp_path, source):
    repeated = {"fashionpedia_json": {"id": 23}, "described folder": {"file_name": "0.png"}}.get(source, {})
    readings = read(*WRITERS[source](tmp_path, [GOOD] * 3, **repeated))
    assert len({reading.image_id for reading in readings}) == len({reading.item.image_id for reading in readings}) == 3


@pytest.mark.parametrize("source", WRITERS)
def test_stray_files_are_ignored(tmp_path, source):
    where, schema, columns = WRITERS[source](tmp_path, [GOOD])
    (tmp_path / ".cache").mkdir()
    for stray in (".DS_Store", "._rows.parquet", "._0.png", ".cache/1.png", "Thumbs.db", "notes.txt", "0.mask.png"):
        (tmp_path / stray).write_bytes(b"\0\0\0\1Bud1")
    where = tmp_path if where.endswith(".parquet") else where  # the folder of the shards
    assert [reading.refused for reading in read(where, schema, columns)] == [""]
