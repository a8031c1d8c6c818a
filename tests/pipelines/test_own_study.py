"""A study of one's own, twelve pictures and own prompts, as a user makes it: `atelier new`, `dvc repro`, page, edit."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from import_graph import ROOT
from PIL import Image
from ruamel.yaml import YAML

from atelier.cli import main
from atelier.common.files import digest
from atelier.synthetic.fashion.rows import CLOTH_TYPES, SHOTS, VARIANTS, rows

pytestmark = pytest.mark.slow

SMALL = {
    "models": {"threads": 1},
    "prepare": {"unseen_rows": 24},
    "pair": {"triplets": 12, "probes": 1},
    "train": {"epochs": 1, "batch_size": 8, "validation": 2},
    "generate": {"sweep_probes": 0},
    "evaluate": {"draws": 100, "sheet_rows": 2},
}
TOPS = {CLOTH_TYPES[name]: name for name in ("t-shirt", "shirt", "jacket")}
WHOLE = {"text": "as an oil painting", "garment": "none", "target": "an oil painting"}
PROMPTS = ["make the shirt navy", {"text": "put flowers on the shirt", "pattern": "floral"}, WHOLE]
TEXTS = [prompt if isinstance(prompt, str) else prompt["text"] for prompt in PROMPTS]
UNLIKE = ("navy", "blue", "floral")  # what the prompts ask for


def draw_pictures(folder: Path) -> None:
    """Write twelve people in plain tops as PNG, with masks and a metadata.jsonl: what a user's folder may hold."""
    (folder / "masks").mkdir(parents=True)
    firsts = (next(rows("studio", start + 1, 11, 96, start)) for start in count(0, VARIANTS * len(SHOTS)))
    plain = (row for row in firsts if row["cloth_type"] in TOPS and not any(w in row["caption"] for w in UNLIKE))
    lines = []
    for number, row in enumerate(islice(plain, 12)):
        name = f"photo-{number:02d}.png"
        row["images"].save(folder / name)
        row["mask"].save(folder / "masks" / name)
        lines.append(json.dumps({"file_name": name, "caption": row["caption"], "garment": TOPS[row["cloth_type"]]}))
    (folder / "metadata.jsonl").write_text("\n".join(lines))


class Clone:
    """A clone of the last commit, and commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "clone", "-q", "--local", str(ROOT), str(folder)], check=True)
        paths = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONPATH": "src", "OMP_NUM_THREADS": "1"}
        unset = ("MLFLOW_TRACKING_URI", "DVC_ROOT", "DVC_EXP_NAME")
        self._environment = {key: value for key, value in os.environ.items() if key not in unset} | paths

    def run(self, *words: str, where: str = ".") -> str:
        command = subprocess.run(
            words, cwd=self.folder / where, env=self._environment, capture_output=True, text=True, check=False
        )
        assert command.returncode == 0, f"{words}: {command.stdout[-3000:]}{command.stderr[-3000:]}"
        return command.stdout

    def atelier(self, *words: str) -> str:
        return self.run(sys.executable, "-c", "from atelier.cli import main; main()", *words)

    def dvc(self, *words: str, where: str = ".") -> str:
        return self.run(sys.executable, "-m", "dvc", *words, where=where)


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Clone:
    """A clone in which a study of twelve pictures has run."""
    folder = tmp_path_factory.mktemp("own")
    draw_pictures(folder / "photos")
    clone = Clone(folder / "clone")
    given = {"prepare.seen": folder / "photos", "prepare.seen_schema": "folder", "pair.prompts": json.dumps(PROMPTS)}
    sets = [word for key, value in given.items() for word in ("-S", f"{key}={value}")]
    command = clone.atelier("new", "mine", *sets).split()
    params = clone.folder / "studies" / "mine" / "params.yaml"
    values = YAML().load(params)
    for section, changes in SMALL.items():
        values[section].update(changes)
    YAML().dump(values, params)
    assert command == ["dvc", "repro", "studies/mine/dvc.yaml"]
    clone.dvc(*command[1:])
    return clone


def test_the_study_has_its_own_results_and_page_and_no_tracked_file_changed(clone):
    own = clone.folder / "studies" / "mine"
    report = json.loads((own / "metrics" / "evaluate.json").read_text())
    assert report["seen"]["rendered"] is False  # the user's pictures, not rendered ones
    assert all(report["origin"].values())
    page = (own / "metrics" / "report" / "index.html").read_text()
    assert digest(own / "data" / "edits" / "finetuned.parquet")[:12] in page
    assert "Ablations A to D" not in page  # those of the repository's own study
    assert clone.run("git", "diff", "--name-only", "--diff-filter=MD", "HEAD") == ""
    new = {line[3:].split("/")[0] for line in clone.run("git", "status", "--porcelain").splitlines()}
    assert new == {"studies"}
    with closing(sqlite3.connect(clone.folder / "mlflow.db")) as store:
        runs = store.execute("SELECT experiments.name, runs.status FROM runs JOIN experiments USING (experiment_id)")
        assert runs.fetchall() == [("atelier/mine", "FINISHED")] * 7


def test_every_prompt_is_put_to_the_pictures_and_reported(clone):
    metrics = clone.folder / "studies" / "mine" / "metrics"
    pair, report = (json.loads((metrics / f"{name}.json").read_text()) for name in ("pair", "evaluate"))
    assert pair["prompts"]["seen"] == dict.fromkeys(TEXTS, SMALL["pair"]["probes"])
    measured = {text: report["seen"]["prompts"][text]["gain"].keys() for text in TEXTS}
    assert [text for text in TEXTS if "leakage_share" in measured[text]] == TEXTS[:2]  # the third has no garment
    assert [text for text in TEXTS if "delta_e" in measured[text]] == TEXTS[:1]
    page = (metrics / "report" / "index.html").read_text()
    assert all(f"“{text}”" in page for text in TEXTS)


def test_dvc_finds_it_up_to_date_from_its_own_folder(clone):
    assert "up to date" in clone.dvc("repro", where="studies/mine")


def test_its_editor_edits_a_photo(clone, monkeypatch):
    photo, out = clone.folder.parent / "photos" / "photo-00.png", clone.folder.parent / "edited.png"
    monkeypatch.chdir(clone.folder)
    words = ["edit", str(photo), "make the top red", "-o", str(out), "--mask", "none",
             "--params", "studies/mine/params.yaml", "--weights", "studies/mine/models/finetuned"]  # fmt: skip
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    before, after = (np.asarray(Image.open(path).convert("RGB"), float) for path in (photo, out))
    assert before.shape == after.shape
    assert np.abs(before - after).mean() > 1
