"""Shards of rows that were read before an interruption: what is damaged is read again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures_pairs import STUDY

from atelier.data import shards
from atelier.data.schemas import ParsedRow, Request, read_items
from atelier.data.shards import Shards


def rows(start: int = 0) -> Iterator[ParsedRow]:
    """Read the first 20 rendered rows, from `start` on."""
    return read_items(Request("world:studio", "deepfashion", "seen", 20, STUDY.size, "letterbox", 7, "", start))


@pytest.fixture
def stored(tmp_path, monkeypatch) -> Shards:
    """20 rows in shards of 6, read to the end."""
    monkeypatch.setattr(shards, "SHARD", 6)
    found = Shards(tmp_path / "seen")
    found.fill(rows())
    return found


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


DAMAGES = {
    "items cut": (lambda folder: cut(folder / "shard-000002/items.parquet"), 12),
    "records changed": (lambda folder: (folder / "shard-000001/records.json").write_text("[]"), 6),
    "first shard gone": (lambda folder: (folder / "shard-000000").rename(folder / "elsewhere"), 0),
    "last shard gone": (lambda folder: (folder / "shard-000003").rename(folder / "elsewhere"), 18),
    "end damaged": (lambda folder: (folder / "end.json").write_text("{"), 20),
    "end of another count": (lambda folder: (folder / "end.json").write_text('{"shards": 4, "rows": 19}'), 20),
    "nothing": (lambda folder: None, 20),
}


@pytest.mark.parametrize(("damage", "whole"), DAMAGES.values(), ids=DAMAGES)
def test_rows_from_the_first_damaged_shard_on_are_read_again(stored, damage, whole, capsys):
    items, records = list(stored.items()), stored.records()
    assert len(items) == len(records) == 20
    damage(stored.folder)
    stored.check()
    assert len(stored.records()) == whole
    assert stored.complete is (damage is DAMAGES["nothing"][0])
    assert ("set aside" in capsys.readouterr().err) is (whole < 18)
    if not stored.complete:
        stored.fill(rows(whole))
    assert (list(stored.items()), stored.records()) == (items, records)
