"""Masks that prepare finds: which garment is looked for, what is refused, what the report and the sheets say."""

import io
from dataclasses import replace

import numpy as np
import pytest
from fixtures_pairs import SIZE, noise, photograph, prepare_all
from import_graph import ROOT
from PIL import Image
from schema_files import as_bytes, mask_bytes
from segmenters import build_segmenter

from atelier.common.records import Item, read_rows
from atelier.config import Prepare, read_params
from atelier.data.check_sheet import MAX_BYTES, ROWS, choose_rows, write_sheets
from atelier.data.found_masks import BATCH, find_missing
from atelier.data.prepare import describe, open_shards
from atelier.data.schemas import ParsedRow
from atelier.data.shards import RowRecord
from atelier.images.tensors import mask_from_png, mask_to_png, to_png

LOWER_HALF = np.arange(SIZE)[:, None].repeat(SIZE, 1) >= SIZE // 2
LEFT_THIRD = LOWER_HALF.T[:, ::-1] & (np.arange(SIZE) < SIZE // 3)
NOTHING = np.zeros((SIZE, SIZE), bool)


def row(number=0, **changes):
    changes = {"mask": None, "image_id": f"seen-{number:06d}-x"} | changes
    return ParsedRow(changes["image_id"], photograph("01", "a caption", **changes), remarks=("no mask", "caption cut"))


@pytest.mark.parametrize(
    ("garment", "found", "slot"),
    [
        ("shirt", {"upper": LEFT_THIRD, "lower": LOWER_HALF}, "upper"),
        ("jeans", {}, None),
        ("trousers", {"upper": LEFT_THIRD, "lower": LOWER_HALF}, "lower"),
        ("dress", {"upper": LEFT_THIRD, "full": NOTHING}, None),
        ("dress", {"upper": LEFT_THIRD}, None),
        ("clothes", {"upper": LEFT_THIRD, "lower": LOWER_HALF, "full": NOTHING}, "upper"),
        ("clothes", {"upper": LEFT_THIRD, "lower": NOTHING, "full": LOWER_HALF}, "full"),
        ("clothes", {"upper": NOTHING, "lower": LOWER_HALF, "full": NOTHING}, None),
    ],
)
def test_the_named_garment_is_looked_for_or_else_the_larger_of_upper_and_full(garment, found, slot):
    given = "trousers" if garment == "jeans" else garment
    (one,) = find_missing(iter([row(garment=given)]), lambda pictures: [found for _ in pictures])
    if slot is None:
        assert (one.item, one.refused, one.remarks) == (None, "no garment found", ())
    else:
        assert one.item.slot == slot
        np.testing.assert_array_equal(mask_from_png(one.item.mask), found[slot])
        assert one.remarks == ("caption cut", "mask found")


def test_a_box_limits_the_mask():
    box = [4.0, 0.0, 20.0, float(SIZE)]
    (one,) = find_missing(iter([row(box=box)]), lambda pictures: [{"upper": LOWER_HALF} for _ in pictures])
    expected = LOWER_HALF.copy()
    expected[:, :4], expected[:, 20:] = False, False
    np.testing.assert_array_equal(mask_from_png(one.item.mask), expected)
    outside = [0.0, 0.0, 9.0, 9.0]
    (one,) = find_missing(iter([row(box=outside)]), lambda pictures: [{"upper": LOWER_HALF} for _ in pictures])
    assert one.refused == "no garment found"


def test_only_what_lacks_a_mask_is_segmented_and_rows_keep_their_order():
    given, refused = row(1, mask=mask_to_png(LEFT_THIRD)), ParsedRow("seen-000002-x", None, "corrupt picture")
    rendered = row(9, scene="{}")
    rows = [row(0), given, refused, *(row(number) for number in range(3, 2 * BATCH + 3))]
    sizes = []

    def find(pictures):
        sizes.append(len(pictures))
        return [{"upper": LOWER_HALF}] * len(pictures)

    found = list(find_missing(iter(rows), find))
    assert [one.image_id for one in found] == [one.image_id for one in rows]
    assert (found[1], found[2]) == (given, refused)
    assert sizes == [BATCH - 2, BATCH, 3]
    assert list(find_missing(iter([given, refused, rendered]), lambda _: pytest.fail("segmented"))) == [
        given,
        refused,
        rendered,
    ]


@pytest.fixture(name="params")
def _params(tmp_path, monkeypatch) -> Prepare:
    """Four pictures, one with a mask, captions in text files."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))
    (tmp_path / "mine").mkdir()
    for n, caption in enumerate(["a red shirt", "a coat", "blue jeans", "a view of the sea"]):
        (tmp_path / "mine" / f"{n}.png").write_bytes(as_bytes(Image.fromarray(noise(n))))
        (tmp_path / "mine" / f"{n}.txt").write_text(caption)
    (tmp_path / "mine" / "0.mask.png").write_bytes(mask_bytes(LEFT_THIRD))
    return Prepare(
        size=SIZE, fit="letterbox", seen=str(tmp_path / "mine"), seen_schema="folder", seen_rows=9, columns="",
        unseen="world:street", unseen_schema="fashionpedia", unseen_rows=2, find_masks=True, max_refused=1.0, seed=7,
    )  # fmt: skip


def test_prepare_counts_the_masks_and_says_where_to_check_them(tmp_path, params):
    segmenter = str(build_segmenter(tmp_path / "segmenter"))  # finds upper everywhere
    report = prepare_all(params, tmp_path / "items.parquet", segmenter=segmenter)
    assert report["seen"]["masks"] == {"given": 1, "found": 2, "none": 0}
    assert report["seen"]["refused"] == {"total": 1, "no garment found": 1}
    assert report["seen"]["first_refused"] == {"01": "2.png, seen-000002-2.png: no garment found"}
    assert report["seen"]["remarks"] == {"mask found": 2, "no garment named": 1}
    items = [item for item in read_rows(tmp_path / "items.parquet", Item) if item.domain == "seen"]
    shares = [mask_from_png(item.mask).mean() for item in items]
    assert shares == [LEFT_THIRD.mean(), 1, 1]
    sheet = tmp_path / "sheets" / "seen.jpg"
    assert sheet.stat().st_size < MAX_BYTES
    line = "3 pictures, 3 with masks (1 given, 2 found); refused 1 (1 no garment found); check them on "
    assert describe(report["seen"], sheet) == line + str(sheet)


def test_masks_are_not_looked_for_unless_asked_and_another_segmenter_reads_again(tmp_path, params):
    models = read_params(ROOT / "params.yaml").models
    quiet = params.model_copy(update={"find_masks": False})
    other = models.model_copy(update={"segmenter": "another/segmenter"})
    assert open_shards(params, models).folder != open_shards(params, other).folder
    assert open_shards(quiet, models).folder == open_shards(quiet, other).folder
    report = prepare_all(quiet, tmp_path / "items.parquet", segmenter="no/such/segmenter")
    assert report["seen"]["masks"] == {"given": 1, "found": 0, "none": 3}


def test_the_rows_of_a_sheet_are_spread_over_the_kept_ones():
    records = [RowRecord(f"{n}", "", refused="x" if n % 2 else "") for n in range(201)]
    chosen = sorted(map(int, choose_rows(records)))
    assert (len(chosen), chosen[0], chosen[-1]) == (ROWS, 0, 200)
    assert not any(number % 2 for number in chosen)
    assert max(np.diff(chosen)) <= 10
    assert choose_rows(records[:3]) == {"0", "2"}


def test_a_sheet_shows_what_is_inside_of_the_mask_in_green(tmp_path):
    plain = to_png(np.full((SIZE, SIZE, 3), 128, np.uint8))
    item = replace(row().item, image=plain, mask=mask_to_png(LOWER_HALF))
    write_sheets(tmp_path / "sheets", {"seen": [item], "unseen": [replace(item, mask=None)]}, {item.image_id: "given"})
    masked, bare = (
        np.asarray(Image.open(tmp_path / "sheets" / f"{domain}.jpg")).astype(int)[22:150, 290:418]
        for domain in ("seen", "unseen")
    )
    green = masked[..., 1] - masked[..., 0] > 40
    assert green[70:120].mean() > 0.98
    assert green[8:58].mean() < 0.02
    assert np.ptp(bare) < 12  # an empty cell


def test_sheets_of_pictures_that_do_not_compress_stay_small(tmp_path):
    rng, side = np.random.default_rng(3), 512
    item = replace(row().item, mask=mask_to_png(np.indices((side, side))[1] % 9 < 4), target=b"", instruction="red it")
    pictures = [to_png(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)) for _ in range(ROWS)]
    items = [replace(item, image=picture, target=picture, image_id=f"{n}") for n, picture in enumerate(pictures)]
    write_sheets(tmp_path / "sheets", {"seen": items}, {f"{n}": "found" for n in range(ROWS)})
    data = (tmp_path / "sheets" / "seen.jpg").read_bytes()
    assert len(data) <= MAX_BYTES
    assert Image.open(io.BytesIO(data)).size[1] == 22 + ROWS // 2 * 134
