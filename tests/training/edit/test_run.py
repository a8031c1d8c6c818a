import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import import_graph
import pandas as pd
import pytest
import torch
from fixtures_training import NoLog, open_training, run_training, write_inputs
from PIL import Image
from safetensors.torch import load_file

import atelier
from atelier.common.checkpoints import TRAINING, CheckpointStore, open_store
from atelier.common.errors import UserError
from atelier.common.files import digest
from atelier.common.records import Triplet, Zones, read_rows, write_rows
from atelier.data import prepare
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
    (checkpoint,) = (tmp_path / "root/.ckpt").glob("*/*")
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
    rates = [values["samples_per_second"] for _, values in log.metrics if "samples_per_second" in values]
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


def test_the_newest_whole_checkpoint_counts(tmp_path):
    store = CheckpointStore(tmp_path / "key")
    assert store.load() is None
    store.save(9, {"a": torch.ones(2)}, {"step": 9})
    store.save(10, {"a": torch.zeros(2)}, {"step": 10})
    (tmp_path / "key/step-00000011.partial").mkdir()  # a writer was killed
    tensors, facts = store.load()
    assert (tensors["a"].tolist(), facts) == ([0.0, 0.0], {"step": 10})
    assert len(list((tmp_path / "key").glob("step-*[0-9]"))) == 1
    store.discard()
    assert store.load() is None


def test_a_checkpoint_belongs_to_settings_and_inputs(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    file = tmp_path / "rows"
    file.write_text("one")
    first = open_store({"lr": 1}, [file, "hub/name"])
    assert first == open_store({"lr": 1}, [file, "hub/name"])
    assert first.folder.parent == tmp_path / ".ckpt"
    others = [open_store({"lr": 2}, [file, "hub/name"]), open_store({"lr": 1}, [file, "hub/other"])]
    file.write_text("two")
    others.append(open_store({"lr": 1}, [file, "hub/name"]))
    assert len({store.folder for store in [first, *others]}) == 4


@pytest.mark.parametrize(("edited", "kept"), [("report/gather.py", True), ("training/losses.py", False)])
def test_a_checkpoint_belongs_to_the_code_of_training(tmp_path, monkeypatch, edited, kept):
    """An edit elsewhere in the package keeps it valid."""
    package = shutil.copytree(Path(atelier.__file__).parent, tmp_path / "atelier")
    monkeypatch.setattr(atelier, "__file__", str(package / "__init__.py"))
    before = open_store({}, [])
    (package / edited).write_text('"""Another docstring."""\n' + (package / edited).read_text())
    assert (open_store({}, []) == before) is kept


TRAININGS = {"atelier.training.edit.run"} | import_graph.imports(import_graph.ROOT / "studies/common/train.py")


@pytest.mark.parametrize(("code", "entries"), [(TRAINING, TRAININGS), (prepare.CODE, {"atelier.data.prepare"})])
def test_the_code_in_a_checkpoint_key_is_what_the_run_imports(code, entries):
    modules = import_graph.modules("atelier")
    package = modules["atelier"].parent
    without_effect = frozenset({"atelier.cli", "atelier.config", "atelier.common.errors", "atelier.tracking"})
    needed = {modules[name] for name in import_graph.reached(entries, without_effect) & modules.keys()}
    named = {package / name for name in code}
    assert {file for file in needed if not any(file.is_relative_to(one) for one in named)} == set()
    assert {one for one in named if not any(file.is_relative_to(one) for file in needed)} == set()
