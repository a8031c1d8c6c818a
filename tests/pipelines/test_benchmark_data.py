"""The rows that scripts/benchmark_data.py writes, read by the loaders of the published schemas."""

import importlib.util
from types import ModuleType

import pyarrow.parquet as pq
import pytest
from import_graph import ROOT

from atelier.data.schemas import Request, read_items
from atelier.images.tensors import from_png


@pytest.fixture(scope="module")
def scale() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_data", ROOT / "scripts" / "benchmark_data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_seen_rows_have_the_size_and_schema_of_the_real_data(scale, tmp_path):
    path = tmp_path / "seen.parquet"
    scale.write_table(path, scale.SEEN_SCHEMA, scale.seen_rows(0, 6))
    readings = list(read_items(Request(str(path), "deepfashion", "seen", 6, 96, "letterbox", 7)))
    assert [one.refused for one in readings] == [""] * 6
    items = [one.item for one in readings]
    assert {item.item_id for item in items} == {"id_00000000"}
    assert all(item.scene is None and item.mask for item in items)
    assert len({item.fingerprint for item in items}) == 6
    for item in items:  # 512 × 768 in a letterbox: a third of the square's width is padding
        assert (from_png(item.image)[:, [0, 15, 80, 95]] == 255).all()
        assert 0.005 < (from_png(item.mask) > 0).mean() < 0.5


def test_a_shard_continues_the_one_before(scale, tmp_path):
    scale.write_table(tmp_path / "whole", scale.SEEN_SCHEMA, scale.seen_rows(0, 5))
    scale.write_table(tmp_path / "end", scale.SEEN_SCHEMA, scale.seen_rows(3, 5))
    assert pq.read_table(tmp_path / "whole").slice(3).to_pylist() == pq.read_table(tmp_path / "end").to_pylist()


def test_unseen_rows_have_boxes_on_the_enlarged_picture(scale, tmp_path, monkeypatch):
    monkeypatch.setattr(scale, "UNSEEN", 4)
    path = tmp_path / "unseen.parquet"
    scale.write_table(path, scale.UNSEEN_SCHEMA, scale.unseen_rows())
    readings = list(read_items(Request(str(path), "fashionpedia", "unseen", 4, 96, "letterbox", 7)))
    assert [one.refused for one in readings] == [""] * 4
    for one in readings:
        x1, y1, x2, y2 = one.item.box
        assert 16 <= x1 < x2 <= 80
        assert 0 <= y1 < y2 <= 64
