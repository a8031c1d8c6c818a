"""Own pictures without masks through prepare, pair and mask: before/after pairs, and pictures with captions.

The pictures are rendered and saved as a user would have them, so that the masks that the embedded segmenter finds can
be compared with the exact ones.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from import_graph import ROOT
from PIL import Image
from pipelines import run_stages
from ruamel.yaml import YAML

from atelier.common.records import Item, Triplet, Zones, read_rows
from atelier.data.schemas import Request, read_items
from atelier.images.tensors import from_png, mask_from_png

SIDE, COUNT = 96, 6

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def rendered() -> list[Item]:
    """Six pictures of six upper garments that the four prompts would change, with their exact masks."""
    rows = read_items(Request("world:studio", "deepfashion", "seen", 160, SIDE, "letterbox", 7))
    usable = [row.item for row in rows if row.item and row.item.slot == "upper"]
    usable = [item for item in usable if not re.search("red|blue|striped|floral", item.caption)]
    return list({item.item_id: item for item in usable}.values())[:COUNT]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run prepare, pair and mask on a folder of pictures; return the reports of the three and what they print."""

    def start(schema: str, **pair: float) -> dict[str, Any]:
        values = YAML().load(ROOT / "params.yaml")
        networks = {name: str(ROOT / values["models"][name]) for name in ("editor", "clip", "segmenter")}
        values["models"].update(networks, threads=1)
        values["prepare"].update(seen=str(tmp_path / "mine"), seen_schema=schema, find_masks=True, unseen_rows=8)
        values["pair"].update(probes=4, **pair)
        YAML().dump(values, tmp_path / "params.yaml")
        printed = run_stages(tmp_path, ("prepare", "pair", "mask"))
        reports = {file.stem: json.loads(file.read_text()) for file in (tmp_path / "metrics").glob("*.json")}
        return {"printed": printed, **reports}

    return start


def save(item: Item, path: Path) -> Image.Image:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(from_png(item.image))
    picture.save(path, quality=95)
    return picture


def agreement(mask: bytes, exact: bytes) -> float:
    """Intersection over union of a mask and the exact one, which is larger."""
    found = mask_from_png(mask)
    true = np.asarray(Image.fromarray(from_png(exact)).resize(found.shape, Image.Resampling.BOX)) >= 128
    return (found & true).sum() / (found | true).sum()


def zones_of(folder: Path) -> dict[str, Zones]:
    return {zone.row_id: zone for zone in read_rows(folder / "data/masks/triplets.parquet", Zones)}


def test_before_after_pairs_without_masks(tmp_path, rendered, run):
    for number, item in enumerate(rendered):
        picture = save(item, tmp_path / f"mine/source/look {number}.jpg")
        pixels = np.asarray(picture).copy()
        pixels[from_png(item.mask) > 0] = (200, 30, 30)
        target = tmp_path / f"mine/target/look {number}.png"
        target.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(target)
        target.with_suffix(".txt").write_text(f"make the {item.garment} red")
    reports = run("before_after", triplets=COUNT, aligned=0.0, given=1.0)
    seen = reports["prepare"]["seen"]
    assert (seen["kept"], seen["masks"]) == (COUNT, {"given": 0, "found": COUNT, "none": 0})
    line = f"prepare seen: {COUNT} pictures, {COUNT} with masks (0 given, {COUNT} found); refused 0; check them on"
    triplets, zones = read_rows(tmp_path / "data/pairs/triplets.parquet", Triplet), zones_of(tmp_path)
    assert {one.kind for one in triplets} == {"given"}
    assert {one.split for one in triplets} == {"train", "val", "test"}
    exact = {f"look {number}": item for number, item in enumerate(rendered)}
    for one in triplets:
        item = exact[one.item_id]
        assert (one.instruction, one.garment) == (f"make the {item.garment} red", item.garment)
        assert agreement(zones[one.triplet_id].tight, item.mask) > 0.6
        changed = np.abs(from_png(one.source).astype(int) - from_png(one.target)).max(-1) > 60
        tight = mask_from_png(zones[one.triplet_id].tight)
        assert changed[tight].mean() > 10 * changed[~tight].mean()  # the edit lies in the zone that is found
    assert len(triplets) == len(zones) == COUNT
    assert reports["mask"]["triplets"]["refused"] == {"total": 0}
    assert line in reports["printed"]
    sheets = [tmp_path / f"metrics/prepare/{domain}.jpg" for domain in ("seen", "unseen")]
    assert sum(sheet.stat().st_size for sheet in sheets) < 300_000


def test_pictures_with_captions_in_text_files(tmp_path, rendered, run):
    for number, item in enumerate(rendered):
        save(item, tmp_path / f"mine/{number}.png")
        (tmp_path / f"mine/{number}.txt").write_text(f"The {item.garment} of a {item.gender}.", encoding="utf-8-sig")
    reports = run("folder", triplets=COUNT, aligned=1.0)
    assert reports["prepare"]["seen"]["masks"] == {"given": 0, "found": COUNT, "none": 0}
    assert reports["prepare"]["seen"]["remarks"] == {"mask found": COUNT}
    items = read_rows(tmp_path / "data/prepared/items.parquet", Item)
    captions = [f"The {item.garment} of a {item.gender}." for item in rendered]
    assert [item.caption for item in items if item.domain == "seen"] == captions
    triplets, zones = read_rows(tmp_path / "data/pairs/triplets.parquet", Triplet), zones_of(tmp_path)
    assert triplets
    for one in triplets:
        tight = mask_from_png(zones[one.triplet_id].tight)
        assert one.kind == "aligned"
        np.testing.assert_array_equal(from_png(one.source)[~tight], from_png(one.target)[~tight])
        assert (from_png(one.source)[tight] != from_png(one.target)[tight]).any()
