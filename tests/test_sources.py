"""Foreign pictures in, clean items out: formats, orientation, fitting, schemas, and everything that can be wrong."""

import io
import struct
import zlib

import datasets
import numpy as np
import photographs
import pytest
from PIL import Image, ImageOps

from atelier.errors import UserError
from atelier.garments import CATEGORIES, CLOTH_TYPES, SLOTS, slot_of_label
from atelier.images import MAX_PIXELS, from_png
from atelier.sources import read_items
from atelier.sources.decode import Picture, RefusedError, decode_mask, decode_picture, turn_box
from atelier.sources.fitting import fit_box, fit_mask, fit_picture, plan_fit
from atelier.trimap import box_of

GREY = Image.fromarray(np.tile(np.arange(0, 240, 4, dtype=np.uint8), (40, 1)))  # 60 × 40


def as_bytes(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


# --- decoding -------------------------------------------------------------------------------------------------------


MODES = {"PNG": ("L", "RGB", "RGBA", "LA", "P", "1", "I;16"), "JPEG": ("L", "RGB", "CMYK"), "GIF": ("P",),
         "TIFF": ("L", "RGB", "RGBA", "CMYK", "1", "I;16"), "BMP": ("L", "RGB"), "WEBP": ("RGB", "RGBA")}  # fmt: skip


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes])
def test_every_mode_becomes_rgb(kind, mode):
    deep = Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257)
    picture = deep if mode == "I;16" else GREY.convert("RGB").convert(mode) if mode == "CMYK" else GREY.convert(mode)
    found = decode_picture({"bytes": as_bytes(picture, kind), "path": None}).pixels
    assert (found.mode, found.size) == ("RGB", (60, 40))
    if mode != "1":
        np.testing.assert_allclose(np.asarray(found)[..., 0], np.asarray(GREY), atol=6)


def test_transparency_lies_over_white():
    clear = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    clear.putpixel((1, 2), (10, 20, 30, 255))
    pixels = np.asarray(decode_picture(as_bytes(clear)).pixels)
    assert pixels[2, 1].tolist() == [10, 20, 30]
    assert pixels[0, 0].tolist() == [255, 255, 255]


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


@pytest.mark.parametrize("side", [8001, 12_000, 60_000])  # below and above what Pillow itself refuses
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
        (b"GIF? no", "not a picture"),
        ({"bytes": None, "path": "/nowhere/at/all.png"}, "not a picture"),
        (as_bytes(GREY)[:60], "corrupt picture"),
        (as_bytes(GREY, "JPEG")[:400], "corrupt picture"),
    ],
)
def test_what_is_no_picture_is_refused(value, reason):
    with pytest.raises(RefusedError, match=reason):
        decode_picture(value)


def test_a_picture_may_come_by_its_path(tmp_path):
    GREY.save(tmp_path / "a.png")
    assert decode_picture({"bytes": None, "path": str(tmp_path / "a.png")}).pixels.size == (60, 40)


# --- masks and orientation ------------------------------------------------------------------------------------------

HALF = np.zeros((40, 60), bool)
HALF[10:30, 5:25] = True
UPRIGHT = Picture(GREY.convert("RGB"), (60, 40), 1)


@pytest.mark.parametrize("levels", [(0, 1), (0, 255), (3, 250), (0, 128)])
@pytest.mark.parametrize("mode", ["L", "RGB", "LA"])
def test_masks_in_every_common_mode(levels, mode):
    mask = Image.fromarray(np.where(HALF, *levels[::-1]).astype(np.uint8)).convert(mode)
    np.testing.assert_array_equal(decode_mask(as_bytes(mask), UPRIGHT), HALF)


def test_masks_of_one_bit_of_16_bits_and_of_a_palette():
    palette = Image.fromarray(HALF.astype(np.uint8), mode="P")
    palette.putpalette([0, 0, 0, 200, 30, 30])
    deep = Image.fromarray(HALF.astype(np.uint16) * 65535)
    for mask in (Image.fromarray(HALF), palette, deep):
        np.testing.assert_array_equal(decode_mask(as_bytes(mask), UPRIGHT), HALF)


def test_a_mask_of_another_size_but_the_same_shape_is_scaled():
    mask = decode_mask(as_bytes(Image.fromarray(HALF).resize((120, 80), Image.Resampling.NEAREST)), UPRIGHT)
    np.testing.assert_array_equal(mask, HALF)


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (None, "no mask"),
        (b"nothing of the kind", "unreadable mask"),
        (as_bytes(Image.new("L", (60, 40))), "empty mask"),
        (as_bytes(Image.new("L", (40, 60), 255)), "mask of another shape"),
    ],
)
def test_unusable_masks_are_told_apart(mask, reason):
    with pytest.raises(RefusedError, match=reason):
        decode_mask(mask, UPRIGHT)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(60, 40), (40, 40)])
def test_picture_mask_and_box_are_turned_together(orientation, size):
    """A bright patch, its mask and its box, stored under each EXIF orientation, stay on top of each other."""
    stored = np.zeros(size[::-1], np.uint8)
    stored[4:16, 20:38] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode_picture(as_bytes(Image.fromarray(stored), "PNG", exif=exif))
    assert picture.pixels.size == (size if orientation < 5 else size[::-1])
    patch = np.asarray(picture.pixels)[..., 0] > 128
    independent = ImageOps.exif_transpose(Image.open(io.BytesIO(as_bytes(Image.fromarray(stored), "PNG", exif=exif))))
    np.testing.assert_array_equal(patch, np.asarray(independent) > 128)
    np.testing.assert_array_equal(decode_mask(as_bytes(Image.fromarray(stored)), picture), patch)
    assert turn_box([20, 4, 38, 16], size, picture) == pytest.approx(box_of(patch))
    if size[0] != size[1] and orientation > 4:  # a box in the frame of the upright picture is left as it is
        assert turn_box([4, 20, 16, 38], size[::-1], picture) == pytest.approx([4, 20, 16, 38])


@pytest.mark.parametrize("box", [None, [], [1, 2, 3], [1, 2, float("nan"), 4], [70, 50, 90, 60], [9, 9, 9, 20]])
def test_unusable_boxes_are_refused(box):
    with pytest.raises(RefusedError, match="no usable box"):
        turn_box(box, (60, 40), UPRIGHT)


# --- fitting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", ["letterbox", "crop"])
@pytest.mark.parametrize("size", [(60, 40), (40, 60), (640, 427), (301, 451), (64, 64), (8, 8), (1000, 30)])
def test_picture_mask_and_box_are_fitted_together(fit, size):
    width, height = size
    inside = np.zeros((height, width), bool)
    inside[round(0.3 * height) : round(0.8 * height), round(0.35 * width) : round(0.6 * width)] = True
    plan = plan_fit(width, height, 64, fit)
    picture = fit_picture(Image.fromarray(np.where(inside, 255, 0).astype(np.uint8)).convert("RGB"), plan)
    mask, box = fit_mask(inside, plan), fit_box(box_of(inside), plan)
    assert picture.shape == (64, 64, 3)
    assert set(np.unique(mask)) <= {0, 255}
    left, top, right, bottom = plan.place
    shown = np.zeros((64, 64), bool)
    shown[top:bottom, left:right] = picture[top:bottom, left:right, 0] >= 128
    assert (shown != (mask > 0)).mean() < 0.02
    assert box == pytest.approx(box_of(mask), abs=1.01)


@pytest.mark.parametrize("fit", ["letterbox", "crop"])
@pytest.mark.parametrize("size", [(640, 427), (301, 451)])
def test_a_picture_is_never_squashed(fit, size):
    x, y = np.meshgrid(np.arange(size[0]) - size[0] / 2, np.arange(size[1]) - size[1] / 2)
    mask = fit_mask(x**2 + y**2 < 140**2, plan_fit(*size, 64, fit))
    x1, y1, x2, y2 = box_of(mask)
    assert abs((x2 - x1) - (y2 - y1)) <= 1


def test_a_letterbox_is_padded_in_white_and_outside_every_mask():
    plan = plan_fit(60, 30, 32, "letterbox")
    assert plan.place == (0, 8, 32, 24)
    picture, mask = fit_picture(Image.new("RGB", (60, 30)), plan), fit_mask(np.ones((30, 60), bool), plan)
    assert (picture[:8] == 255).all()
    assert (picture[8:24] == 0).all()
    assert mask[:8].max() == 0
    assert mask[8:24].min() == 255


def test_a_crop_may_leave_nothing_of_a_box():
    assert fit_box([0, 0, 5, 30], plan_fit(60, 30, 32, "crop")) is None


# --- tables of garments ---------------------------------------------------------------------------------------------


def test_the_published_tables_are_complete():
    assert len(CLOTH_TYPES) == 17
    assert len(CATEGORIES) == 13
    assert set(CLOTH_TYPES.values()) | {word for _, word in CATEGORIES} <= SLOTS.keys()


@pytest.mark.parametrize(
    ("label", "slot"),
    [("upper", "upper"), ("Upper-clothes", "upper"), ("Pants", "lower"), ("Dress", "full"), ("skin", None),
     ("top, t-shirt, sweatshirt", "upper"), ("Left-shoe", None), ("background", None)],
)  # fmt: skip
def test_labels_of_segmentation_models(label, slot):
    assert slot_of_label(label) == slot


# --- whole sources --------------------------------------------------------------------------------------------------


def read(where, schema="deepfashion", rows=100, **options):
    options = {"domain": "seen", "size": 32, "fit": "letterbox", "seed": 3} | options
    return list(read_items(str(where), schema, rows=rows, **options))


GOOD = {
    "images": photographs.encode(GREY), "gender": "WOMEN", "pose": "06_1_front", "cloth_type": "Tees_Tanks",
    "pid": "id_00006121", "caption": "a woman in a red t-shirt", "mask": photographs.encode(Image.fromarray(HALF)),
}  # fmt: skip


def deepfashion(path, *changes):
    return photographs.write_deepfashion(path / "rows.parquet", [GOOD | change for change in changes])


def test_a_row_of_deepfashion(tmp_path):
    (reading,) = read(deepfashion(tmp_path, {}))
    item = reading.item
    assert (reading.refused, reading.remarks) == ("", ())
    assert (item.item_id, item.variant, item.view, item.pose) == ("id_00006121", "06", "front", "06_1_front")
    assert (item.gender, item.garment, item.slot) == ("woman", "t-shirt", "upper")
    assert (item.person_id, item.box, item.scene, item.domain) == ("", None, None, "seen")
    assert from_png(item.image).shape == (32, 32, 3)
    assert from_png(item.mask).shape == (32, 32)
    assert item.image_id == "seen-000000-id_00006121_06_1_front"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"images": None}, "no picture"),
        ({"images": {"bytes": as_bytes(GREY)[:60], "path": None}}, "corrupt picture"),
        ({"images": {"bytes": b"x" * 50, "path": None}}, "not a picture"),
        ({"images": {"bytes": png_header(60_000, 60_000), "path": None}}, "too many pixels"),
        ({"pid": ""}, "no pid"),
        ({"pid": None}, "no pid"),
    ],
)
def test_a_bad_row_is_refused_and_the_next_is_read(tmp_path, change, reason):
    first, second = read(deepfashion(tmp_path, change, {}))
    assert (first.item, first.refused) == (None, reason)
    assert second.item is not None


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        ({"mask": None}, "no mask"),
        ({"mask": photographs.encode(Image.new("L", (60, 40)))}, "empty mask"),
        ({"mask": {"bytes": b"?" * 40, "path": None}}, "unreadable mask"),
        ({"mask": photographs.encode(Image.new("L", (9, 40), 255))}, "mask of another shape"),
    ],
)
def test_a_row_without_a_usable_mask_is_kept_without_one(tmp_path, change, remark):
    (reading,) = read(deepfashion(tmp_path, change))
    assert reading.item.mask is None
    assert reading.remarks == (remark,)


def test_a_mask_that_the_crop_leaves_nothing_of(tmp_path):
    edge = np.zeros((40, 60), bool)
    edge[:, :5] = True
    (reading,) = read(deepfashion(tmp_path, {"mask": photographs.encode(Image.fromarray(edge))}), fit="crop")
    assert (reading.item.mask, reading.remarks) == (None, ("empty mask",))


def test_unknown_words_are_counted_not_guessed(tmp_path):
    (reading,) = read(
        deepfashion(tmp_path, {"cloth_type": "Ponchos", "pose": "sitting", "gender": "?", "caption": None})
    )
    item = reading.item
    assert (item.garment, item.slot, item.variant, item.view) == ("clothes", "full", "sitting", "")
    assert (item.gender, item.caption) == ("person", "a person in clothes")
    assert reading.remarks == ("unknown cloth_type", "unknown pose")


def fashionpedia(path, objects, size=(60, 40), picture=GREY):
    row = {"image_id": 7, "image": photographs.encode(picture), "width": size[0], "height": size[1], "objects": objects}
    return photographs.write_fashionpedia(path / "rows.parquet", [row])


def objects(*found):
    categories, boxes = [category for category, _ in found], [list(map(float, box)) for _, box in found]
    return {"bbox_id": list(range(len(found))), "category": categories, "bbox": boxes, "area": [1] * len(found)}


def test_fashionpedia_takes_the_larger_upper_garment(tmp_path):
    worn = objects(
        (6, (0, 20, 60, 40)), (0, (10, 5, 30, 20)), (4, (6, 2, 36, 24)), (10, (0, 0, 60, 40)), (23, (0, 0, 60, 40))
    )
    (reading,) = read(fashionpedia(tmp_path, worn), "fashionpedia", domain="unseen", size=60)
    item = reading.item
    assert (item.garment, item.slot, item.mask, item.domain) == ("jacket", "upper", None, "unseen")
    assert item.box == pytest.approx([6, 12, 36, 34])  # the picture lies 10 px down in its square
    assert item.caption == "a person in a jacket and a shirt and a dress and trousers"
    assert reading.remarks == ("no mask",)


def test_fashionpedia_prefers_full_to_lower_and_knows_names(tmp_path):
    (reading,) = read(fashionpedia(tmp_path, objects((7, (0, 20, 60, 40)), (11, (10, 5, 30, 20)))), "fashionpedia")
    assert (reading.item.garment, reading.item.slot) == ("jumpsuit", "full")
    named = {"image_id": 1, "image": GREY, "objects": [{"category": "Shorts", "bbox": [0, 20, 60, 40]}]}
    from atelier.sources.fashionpedia import read_row
    from atelier.sources.reading import Place

    assert read_row(named, Place(0, "unseen", 32, "crop")).item.garment == "shorts"  # a list of dicts, and no size


def test_a_box_is_scaled_from_the_size_that_the_row_names(tmp_path):
    (reading,) = read(fashionpedia(tmp_path, objects((0, (20, 10, 60, 50))), size=(120, 80)), "fashionpedia", size=60)
    assert reading.item.box == pytest.approx([10, 15, 30, 35])


@pytest.mark.parametrize("found", [objects(), objects((23, (0, 0, 9, 9))), objects((0, (80, 0, 90, 9)))])
def test_without_a_main_garment_a_picture_is_refused(tmp_path, found):
    (reading,) = read(fashionpedia(tmp_path, found), "fashionpedia")
    assert (reading.item, reading.refused) == (None, "no main garment with a usable box")


@pytest.mark.parametrize(("where", "schema"), [("world:studio", "deepfashion"), ("world:street", "fashionpedia")])
def test_the_rendered_world_enters_through_the_same_loaders(where, schema):
    readings = read(where, schema, rows=9)
    items = [reading.item for reading in readings]
    assert len(items) == 9
    assert all(item.scene and item.person_id for item in items)
    assert [item.image for item in items] == [reading.item.image for reading in read(where, schema, rows=9)]
    if schema == "deepfashion":
        for item in items:
            assert from_png(item.mask).any()
    else:
        assert all(item.mask is None and item.box for item in items)


def test_at_most_the_asked_rows_are_read(tmp_path):
    assert len(read(deepfashion(tmp_path, *[{}] * 5), rows=3)) == 3


def test_a_folder_of_parquet_files_is_one_source(tmp_path):
    for name in ("train-00000", "train-00001"):
        photographs.write_deepfashion(tmp_path / f"{name}.parquet", [GOOD | {"pid": name}])
    assert [reading.item.item_id for reading in read(tmp_path)] == ["train-00000", "train-00001"]


def test_a_hub_name_is_streamed_from_its_train_split(tmp_path, monkeypatch):
    source = deepfashion(tmp_path, {}, {})
    whole = datasets.load_dataset("parquet", data_files=str(source), streaming=True)
    asked = []
    monkeypatch.setattr(datasets, "load_dataset", lambda *words, **options: asked.append((words, options)) or whole)
    assert len(read("somebody/garments")) == 2
    assert asked == [(("somebody/garments",), {"streaming": True})]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("world:beach", "no such rendered world; one of world:studio, world:street"),
        ("/nowhere/rows.parquet", "no such file or folder"),
        ("./nowhere", "no such file or folder"),
    ],
)
def test_a_source_that_is_not_there(where, message):
    with pytest.raises(UserError, match=message):
        read(where)


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("Couldn't reach\nthe hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(UserError, match=r"^somebody/garments: cannot be read: Couldn't reach the hub$"):
        read("somebody/garments")


def test_a_source_that_cannot_be_read(tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 but no parquet")
    with pytest.raises(UserError, match=r"rows.parquet: cannot be read: ") as caught:
        read(tmp_path / "rows.parquet")
    assert "\n" not in str(caught.value)


def test_an_empty_source(tmp_path):
    with pytest.raises(UserError, match="holds no parquet files"):
        read(tmp_path)
    with pytest.raises(UserError, match="holds no rows"):
        read(deepfashion(tmp_path))


def test_a_source_of_another_schema(tmp_path):
    with pytest.raises(UserError, match=r"no column 'image_id'; the fashionpedia schema has image_id, image, objects"):
        read(deepfashion(tmp_path, {}), "fashionpedia")
