"""Boxes and masks only in a frame of the picture's shape; one whose width and height are exchanged is turned."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from schema_files import annotate_deepfashion2, as_bytes, read, write_deepfashion2, write_fashionpedia

from atelier.common.errors import RefusedError
from atelier.images.decode import decode_mask, decode_picture
from atelier.images.frames import Picture, lay_mask, settle_frame, turn_box
from atelier.images.tensors import from_png

WIDTH, HEIGHT = 160, 256
TALL = Image.fromarray(np.tile(np.arange(HEIGHT, dtype=np.uint8)[:, None], (1, WIDTH)))
PICTURE = Picture(TALL.convert("RGB"), TALL.size, 1)
BOX = [18, 90, 148, 155]  # fits both the frame and the exchanged one
IN_SQUARE = [16.5, 22.5, 49.0, 38.75]  # BOX in the picture letterboxed to 64 × 64


def write_coco(folder, frame, box=BOX, polygon=None):
    TALL.save(folder / "1.png")
    x1, y1, x2, y2 = box
    polygon = polygon or [x1, y1, x2, y1, x2, y2, x1, y2]
    worn = {"id": 1, "image_id": 1, "category_id": 0, "bbox": [x1, y1, x2 - x1, y2 - y1], "segmentation": [polygon]}
    images = [{"id": 1, "file_name": "1.png", "width": frame[0], "height": frame[1]}]
    content = {"images": images, "categories": [{"id": 0, "name": "dress"}], "annotations": [worn]}
    (folder / "a.json").write_text(json.dumps(content))
    return read(folder / "a.json", "fashionpedia_json", size=64)[0]


@pytest.mark.parametrize("frame", [(WIDTH, HEIGHT), (HEIGHT, WIDTH)])
def test_box_and_mask_are_the_same_where_width_and_height_are_exchanged(tmp_path, frame):
    item = write_coco(tmp_path, frame).item
    assert item.box == pytest.approx(IN_SQUARE)
    inside = from_png(item.mask) > 0
    assert inside[24:38, 18:48].all()
    assert not inside[:22].any()
    assert inside.sum() == pytest.approx(32.5 * 16.25, abs=32.5 + 16.25)


@pytest.mark.parametrize(
    ("frame", "box", "polygon"),
    [
        ((1024, 1024), BOX, None),
        ((HEIGHT, WIDTH), [18, 90, 200, 155], None),  # too wide for the exchanged frame
        ((HEIGHT, WIDTH), BOX, [18, 90, 230, 90, 148, 155]),
        ((WIDTH, HEIGHT + 9), BOX, None),
        ((100, 100), BOX, None),
    ],
)
def test_a_frame_of_another_shape_makes_box_and_mask_unusable(tmp_path, frame, box, polygon):
    reading = write_coco(tmp_path, frame, box, polygon)
    assert (reading.item, reading.refused) == (None, "frame of another shape")


def test_every_annotated_schema_checks_its_frame(tmp_path):
    objects = {"bbox_id": [0], "category": [0], "bbox": [list(map(float, BOX))], "area": [9]}
    for name, frame, refused in (("a", (256, 160), ""), ("b", (500, 500), "frame of another shape")):
        (tmp_path / name).mkdir()
        sized = {"width": frame[0], "height": frame[1], "objects": objects}
        (reading,) = read(*write_fashionpedia(tmp_path / name, [as_bytes(TALL)], **sized), size=64)
        assert reading.refused == refused
        assert refused or reading.item.box == pytest.approx(IN_SQUARE)
    (tmp_path / "c").mkdir()
    garment = annotate_deepfashion2({"bounding_box": BOX})  # gives no frame: that of the stored picture
    (reading,) = read(*write_deepfashion2(tmp_path / "c", [as_bytes(TALL)], garment), size=64)
    assert reading.item.box == pytest.approx(IN_SQUARE)


@settings(max_examples=60)
@given(st.integers(8, 300), st.integers(8, 300), st.sampled_from([1, 2, 3, 6, 8]), st.floats(0.1, 8), st.data())
def test_a_box_is_never_taken_from_a_frame_of_another_shape(width, height, orientation, scale, data):
    stored = (height, width) if orientation > 4 else (width, height)
    picture = Picture(Image.new("RGB", (width, height)), stored, orientation)
    frame = data.draw(st.tuples(st.integers(1, 3000), st.integers(1, 3000)))
    fits = [same(frame, shape) for shape in (stored, (width, height), stored[::-1])]
    box = [0, 0, frame[0] * 0.4, frame[1] * 0.4]
    if not any(fits):
        with pytest.raises(RefusedError, match="frame of another shape"):
            turn_box(box, frame, picture)
    scaled = (width * scale, height * scale)
    if orientation == 1 and min(scaled) > 4:
        left, top, right, bottom = turn_box([scaled[0] * 0.25, 0, scaled[0], scaled[1] * 0.5], scaled, picture)
        assert (left, top, right, bottom) == pytest.approx((width * 0.25, 0, width, height * 0.5))


def same(frame, shape) -> bool:
    """Whether the frame is the shape at another scale, with one pixel of rounding in any side."""
    (a, b), (c, d) = frame, shape
    return abs(a * d - b * c) <= max(a, b, c, d)


def test_points_decide_whether_an_exchanged_frame_fits():
    assert settle_frame((256, 160), PICTURE, np.array([[0.0, 0.0], [160.4, 256.9]])) == (160, 256)
    for outside in ([170.0, 9.0], [9.0, 258.0], [-3.0, 9.0]):
        with pytest.raises(RefusedError, match="frame of another shape"):
            settle_frame((256, 160), PICTURE, np.array([outside]))


def test_a_mask_is_never_turned_by_guess():
    with pytest.raises(RefusedError, match="mask of another shape"):
        lay_mask(np.eye(WIDTH, HEIGHT, dtype=bool), PICTURE)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_s_orientation_is_that_of_a_jpeg_s(orientation):
    """Pillow turns TIFFs itself: picture, mask in the stored frame, and a mask with an orientation of its own."""
    inside = np.zeros((40, 60), bool)
    inside[4:16, 20:38] = True
    stored, exif = Image.fromarray(inside.astype(np.uint8) * 255), Image.Exif()
    exif[0x0112] = orientation
    expected = decode_picture(as_bytes(stored, exif=exif))
    for options in ({}, {"compression": "tiff_lzw"}):
        tiff = as_bytes(stored, "TIFF", exif=exif, **options)
        found = decode_picture(tiff)
        assert (found.stored, found.orientation) == (expected.stored, orientation)
        upright = np.asarray(expected.pixels)[..., 0] > 128
        np.testing.assert_array_equal(np.asarray(found.pixels)[..., 0] > 128, upright)
        for mask in (as_bytes(stored), as_bytes(stored, exif=exif), tiff):
            np.testing.assert_array_equal(decode_mask(mask, found), upright)
