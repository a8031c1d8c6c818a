import json
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from fixtures_training import NoLog, open_training, run_training, write_inputs
from PIL import Image
from safetensors.torch import load_file

from atelier.common.errors import UserError
from atelier.common.files import digest
from atelier.common.records import Triplet, Zones, read_rows, write_rows
from atelier.models.digest import digest_base
from atelier.models.instruct_pix2pix import load_editor, open_weights

TRIPLETS = 36  # 27 to train on: 7 steps an epoch, 14 in all


@pytest.fixture(scope="module", name="places")
def _places(tiny_editor_folder, tiny_clip_folder, tmp_path_factory) -> tuple[Path, Path, Path]:
    """The folders of the inputs, the editor and CLIP."""
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder, TRIPLETS)
    return folder, tiny_editor_folder, tiny_clip_folder


@pytest.fixture(scope="module", name="undisturbed")
def _undisturbed(places, tmp_path_factory) -> tuple[Path, NoLog]:
    """A whole run: the folder of its outputs, and its log."""
    folder, log = tmp_path_factory.mktemp("undisturbed"), NoLog()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder / "root"))
        run_training(*places, folder, log)
    return folder, log


def test_killed_and_started_again_gives_the_same_bytes(places, undisturbed, tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))
    script = (
        "import sys, torch; from pathlib import Path; from fixtures_training import KillingLog, run_training;"
        "torch.set_num_threads(1); run_training(*map(Path, sys.argv[1:]), KillingLog(10))"
    )
    path = {"PYTHONPATH": f"src:{Path(__file__).resolve().parents[2] / 'fixtures'}", "DVC_ROOT": str(tmp_path / "root")}
    killed = subprocess.run([sys.executable, "-c", script, *map(str, places), str(tmp_path)], env=path, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not list(tmp_path.glob("*.json"))
    *_, checkpoint = sorted((tmp_path / "root/.ckpt").glob("*/step-*"))
    assert checkpoint.name == "step-00000007"  # the end of the first epoch; ten is written after the kill
    log = NoLog()
    run_training(*places, tmp_path, log)
    for name in ("finetuned", "train.json", "curves"):
        assert digest(tmp_path / name) == digest(undisturbed[0] / name)
    assert log.pictures == undisturbed[1].pictures  # the new run's log is whole
    assert not list((tmp_path / "root/.ckpt").glob("*"))


def test_the_outputs(undisturbed, tiny_editor_folder):
    folder, _ = undisturbed
    report = json.loads((folder / "train.json").read_text())
    facts = json.loads((folder / "finetuned/finetuned.json").read_text())
    tensors = load_file(folder / "finetuned/trained.safetensors")
    trained = sum(tensor.numel() for tensor in tensors.values())
    assert report["trained_parameters"] == facts["trained_parameters"] == trained
    assert report["trained_share"] == pytest.approx(trained / facts["parameters"], rel=1e-5)
    assert (facts["size"], facts["base_sha256"]) == (32, digest_base(tiny_editor_folder))
    assert open_weights(folder / "finetuned", device="cpu").size == 32
    assert report["triplets"] == {"train": 27, "val": 9, "without_zones": 0}
    assert set(report["train_loss"]) == {"epoch_1", "epoch_2"}
    assert set(report["val_directional"]) == {"epoch_0", "epoch_1", "epoch_2"}
    assert report["best_epoch"] in (1, 2)
    assert "second" not in json.dumps(report)
    base = dict(load_editor(tiny_editor_folder, device="cpu").unet.named_parameters())
    for name, tensor in open_weights(folder / "finetuned", device="cpu").unet.named_parameters():
        assert torch.equal(tensor, tensors.get(name, base[name]))


def test_the_curves(undisturbed):
    folder, log = undisturbed
    steps, epochs = (pd.read_csv(folder / "curves" / name) for name in ("steps.csv", "epochs.csv"))
    assert (steps["step"].tolist(), epochs["epoch"].tolist()) == (list(range(1, 15)), [0, 1, 2])
    assert epochs["train_loss"].isna().tolist() == [True, False, False]
    assert Image.open(folder / "curves/validation.png").size == (4 * 32, 3 * 32)
    assert log.pictures == [f"validation/epoch-{number}.png" for number in range(3)]
    rates = [values["rate/samples_per_second"] for _, values in log.metrics if "rate/samples_per_second" in values]
    assert len([rate for rate in rates if rate > 0]) == len(rates) == 2


def test_validation_is_the_same_every_time_and_notices_another_editor(places, undisturbed, monkeypatch, tmp_path):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    job = open_training(*places)
    first, again = job.validator(job.base, 0), job.validator(job.base, 0)
    other = job.validator(open_weights(undisturbed[0] / "finetuned", device="cpu"), 1)
    assert (first.score, first.scores) == (again.score, again.scores)
    assert first.score == first.scores["directional"]
    assert torch.equal(first.images, again.images)
    assert other.scores["loss"] != first.scores["loss"]
    assert job.validator.picture(first.images).shape == (96, 128, 3)
    assert [t.triplet_id for t in job.validator.chosen] == ["t3", "t11", "t19", "t27"]  # spread over all nine


def test_triplets_without_zones_are_left_out_and_counted_and_an_empty_split_is_refused(places, tmp_path):
    inputs, *networks = places
    triplets, zones = read_rows(inputs / "triplets.parquet", Triplet), read_rows(inputs / "zones.parquet", Zones)
    write_rows(tmp_path / "triplets.parquet", Triplet, triplets)
    write_rows(tmp_path / "zones.parquet", Zones, [row for row in zones if row.row_id != "t0"])
    job = open_training(tmp_path, *networks)
    assert (job.without_zones, len(job.task)) == (1, 26)
    for kept, missing in (("train", "val"), ("val", "train")):
        write_rows(tmp_path / "triplets.parquet", Triplet, [row for row in triplets if row.split == kept])
        with pytest.raises(UserError, match=f"no {missing} triplet that has zones"):
            open_training(tmp_path, *networks)
