"""Unusual and bad rows in every source: read correctly, or refused by name without affecting the next row."""

import io
import json

import numpy as np
import pytest
from PIL import Image, ImageOps
from schema_files import (
    BASE,
    WRITERS,
    as_bytes,
    embed,
    mask_bytes,
    png_header,
    read,
    write_deepfashion,
    write_described_folder,
    write_folder,
    write_instructpix2pix,
    write_magicbrush,
)

from atelier.data.schemas.rows import MAX_TEXT
from atelier.images.letterbox import fit_picture, plan_fit
from atelier.images.tensors import MAX_PIXELS, from_png

GOOD = as_bytes(BASE)


def turned(orientation: int) -> bytes:
    """Encode BASE as a camera in one of the eight orientations stores it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    undone = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)  # the inverse rotation
    undo = Image.Exif()
    undo[0x0112] = undone
    stored = ImageOps.exif_transpose(Image.open(io.BytesIO(as_bytes(BASE, exif=undo))))
    return as_bytes(stored, "JPEG", quality=95, exif=exif)


def with_palette() -> bytes:
    """Encode BASE with 256 colours; that of the corner is transparent."""
    reduced = BASE.quantize(256, dither=Image.Dither.NONE)
    return as_bytes(reduced, transparency=reduced.getpixel((0, 0)))


REFUSED = {
    "truncated": (as_bytes(BASE, "JPEG")[:-200], "corrupt picture"),
    "no picture": (b"no picture at all", "not a picture"),
    "one pixel": (as_bytes(BASE.crop((0, 0, 1, 1))), "too few pixels"),
    "200 megapixels": (png_header(20_000, 10_000), "too many pixels"),
}
DEEP = Image.fromarray(np.asarray(BASE.convert("L")).astype(np.uint16) * 257)
READ = {
    "another extension": as_bytes(BASE, "WEBP", lossless=True),
    "16 bits": as_bytes(DEEP),
    "cmyk": as_bytes(BASE.convert("CMYK"), "JPEG", quality=95),
    "palette with alpha": with_palette(),
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


def test_200_megapixels_exceed_the_limit():
    assert MAX_PIXELS < 200_000_000


MASKS = {
    "another size": (as_bytes(Image.fromarray(np.eye(2, dtype=bool)).resize((120, 80), Image.Resampling.NEAREST)), ""),
    "another shape": (mask_bytes(np.eye(40, dtype=bool)), "mask of another shape"),
    "all black": (mask_bytes(np.zeros((40, 60), bool)), "empty mask"),
    "all white": (mask_bytes(np.ones((40, 60), bool)), "mask of the whole picture"),
    "unreadable": (b"?" * 40, "unreadable mask"),
    "truncated": (mask_bytes()[:50], "unreadable mask"),
}


def mask_deepfashion(folder, data):
    return write_deepfashion(folder, [GOOD], mask=embed(data))


def mask_folder(folder, data):
    dataset = write_folder(folder, [GOOD])
    (folder / "0.mask.png").write_bytes(data)
    return dataset


def mask_described_folder(folder, data):
    (folder / "drawn").write_bytes(data)
    return write_described_folder(folder, [GOOD], mask="drawn")


def mask_magicbrush(folder, data):
    return write_magicbrush(folder, [GOOD], mask_img=embed(data))


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("write", [mask_deepfashion, mask_folder, mask_described_folder, mask_magicbrush])
def test_a_bad_mask_gives_a_remark_and_the_picture_is_kept(tmp_path, write, kind):
    data, remark = MASKS[kind]
    (reading,) = read(*write(tmp_path, data), size=60)
    about_masks = [remark for remark in reading.remarks if "mask" in remark]
    assert about_masks == ([remark] if remark else [])
    assert (reading.item.mask is None) == bool(remark)
    if not remark:
        checks = np.zeros((60, 60), bool)
        checks[10:30, :30] = checks[30:50, 30:] = True
        np.testing.assert_array_equal(from_png(reading.item.mask) > 0, checks)


LONG = "red shirt\n" * 10_000


def caption_deepfashion(folder, text):
    return write_deepfashion(folder, [GOOD], caption=text)


def caption_folder(folder, text):
    return write_described_folder(folder, [GOOD], garment="shirt", caption=text)


@pytest.mark.parametrize("write", [caption_deepfashion, caption_folder])
def test_null_and_huge_captions(tmp_path, write):
    (null,), (huge,) = (read(*write(tmp_path, text)) for text in (None, LONG))
    assert null.item.caption.startswith(("a woman in a ", "a person in a "))
    assert huge.item.caption == ("red shirt " * MAX_TEXT)[:MAX_TEXT].strip()
    assert "caption cut" in huge.remarks
    assert "caption cut" not in null.remarks


def test_huge_instructions(tmp_path):
    (reading,) = read(*write_magicbrush(tmp_path, [GOOD], instruction=LONG))
    assert reading.item.instruction == ("red shirt " * MAX_TEXT)[:MAX_TEXT].strip()
    assert reading.remarks == ("instruction cut",)


@pytest.mark.parametrize("source", WRITERS)
def test_repeated_ids_get_distinct_image_ids(tmp_path, source):
    dataset = WRITERS[source](tmp_path, [GOOD] * 3)
    if source == "fashionpedia_json":
        content = json.loads((tmp_path / "instances.json").read_text())
        content["images"] = [content["images"][0]] * 3
        (tmp_path / "instances.json").write_text(json.dumps(content))
    if source == "described folder":
        line = json.dumps({"file_name": "0.png"})
        (tmp_path / "metadata.jsonl").write_text(f"{line}\n{line}\n{line}")
    readings = read(*dataset)
    assert len({reading.image_id for reading in readings}) == len({reading.item.image_id for reading in readings}) == 3


@pytest.mark.parametrize("source", WRITERS)
def test_stray_system_files_are_ignored(tmp_path, source):
    where, schema, columns = WRITERS[source](tmp_path, [GOOD])
    for stray in (tmp_path / ".DS_Store", tmp_path / "._rows.parquet", tmp_path / "._0.png"):
        stray.write_bytes(b"\0\0\0\1Bud1")
    where = tmp_path if where.endswith(".parquet") else where  # the folder of the shards
    assert [reading.refused for reading in read(where, schema, columns)] == [""]
