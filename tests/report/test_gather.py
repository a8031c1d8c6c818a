"""The inputs of the report page, read from the files that other stages write."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from import_graph import ROOT
from pipelines import STAGES

from atelier.common.errors import UserError
from atelier.common.files import digest
from atelier.config import read_params
from atelier.evaluation.evaluate import Evaluation
from atelier.report.gather import ReportInputs, gather_page
from atelier.report.page import PageData, write_page

PARAMS = read_params(ROOT / "params.yaml")


def inputs(folder: Path) -> ReportInputs:
    """Return the paths of the files that `train`, `make ablations` and `make methods` write."""
    return ReportInputs(*(folder / name for name in ("train", "train.json", "ablations.csv", "methods.csv")))


@pytest.fixture
def files(page_data: PageData, tmp_path) -> ReportInputs:
    folder = tmp_path / "inputs"
    (folder / "train").mkdir(parents=True)
    for name in ("train/epochs", "train/steps", "ablations", "methods"):
        getattr(page_data, Path(name).name).to_csv(folder / f"{name}.csv", index=False)
    (folder / "train.json").write_text(json.dumps(page_data.trained))
    return inputs(folder)


@pytest.fixture
def result(page_data: PageData) -> Evaluation:
    return Evaluation(page_data.report, page_data.scores, page_data.samples, page_data.frontier)


def test_the_page_shows_the_files_content(result, files, page_data, tmp_path):
    read = tmp_path / "probes.parquet"
    read.write_bytes(b"rows")
    page = gather_page(result, files, PARAMS, [read])
    assert page.trained == page_data.trained
    assert page.params["train"]["loss"] == "trimap"
    assert list(page.ablations["config"]) == list(page_data.ablations["config"])
    assert len(page.steps) == len(page_data.steps)
    assert page.digests[read.as_posix()] == digest(read)
    write_page(tmp_path / "index.html", page)
    text = (tmp_path / "index.html").read_text()
    assert digest(read)[:12] in text
    assert "attn+mid+up" in text


def test_page_reads_only_declared_dependencies_of_evaluate(result, tmp_path):
    """Otherwise its bytes would depend on files that DVC does not hash."""
    declared = [(ROOT / dep).resolve() for dep in STAGES["evaluate"]["deps"] if "data/" not in dep]

    def write() -> bytes:
        write_page(tmp_path / "index.html", gather_page(result, inputs(ROOT / "metrics"), PARAMS, []))
        return (tmp_path / "index.html").read_bytes()

    first = write()  # imports everything, so that the second call opens no file to import it
    with opened_files() as opened:
        assert write() == first
    ours = {path for path in opened if path.is_relative_to(ROOT)} - {ROOT / "params.yaml"}
    assert ROOT / "metrics/methods.csv" in ours  # the recording works
    assert {path for path in ours if not any(path.is_relative_to(dep) for dep in declared)} == set()


@contextmanager
def opened_files() -> Iterator[set[Path]]:
    """Record the files that Python code opens. An audit hook cannot be removed, so it looks at a flag."""
    opened, recording = set(), True

    def record(event: str, args: tuple) -> None:
        if recording and event == "open" and isinstance(args[0], str | bytes):
            opened.add(Path(os.fsdecode(args[0])).resolve())

    sys.addaudithook(record)
    try:
        yield opened
    finally:
        recording = False


@pytest.mark.parametrize(
    ("field", "path", "message"),
    [("ablations", "gone", "gone: cannot be read"), ("trained", "gone", "gone: cannot be read"),
     ("methods", "empty.csv", r"empty\.csv")],
)  # fmt: skip
def test_a_missing_file_and_an_empty_table_are_named(result, files, tmp_path, field, path, message):
    (tmp_path / "empty.csv").touch()
    with pytest.raises(UserError, match=message):
        gather_page(result, ReportInputs(**vars(files) | {field: tmp_path / path}), PARAMS, [])
