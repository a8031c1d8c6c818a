"""`atelier score` from the command line, with the embedded CLIP and feature network."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from drawn_edits import draw, save, write_csv, write_edits
from import_graph import ROOT
from PIL import Image
from ruamel.yaml import YAML
from segmenters import build_segmenter

from atelier.cli import main
from atelier.scoring.measures import MEASURES

FILES = ["scores.csv", "summary.csv", "summary.json", "sheet.png", "index.html"]
OFF = ("--clip", "none", "--lpips", "none", "--segmenter", "none")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["score", *map(str, words)])


@pytest.fixture(scope="module", autouse=True)
def _with_one_thread(tmp_path_factory) -> Iterator[None]:
    """Work in a folder with the embedded models and the shipped parameters, but with one thread."""
    folder, values = tmp_path_factory.mktemp("project"), YAML().load(ROOT / "params.yaml")
    values["models"].update(threads=1)
    YAML().dump(values, folder / "params.yaml")
    (folder / "models").symlink_to(ROOT / "models")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A table with two editors, a text that would be code on a page, and four lines that cannot be scored whole."""
    made = tmp_path_factory.mktemp("edits")
    rows = write_edits(made, 5)
    rows[0]["instruction"] = "make the shirt <b>red</b>"
    rows[1]["edited:bad"] = "nothing.png"
    rows[2]["edited:good"] = save(made / "wide.png", draw(2, 64, 90))
    (made / "text.png").write_text("no picture")
    rows[3]["source"] = "text.png"
    rows.append(rows[0])
    write_csv(made / "edits.csv", rows)
    return made


@pytest.fixture(scope="module")
def scored(folder) -> tuple[Path, Result]:
    return folder / "out", run(folder / "edits.csv", "--out", folder / "out")


def test_every_edit_is_scored_and_every_other_has_a_line(folder, scored):
    out, result = scored
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {*FILES}
    assert result.stdout.split() == [str(out / name) for name in FILES]
    lines = [line for line in result.stderr.splitlines() if line.startswith("line ")]
    assert lines == [
        "line 7: repeats line 2", f"line 3, bad: {folder / 'nothing.png'}: no such file",
        f"line 4, good: {folder / 'wide.png'}: 90 × 64 px; expected the source's shape, 64 × 64",
        f"line 5: {folder / 'text.png'}: not a picture",
    ]  # fmt: skip
    assert "6 edits scored; 4 rows or edits could not be" in result.stderr
    table = pd.read_csv(out / "scores.csv")
    assert list(zip(table["row"], table["editor"], strict=True)) == [
        ("line 2", "good"), ("line 2", "bad"), ("line 3", "good"), ("line 4", "bad"), ("line 6", "good"),
        ("line 6", "bad"),
    ]  # fmt: skip
    assert table[list(MEASURES)].notna().all(axis=None)
    drift = table.groupby("editor")["drift_shift"]
    assert drift.max()["good"] < 0.05 < 1.5 < drift.min()["bad"]


def test_the_summary_compares_the_editors(scored):
    report = json.loads((scored[0] / "summary.json").read_text())
    assert list(report["editors"]) == ["good", "bad"]
    difference = report["differences"]["bad − good"]
    assert difference["target_rmse"]["mean"] > 0
    assert difference["target_rmse"]["n"] == 2, "edits that both have"
    assert report["networks"]["clip"] == "models/base/clip"
    assert report["left_out"] == {}
    assert len(report["not_scored"]) == 4
    table = pd.read_csv(scored[0] / "summary.csv")
    assert set(table["editor"]) == {"good", "bad", "bad − good"}


def test_the_page_and_the_sheet_show_the_edits(scored):
    text = (scored[0] / "index.html").read_text()
    assert text.count("<img ") == 2 * (3 + 2) + 2 * (3 + 1)
    assert "make the shirt &lt;b&gt;red&lt;/b&gt;" in text
    assert "<script" not in text
    assert not re.search(r"(src|href)=\"(?!data:|#)", text), "the page fetches nothing"
    assert '<h2 id="refused-title">Not scored</h2>' in text
    with Image.open(scored[0] / "sheet.png") as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape[0] > 4 * 128
    assert pixels.shape[1] > 5 * 128
    assert (pixels.reshape(-1, 3) == (200, 40, 30)).all(1).sum() > 1000, "the red of the edits"


def test_the_page_opens_without_an_error_or_a_request(scored, chromium):
    page, told = chromium.new_page(), []
    page.on("console", lambda message: told.append(message.text))
    page.on(
        "request", lambda request: told.append(request.url) if not request.url.startswith(("file:", "data:")) else None
    )
    page.goto((scored[0] / "index.html").as_uri())
    assert page.locator("h1").inner_text() == "Scores of edits"
    assert told == []
    page.close()


def test_masks_are_found_if_there_are_none_and_told_if_not(tmp_path):
    rows = [{key: row[key] for key in ("source", "edited:good", "instruction")} for row in write_edits(tmp_path, 1)]
    table = write_csv(tmp_path / "edits.csv", rows)
    nothing = build_segmenter(tmp_path / "finds-nothing", "background")
    result = run(table, "--out", tmp_path / "out", *OFF[:4], "--segmenter", nothing)
    assert result.exit_code == 0, result.output
    assert "line 2: no garment found: what needs a mask is left out" in result.stderr
    report = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert report["left_out"]["mae_outside"] == "no mask was given or found"
    assert report["left_out"]["clip_similarity"] == "no network for clip is used"
    assert "drift_shift" in report["editors"]["good"]
    assert report["differences"] == {}


def test_folders_are_scored_as_tables_are(tmp_path):
    write_edits(tmp_path, 2)
    for name, start in (("source", "source"), ("k", "good"), ("masks", "mask")):
        for number in range(2):
            picture = np.asarray(Image.open(tmp_path / f"{start}{number}.png"))
            save(tmp_path / name / f"{number}.png", picture)
    words = ("--source", tmp_path / "source", "--edited", f"kontext={tmp_path / 'k'}", "--masks", tmp_path / "masks")
    result = run(*words, "--out", tmp_path / "out", *OFF)
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert list(table["editor"]) == ["kontext", "kontext"]
    assert table["mae_outside"].max() == 0


def test_nothing_to_score_and_wrong_words_end_with_code_2(tmp_path):
    table = write_csv(tmp_path / "edits.csv", [{"source": "none.png", "edited": "none.png"}])
    result = run(table, "--out", tmp_path / "out", *OFF)
    assert result.exit_code == 2
    assert "line 2: " in result.stderr
    assert result.stderr.splitlines()[-1] == f"Error: {table}: nothing could be scored"
    assert not (tmp_path / "out").exists()
    out = ("--out", tmp_path / "out")
    for words, reason in (((), "expected either TABLE or --source"), ((table, "--source", tmp_path), "not both"),
                          ((table, "--masks", tmp_path), "not both"), (("--source", tmp_path), "no edits"),
                          (("--source", tmp_path, "--edited", "x"), "expected NAME=FOLDER"),
                          (("--source", tmp_path, "--edited", "x=a", "--edited", "x=b"), "named twice")):  # fmt: skip
        result = run(*words, *out, *OFF)
        assert result.exit_code == 2
        assert reason in result.stderr
