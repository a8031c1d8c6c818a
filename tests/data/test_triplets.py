"""Data sets of triplets: MagicBrush, InstructPix2Pix samples, and any with named columns."""

import numpy as np
import pytest
import schema_files as files
from datasets import Image as Encoded
from datasets import Value
from PIL import Image
from schema_files import BASE, INSIDE, as_bytes, embed, letterboxed, mask_bytes, read, region_bytes

from atelier.common.errors import UserError
from atelier.data.schemas.triplets import parse_columns
from atelier.images.tensors import from_png

PICTURE = as_bytes(BASE)  # 60 × 40
WHITE = np.dstack([np.where(INSIDE, 255, 0)] * 3).astype(np.uint8)
STROKE = np.dstack([np.asarray(BASE), np.where(INSIDE, 200, 255).astype(np.uint8)])


def read_magicbrush(folder, *, fit="letterbox", **changes):
    return read(*files.write_magicbrush(folder, [PICTURE], **changes), size=60, fit=fit)[0]


def test_a_row_of_magicbrush(tmp_path):
    reading = read_magicbrush(tmp_path)
    item = reading.item
    assert (reading.refused, reading.remarks, reading.where) == ("", (), "rows.parquet row 0")
    assert (item.instruction, item.garment, item.item_id) == ("make the shirt red", "shirt", "242679")
    assert (item.image_id, item.target) == ("seen-000000-242679", item.image)
    np.testing.assert_array_equal(from_png(item.mask) > 0, letterboxed(INSIDE))
    assert read_magicbrush(tmp_path, instruction="let it snow").item.garment == "clothes"


def test_a_row_of_instructpix2pix(tmp_path):
    (reading,) = read(*files.write_instructpix2pix(tmp_path, [as_bytes(Image.new("RGB", (60, 40)))]), size=60)
    item = reading.item
    assert (item.instruction, item.garment, item.mask) == ("put her in red jeans", "trousers", None)
    assert reading.remarks == ("no mask",)
    assert from_png(item.target)[10:50].max() == 0
    np.testing.assert_array_equal(from_png(item.image)[10:50], np.asarray(BASE))


def test_columns_of_any_other_name(tmp_path):
    pictures = dict.fromkeys(("before", "after"), embed(PICTURE))
    texts = {"say": "a dress instead", "is": "a man in a coat"}
    features = dict.fromkeys(pictures, Encoded()) | dict.fromkeys(texts, Value("string")) | {"who": Value("int64")}
    where = files.write_table(tmp_path / "rows.parquet", [{**pictures, **texts, "who": 5}], features)
    (reading,) = read(where, "triplets", "source=before, instruction=say,target=after,item=who,caption=is")
    item = reading.item
    assert (item.instruction, item.garment, item.item_id) == ("a dress instead", "dress", "5")
    assert item.caption == "a man in a coat"
    with pytest.raises(UserError, match=r"rows.parquet: no column 'it', which prepare.columns names; this source has"):
        read(where, "triplets", "source=before,instruction=it,target=after")
    unknown = r"the columns of no known triplets \(MagicBrush, InstructPix2Pix\).*set prepare.columns"
    with pytest.raises(UserError, match=unknown):
        read(where, "triplets")


@pytest.mark.parametrize(
    "rest",
    ["", ",instruction=b,target", ",instruction=b,target=,", ",instruction=b,target=c,garment=d",
     ",source=a,instruction=c,target=d"],
)  # fmt: skip
def test_malformed_columns_are_refused(rest):
    form = r"prepare.columns: .* does not have the form source=…,instruction=…,target=…\[,mask=…\]"
    with pytest.raises(UserError, match=form):
        parse_columns(f"source=a{rest}")


@pytest.mark.parametrize(
    ("mask", "tolerance"),
    [
        pytest.param(region_bytes(), 0, id="transparent"),
        pytest.param(as_bytes(Image.fromarray(STROKE)), 0, id="half transparent"),
        pytest.param(mask_bytes(), 0, id="white"),
        pytest.param(as_bytes(Image.fromarray(WHITE), "JPEG", quality=95), 0.01, id="white jpeg"),
        pytest.param(region_bytes(INSIDE.repeat(2, axis=0).repeat(2, axis=1)), 0.01, id="twice the size"),
    ],
)
def test_masks_mark_the_region_to_edit(tmp_path, mask, tolerance):
    found = from_png(read_magicbrush(tmp_path, mask_img=embed(mask)).item.mask) > 0
    assert (found != letterboxed(INSIDE)).mean() <= tolerance


@pytest.mark.parametrize(
    ("mask", "remark"),
    [
        (None, "no mask"),
        (PICTURE, "mask is a picture"),
        (region_bytes(~np.zeros_like(INSIDE)), "mask of the whole picture"),
        (region_bytes(INSIDE[:20]), "mask of another shape"),
    ],
)
def test_without_a_usable_mask_the_pair_is_kept(tmp_path, mask, remark):
    reading = read_magicbrush(tmp_path, mask_img=embed(mask))
    assert (reading.item.mask, reading.remarks) == (None, (remark,))


@pytest.mark.parametrize("fit", ["letterbox", "crop"])
def test_source_target_and_mask_are_fitted_by_one_plan(tmp_path, fit):
    half = BASE.resize((121, 80), Image.Resampling.LANCZOS)  # the same aspect ratio up to rounding
    item = read_magicbrush(tmp_path, target_img=embed(as_bytes(half)), fit=fit).item
    image, target, mask = (from_png(png) for png in (item.image, item.target, item.mask))
    assert np.abs(image.astype(int) - target).max() <= 12
    assert (image[mask > 0][:, 0] < 110).all()  # INSIDE is in the darker half
    assert mask.any()


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"instruction": None}, "no instruction"),
        ({"instruction": " \n"}, "no instruction"),
        ({"source_img": None}, "no picture"),
        ({"target_img": None}, "target: no picture"),
        ({"target_img": embed(as_bytes(BASE.resize((60, 60))))}, "target of another shape"),
    ],
)
def test_an_unusable_pair_is_refused(tmp_path, changes, refused):
    reading = read_magicbrush(tmp_path, **changes)
    assert (reading.item, reading.refused) == (None, refused)
