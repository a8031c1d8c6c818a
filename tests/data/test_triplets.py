"""Data sets of triplets: MagicBrush, InstructPix2Pix samples, and any with named columns."""

import numpy as np
import pytest
import schema_files as files
from datasets import Image as Encoded
from datasets import Value
from PIL import Image
from schema_files import BASE, INSIDE, as_bytes, embed, letterboxed, mask_bytes, read, region_bytes

from atelier.common.errors import UserError
from atelier.data.schemas import NO_CLOTHES
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


CLIP_FILTERED = {"original_prompt": Value("string"), "original_image": Encoded(), "edit_prompt": Value("string"),
                 "edited_prompt": Value("string"), "edited_image": Encoded()}  # fmt: skip
OMNIEDIT = {"omni_edit_id": Value("string"), "task": Value("string"), "src_img": Encoded(), "edited_img": Encoded(),
            "edited_prompt_list": [Value("string")], "width": Value("int64"), "o_score": Value("float64")}  # fmt: skip
IMGEDIT = {"input_images": [Value("string")], "output_images": [Value("string")], "prompt": Value("string")}


def test_a_row_of_the_filtered_instructpix2pix(tmp_path):
    texts = {"original_prompt": "a woman in a coat", "edit_prompt": "make it a dress", "edited_prompt": "a dress"}
    row = texts | dict.fromkeys(("original_image", "edited_image"), embed(PICTURE))
    (reading,) = read(files.write_table(tmp_path / "rows.parquet", [row], CLIP_FILTERED), "triplets")
    item = reading.item
    assert (item.instruction, item.caption, item.garment) == ("make it a dress", "a woman in a coat", "dress")


def test_a_row_of_omniedit_has_a_list_of_instructions(tmp_path):
    row = {"omni_edit_id": "task_7", "task": "attribute_modification", "width": 60, "o_score": 9.0,
           "edited_prompt_list": ["make the skirt blue", "a blue skirt, please"],
           "src_img": embed(PICTURE), "edited_img": embed(as_bytes(Image.new("RGB", (60, 40))))}  # fmt: skip
    (reading,) = read(files.write_table(tmp_path / "rows.parquet", [row], OMNIEDIT), "triplets", size=60)
    item = reading.item
    assert (item.instruction, item.garment, item.item_id) == ("make the skirt blue", "skirt", "task_7")
    assert reading.remarks == ("no mask", "instruction is a list")
    assert from_png(item.target)[10:50].max() == 0


def test_rows_of_imgedit_name_files_beside_the_table(tmp_path):
    folder = tmp_path / "results_remove_part5" / "00094"
    folder.mkdir(parents=True)
    (folder / "original.png").write_bytes(PICTURE)
    (folder / "result.png").write_bytes(as_bytes(Image.new("RGB", (60, 40))))
    source, target = ([f"results_remove_part5/00094/{name}.png"] for name in ("original", "result"))
    rows = [{"input_images": one, "output_images": target, "prompt": "remove the vest"}
            for one in (source, source * 2, [], ["../out.png"], ["results_remove_part5/none.png"])]  # fmt: skip
    readings = read(files.write_table(tmp_path / "remove_part5.parquet", rows, IMGEDIT), "triplets", size=60)
    refused = ["", "several pictures in input_images", "no picture", "name leads out of its folder", "no such file"]
    assert [reading.refused for reading in readings] == refused
    item = readings[0].item
    assert (item.instruction, item.garment) == ("remove the vest", "vest")
    np.testing.assert_array_equal(from_png(item.image)[10:50], np.asarray(BASE))
    assert from_png(item.target)[10:50].max() == 0


@pytest.mark.parametrize(
    ("instruction", "refused"),
    [
        ("make the jeans black", ""),
        ("change her outfit", ""),
        ("let it snow", NO_CLOTHES),
        ("redress the balance", NO_CLOTHES),
    ],
)
def test_pairs_that_name_no_clothes_can_be_left_out(tmp_path, instruction, refused):
    written = files.write_magicbrush(tmp_path, [PICTURE, b"no picture"], instruction=instruction)
    first, second = read(*written, only_clothes=True)
    assert first.refused == refused
    assert second.refused == (refused or "not a picture")  # before a picture is decoded
    assert read(*written)[0].refused == ""


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
    unknown = r"the columns of no known triplets \(MagicBrush, InstructPix2Pix, .*, ImgEdit\).*set prepare.columns"
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
