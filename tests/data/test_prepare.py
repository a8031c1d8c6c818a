"""Splits by garment item and person, reports of refused rows, and resuming to the same bytes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import photographs
import pytest
from fixtures_pairs import photograph, prepare_all
from import_graph import ROOT

from atelier.common.errors import UserError
from atelier.common.records import Item, read_rows
from atelier.config import Prepare, read_params
from atelier.data.prepare import assign_splits, open_shards
from atelier.data.schemas import ParsedRow, Request, read_items
from atelier.data.shards import SHARD, RowRecord

RENDERED = Prepare(
    size=16, fit="letterbox", seen="world:studio", seen_schema="deepfashion", seen_rows=240,
    unseen="world:street", unseen_schema="fashionpedia", unseen_rows=5, columns="", find_masks=False,
    max_refused=0.05, seed=7,
)  # fmt: skip
READ_ITEMS = "atelier.data.prepare.read_items"


def records(*owners: tuple[str, str]) -> list[RowRecord]:
    """Make a record for each (garment item, person)."""
    return [RowRecord(str(n), f"row {n}", item_id=item, person_id=who) for n, (item, who) in enumerate(owners)]


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch) -> Path:
    """The folder of the checkpoints."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))
    return tmp_path / "root"


@pytest.fixture
def prepare(tmp_path, monkeypatch) -> Callable[..., tuple[Path, dict[str, Any]]]:
    """Prepare items, from another source if one is given; return their file and the report."""

    def run(
        params: Prepare, source: "Source | None" = None, name: str = "items.parquet"
    ) -> tuple[Path, dict[str, Any]]:
        if source:
            monkeypatch.setattr(READ_ITEMS, source.read)
            monkeypatch.setattr("atelier.data.prepare.write_sheets", lambda *_: None)  # its pictures are none
        return tmp_path / name, prepare_all(params, tmp_path / name)

    return run


def test_the_rendered_source_is_split_by_item_and_by_person(prepare):
    path, report = prepare(RENDERED)
    items = read_rows(path, Item)
    for key in ("item_id", "person_id"):
        splits = {(getattr(item, key), item.split) for item in items if item.domain == "seen"}
        assert len(splits) == len({owner for owner, _ in splits}), key
    assert report["seen"]["splits"] == {"train": 192, "val": 24, "test": 24}  # 30 items of 8 pictures
    assert report["seen"]["refused"] == {"total": 0}  # no two items share a person
    assert {item.split for item in items if item.domain == "unseen"} == {"test"}
    assert report["unseen"]["remarks"] == {"no mask": 5}
    assert len({item.image_id for item in items}) == len(items) == 245


def test_the_split_depends_only_on_ids():
    rows = records(*[(f"item-{n % 40}", "") for n in range(120)])
    splits = {one.item_id: one.split for one in assign_splits(rows, seed=1)}
    assert {one.item_id: one.split for one in assign_splits(rows[::-1], seed=1)} == splits
    assert {one.item_id: one.split for one in assign_splits(rows, seed=2)} != splits
    assert sorted(splits.values()).count("train") == 32
    assert sorted(splits.values()).count("val") == sorted(splits.values()).count("test") == 4


def test_a_person_belongs_to_one_split():
    rows = assign_splits(records(*[(f"item-{n}", f"person-{n % 7}") for n in range(60)]), seed=1)
    splits = {(one.person_id, one.split) for one in rows if not one.refused}
    assert len(splits) == len({person for person, _ in splits})
    assert {(one.refused, one.split) for one in rows if one.refused} == {("person in another split", "")}
    nameless = assign_splits(records(*[(f"item-{n}", "") for n in range(60)]), seed=1)
    assert not any(one.refused for one in nameless)


def test_three_items_fill_every_split_and_fewer_cannot_be_split():
    for count in (3, 4, 9):
        rows = assign_splits(records(*[(f"item-{n}", "") for n in range(count)]), seed=1)
        assert {one.split for one in rows} == {"train", "val", "test"}, count
    with pytest.raises(UserError, match="holds 2 usable garment items; train, val and test need one each"):
        assign_splits(records(("a", ""), ("a", ""), ("b", "")), seed=1)


def test_too_many_refused_rows_stop_the_run_which_resumes_with_a_higher_limit(tmp_path, root, prepare, monkeypatch):
    changes = {"seen": str(photographs.write_seen(tmp_path)), "max_refused": 0.03, "unseen_rows": 1}
    params, bad = RENDERED.model_copy(update=changes), "seen.parquet row 24, seen-000024-id_00000008_04_1_front"
    over = r"1 of 25 rows are refused, over prepare.max_refused \(0.03\); 1 of them: corrupt picture; the first is "
    with pytest.raises(UserError, match=over + bad):
        prepare(params)
    assert not (tmp_path / "items.parquet").exists()
    requested = []
    monkeypatch.setattr(READ_ITEMS, lambda request: requested.append(request.where) or read_items(request))
    path, report = prepare(params.model_copy(update={"max_refused": 0.04}))
    assert len(read_rows(path, Item)) == 25
    assert requested == ["world:street"]  # the seen source is not read again
    assert list((root / ".ckpt").iterdir()) == []
    seen = report["seen"]
    assert (seen["rows"], seen["kept"]) == (25, 24)
    assert seen["refused"] == {"total": 1, "corrupt picture": 1}
    assert seen["first_refused"] == {"01": f"{bad}: corrupt picture"}
    assert seen["remarks"] == {"empty mask": 1, "no mask": 1}


def test_a_source_without_usable_rows_stops_the_run_at_any_limit(tmp_path, prepare):
    source = photographs.write_deepfashion(tmp_path / "seen.parquet", photographs.seen_rows()[-1:])
    params = RENDERED.model_copy(update={"seen": str(source), "max_refused": 1.0, "unseen_rows": 1})
    with pytest.raises(UserError, match="1 of 1 rows are refused"):
        prepare(params)


BLANK = photograph("01", "a caption", mask=None)


class Source:
    """A source without decoding: row 3 of every 50 is refused; it is interrupted at row `cut`."""

    def __init__(self, size: int, *, cut: int | None = None) -> None:
        self.size, self.cut = size, cut
        self.starts: dict[str, int] = {}

    def read(self, request: Request) -> Iterator[ParsedRow]:
        domain = request.domain
        self.starts[domain] = request.start
        for number in range(request.start, min(request.rows, self.size)):
            if self.cut == number:
                raise KeyboardInterrupt
            name = f"{domain}-{number:06d}-{number % 100}"
            words = {"image_id": name, "domain": domain, "split": "", "item_id": f"item-{number // 3}"}
            item = None if number % 50 == 3 else replace(BLANK, **words, image=b"png" * number)
            refused = "" if item else "corrupt picture"
            yield ParsedRow(name, item, refused, ("no mask",) if item else (), where=f"{request.where} row {number}")


ROWS = 2 * SHARD + 9
LONG = RENDERED.model_copy(update={"seen": "long", "seen_rows": 3 * SHARD, "unseen": "short", "unseen_rows": 30})


@pytest.fixture
def undisturbed(prepare) -> tuple[bytes, dict[str, Any]]:
    path, report = prepare(LONG, Source(ROWS), "undisturbed.parquet")
    return path.read_bytes(), report


@pytest.mark.parametrize(("cut", "start"), [(5, 0), (SHARD, SHARD), (SHARD + 7, SHARD), (2 * SHARD + 8, 2 * SHARD)])
def test_an_interrupted_run_resumes_after_its_last_complete_shard(cut, start, undisturbed, tmp_path, root, prepare):
    with pytest.raises(KeyboardInterrupt):
        prepare(LONG, Source(ROWS, cut=cut))
    assert not (tmp_path / "items.parquet").exists()
    again = Source(ROWS)
    path, report = prepare(LONG, again)
    assert again.starts == {"seen": start, "unseen": 0}
    assert (path.read_bytes(), report) == undisturbed
    assert list((root / ".ckpt").iterdir()) == []


def test_an_interrupted_write_does_not_read_again(undisturbed, prepare, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("atelier.data.prepare.write_rows", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepare(LONG, Source(ROWS))
    again = Source(ROWS)
    path, report = prepare(LONG, again)
    assert again.starts == {}
    assert (path.read_bytes(), report) == undisturbed


def test_other_settings_do_not_resume_from_these_shards(prepare):
    source = Source(2 * SHARD, cut=SHARD + 1)
    for change in ({}, {"size": 32}, {"seen": "other"}, {"fit": "crop"}, {"seed": 8}):
        with pytest.raises(KeyboardInterrupt):
            prepare(LONG.model_copy(update=change), source)
        assert source.starts == {"seen": 0}, change


def test_the_report_counts_repeated_ids_and_names_refused_rows_by_reason(undisturbed):
    _, report = undisturbed
    seen, refused = report["seen"], len(range(3, ROWS, 50))
    assert seen["rows"] == ROWS
    assert seen["refused"] == {"total": refused, "corrupt picture": refused}
    assert seen["first_refused"]["02"] == "long row 53, seen-000053-53: corrupt picture"
    repeated = sum(number % 50 != 3 for number in range(100, ROWS))
    assert seen["remarks"] == {"no mask": ROWS - refused, "repeated id": repeated}
    assert report["unseen"]["remarks"] == {"no mask": 29}


PROCESS = """import sys
from pathlib import Path
from atelier.config import Prepare
from fixtures_pairs import prepare_all
prepare_all(Prepare.model_validate_json(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_a_killed_and_repeated_run_writes_the_same_bytes(tmp_path, root):
    """Kill a process with SIGKILL once two shards are complete, and run another one."""
    params = RENDERED.model_copy(update={"seen_rows": 6 * SHARD})
    prepare_all(params, tmp_path / "undisturbed.parquet")

    def start() -> subprocess.Popen:
        words = [params.model_dump_json(), str(tmp_path / "killed.parquet")]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests/fixtures'}", "OMP_NUM_THREADS": "1"}
        return subprocess.Popen([sys.executable, "-c", PROCESS, *words], env=environment, stderr=subprocess.DEVNULL)

    def wait_for(part: int, process: subprocess.Popen) -> None:
        while not list(root.glob(f".ckpt/*/seen/shard-{part:06d}")):
            assert process.poll() is None
            time.sleep(0.01)

    killed = start()
    wait_for(1, killed)
    killed.kill()
    killed.wait()
    assert not (tmp_path / "killed.parquet").exists()
    before = {part: part.stat().st_mtime_ns for part in root.glob(".ckpt/*/seen/shard-*")}
    assert 2 <= len(before) < 6
    repeated = start()
    wait_for(len(before), repeated)
    assert {part: part.stat().st_mtime_ns for part in before} == before
    assert repeated.wait() == 0
    assert (tmp_path / "killed.parquet").read_bytes() == (tmp_path / "undisturbed.parquet").read_bytes()
    assert list((root / ".ckpt").iterdir()) == []


def test_other_stored_shots_are_another_run(tmp_path, monkeypatch):
    """Rows of the photographic world depend on its shots, those of the drawings do not."""
    models = read_params(ROOT / "params.yaml").models
    settings = RENDERED, RENDERED.model_copy(update={"seen": "photographs:studio"})
    drawn, photographed = (open_shards(one, models).folder for one in settings)
    other = tmp_path / "shots"
    other.mkdir()
    (other / "index.json").write_bytes((ROOT / "data" / "world" / "index.json").read_bytes() + b"\n")
    monkeypatch.setenv("ATELIER_WORLD", str(other))
    assert open_shards(settings[0], models).folder == drawn
    assert open_shards(settings[1], models).folder != photographed
