"""Splits by garment item and person, reports of refused rows, and resuming to the same bytes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import photographs
import pytest
from fixtures_pairs import photograph
from import_graph import ROOT

from atelier.common.errors import UserError
from atelier.common.records import Item, read_rows
from atelier.config import Prepare
from atelier.data.prepare import assign_splits, prepare_items
from atelier.data.schemas import ParsedRow, Request, read_items
from atelier.data.shards import SHARD, RowRecord

RENDERED = Prepare(
    size=16, fit="letterbox", seen="world:studio", seen_schema="deepfashion", seen_rows=240,
    unseen="world:street", unseen_schema="fashionpedia", unseen_rows=5, columns="", max_refused=0.05, seed=7,
)  # fmt: skip


def records(*owners: tuple[str, str]) -> list[RowRecord]:
    """Make a record for each (garment item, person)."""
    return [RowRecord(str(n), f"row {n}", item_id=item, person_id=who) for n, (item, who) in enumerate(owners)]


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch) -> Path:
    """The folder of the checkpoints."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))
    return tmp_path / "root"


@pytest.fixture
def prepare(tmp_path) -> Callable[[Prepare], tuple[list[Item], dict[str, Any]]]:
    """Prepare items; return the rows, read back, and the report."""

    def run(params: Prepare) -> tuple[list[Item], dict[str, Any]]:
        report = prepare_items(params, tmp_path / "items.parquet")
        return read_rows(tmp_path / "items.parquet", Item), report

    return run


def test_the_rendered_source_is_split_by_item_and_by_person(prepare):
    items, report = prepare(RENDERED)
    seen = [item for item in items if item.domain == "seen"]
    for key in ("item_id", "person_id"):
        splits = {
            name: {item.split for item in seen if getattr(item, key) == name}
            for name in {getattr(i, key) for i in seen}
        }
        assert all(len(found) == 1 for found in splits.values()), key
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
    kept = [one for one in rows if not one.refused]
    for person in {one.person_id for one in kept}:
        assert len({one.split for one in kept if one.person_id == person}) == 1
    refused = [one for one in rows if one.refused]
    assert {(one.refused, one.split) for one in refused} == {("person in another split", "")}
    nameless = assign_splits(records(*[(f"item-{n}", "") for n in range(60)]), seed=1)
    assert not any(one.refused for one in nameless)


@pytest.mark.parametrize("count", [3, 4, 9])
def test_few_items_still_fill_every_split(count):
    rows = assign_splits(records(*[(f"item-{n}", "") for n in range(count)]), seed=1)
    assert {one.split for one in rows} == {"train", "val", "test"}


def test_fewer_than_three_items_cannot_be_split():
    with pytest.raises(UserError, match="holds 2 usable garment items; train, val and test need one each"):
        assign_splits(records(("a", ""), ("a", ""), ("b", "")), seed=1)


def test_refused_rows_are_counted_and_named(tmp_path, prepare):
    source = photographs.write_deepfashion(tmp_path / "seen.parquet", photographs.seen_rows())
    params = RENDERED.model_copy(update={"seen": str(source), "unseen_rows": 1})
    _, report = prepare(params)
    assert report["seen"]["rows"] == 25
    assert report["seen"]["kept"] == 24
    assert report["seen"]["refused"] == {"total": 1, "corrupt picture": 1}
    name = "seen.parquet row 24, seen-000024-id_00000008_04_1_front"
    assert report["seen"]["first_refused"] == {"01": f"{name}: corrupt picture"}
    assert report["seen"]["remarks"] == {"empty mask": 1, "no mask": 1}


def test_too_many_refused_rows_stop_the_run_which_resumes_with_a_higher_limit(tmp_path, root, prepare, monkeypatch):
    source = photographs.write_deepfashion(tmp_path / "seen.parquet", photographs.seen_rows())
    params = RENDERED.model_copy(update={"seen": str(source), "max_refused": 0.03, "unseen_rows": 1})
    with pytest.raises(
        UserError,
        match=r"1 of 25 rows are refused, over prepare.max_refused \(0.03\); 1 of them: corrupt picture; the first is "
        "seen.parquet row 24, seen-000024",
    ):
        prepare(params)
    assert not (tmp_path / "items.parquet").exists()
    requested = []
    monkeypatch.setattr(
        "atelier.data.prepare.read_items", lambda request: requested.append(request.where) or read_items(request)
    )
    items, _ = prepare(params.model_copy(update={"max_refused": 0.04}))
    assert len(items) == 25
    assert requested == ["world:street"]  # the seen source is not read again
    assert list((root / ".ckpt").iterdir()) == []


def test_a_source_without_usable_rows_stops_the_run_at_any_limit(tmp_path, prepare):
    source = photographs.write_deepfashion(tmp_path / "seen.parquet", photographs.seen_rows()[-1:])
    params = RENDERED.model_copy(update={"seen": str(source), "max_refused": 1.0, "unseen_rows": 1})
    with pytest.raises(UserError, match="1 of 1 rows are refused"):
        prepare(params)


# --- resuming ---------------------------------------------------------------------------------------


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


LONG = RENDERED.model_copy(update={"seen": "long", "seen_rows": 3 * SHARD, "unseen": "short", "unseen_rows": 30})


@pytest.fixture
def undisturbed(tmp_path, monkeypatch) -> tuple[bytes, dict[str, Any]]:
    """Bytes and report of an uninterrupted run."""
    monkeypatch.setattr("atelier.data.prepare.read_items", Source(2 * SHARD + 9).read)
    report = prepare_items(LONG, tmp_path / "undisturbed.parquet")
    return (tmp_path / "undisturbed.parquet").read_bytes(), report


@pytest.mark.parametrize(
    ("cut", "starts"),
    [
        (5, {"seen": 0, "unseen": 0}),
        (SHARD, {"seen": SHARD, "unseen": 0}),
        (SHARD + 7, {"seen": SHARD, "unseen": 0}),
        (2 * SHARD + 8, {"seen": 2 * SHARD, "unseen": 0}),
    ],
)
def test_an_interrupted_run_resumes_after_its_last_complete_shard(
    cut, starts, undisturbed, tmp_path, root, monkeypatch
):
    monkeypatch.setattr("atelier.data.prepare.read_items", Source(2 * SHARD + 9, cut=cut).read)
    with pytest.raises(KeyboardInterrupt):
        prepare_items(LONG, tmp_path / "items.parquet")
    assert not (tmp_path / "items.parquet").exists()
    again = Source(2 * SHARD + 9)
    monkeypatch.setattr("atelier.data.prepare.read_items", again.read)
    report = prepare_items(LONG, tmp_path / "items.parquet")
    assert again.starts == starts
    assert ((tmp_path / "items.parquet").read_bytes(), report) == undisturbed
    assert list((root / ".ckpt").iterdir()) == []


def test_an_interrupted_write_does_not_read_again(undisturbed, tmp_path, monkeypatch):
    def fail(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("atelier.data.prepare.write_rows", fail)
        with pytest.raises(KeyboardInterrupt):
            prepare_items(LONG, tmp_path / "items.parquet")
    again = Source(2 * SHARD + 9)
    monkeypatch.setattr("atelier.data.prepare.read_items", again.read)
    report = prepare_items(LONG, tmp_path / "items.parquet")
    assert again.starts == {}
    assert ((tmp_path / "items.parquet").read_bytes(), report) == undisturbed


def test_other_settings_do_not_resume_from_these_shards(tmp_path, monkeypatch):
    source = Source(2 * SHARD, cut=SHARD + 1)
    monkeypatch.setattr("atelier.data.prepare.read_items", source.read)
    for change in ({}, {"size": 32}, {"seen": "other"}, {"fit": "crop"}, {"seed": 8}):
        with pytest.raises(KeyboardInterrupt):
            prepare_items(LONG.model_copy(update=change), tmp_path / "items.parquet")
        assert source.starts == {"seen": 0}, change


def test_the_report_counts_repeated_ids_and_names_refused_rows_by_reason(undisturbed):
    _, report = undisturbed
    rows = 2 * SHARD + 9
    refused = len(range(3, rows, 50))
    assert report["seen"]["rows"] == rows
    assert report["seen"]["refused"] == {"total": refused, "corrupt picture": refused}
    assert report["seen"]["first_refused"]["02"] == "long row 53, seen-000053-53: corrupt picture"
    repeated = sum(number % 50 != 3 for number in range(100, rows))
    assert report["seen"]["remarks"] == {"no mask": rows - refused, "repeated id": repeated}
    assert report["unseen"]["remarks"] == {"no mask": 29}


PROCESS = """import sys
from pathlib import Path
from atelier.config import Prepare
from atelier.data.prepare import prepare_items
prepare_items(Prepare.model_validate_json(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_a_killed_and_repeated_run_writes_the_same_bytes(tmp_path, root):
    """Kill a process with SIGKILL once two shards are complete, and run another one."""
    params = RENDERED.model_copy(update={"seen_rows": 6 * SHARD})
    prepare_items(params, tmp_path / "undisturbed.parquet")

    def start() -> subprocess.Popen:
        words = [params.model_dump_json(), str(tmp_path / "killed.parquet")]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
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
    before = {part: part.stat().st_mtime_ns for part in root.glob(".ckpt/*/seen/shard-*") if not part.suffix}
    assert 2 <= len(before) < 6
    repeated = start()
    wait_for(len(before), repeated)
    assert {part: part.stat().st_mtime_ns for part in before} == before
    assert repeated.wait() == 0
    assert (tmp_path / "killed.parquet").read_bytes() == (tmp_path / "undisturbed.parquet").read_bytes()
    assert list((root / ".ckpt").iterdir()) == []
