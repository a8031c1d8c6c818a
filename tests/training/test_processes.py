"""Really several processes, on the CPU with gloo: what they learn is what one process learns, to rounding."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from fixtures_training import (
    NoLog,
    assert_close_together,
    make_models,
    make_settings,
    open_training,
    run_training,
    write_inputs,
)
from import_graph import ROOT
from mlflow import MlflowClient
from ruamel.yaml import YAML
from safetensors.torch import load_file

from atelier.common.checkpoints import CheckpointStore
from atelier.common.errors import UserError
from atelier.training import distributed, loop
from atelier.training.distributed import ALONE, Team
from atelier.training.edit.task import EditTask

HERE = Path(__file__).resolve().parents[1] / "fixtures"
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "2", "--main_process_port", "0"]
TRIPLETS = 33  # 25 to train on: 7 steps an epoch, the last with one sample, so that one process has none left


@pytest.mark.parametrize("samples", [1, 2, 5, 16])
@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_shares_are_the_whole_step_once(samples, passes, size):
    taken = [Team(rank, size).shares(samples, passes) for rank in range(size)]
    assert len({len(shares) for shares in taken}) == 1  # all exchange gradients equally often
    assert 1 <= len(taken[0]) <= passes
    everything = [share for shares in taken for share in shares]
    assert sum(share.weight for share in everything) == pytest.approx(1)
    assert all(len(share.rows) for share in everything)
    counted = torch.cat([share.rows for share in everything if share.weight])
    assert sorted(counted.tolist()) == list(range(samples))
    assert all(share.weight in (0, len(share.rows) / samples) for share in everything)


def test_without_a_launcher_there_is_one_process(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with distributed.join("cpu") as team:
        assert team == ALONE
        assert team.is_main


def test_a_launcher_that_started_one_process_of_several_is_not_taken_for_one(monkeypatch):
    """`accelerate launch --num_processes 2` without GPUs and without --multi_gpu."""
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "NO")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    with pytest.raises(UserError, match="add --multi_gpu"), distributed.join("cpu"):
        pass


def test_alone_needs_nothing_of_accelerate():
    probe = (
        "import sys; from atelier import processes;"
        "processes.join('cpu').__enter__(); sys.exit('accelerate' in sys.modules)"
    )
    environment = {"PYTHONPATH": "src", "PATH": os.environ["PATH"]}
    assert subprocess.run([sys.executable, "-c", probe], check=False, env=environment).returncode == 0


@pytest.fixture(name="places")
def _places(tiny_editor_folder, tiny_clip_folder, tmp_path) -> Path:
    """A folder with inputs and models for `launched_training.py`."""
    (tmp_path / "inputs").mkdir()
    write_inputs(tmp_path / "inputs", TRIPLETS)
    (tmp_path / "editor").symlink_to(tiny_editor_folder)
    (tmp_path / "clip").symlink_to(tiny_clip_folder)
    return tmp_path


def launch(places: Path, *command: str) -> subprocess.CompletedProcess:
    """Start `accelerate launch` for two processes."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{HERE}", "OMP_NUM_THREADS": "1"}
    environment |= {"DVC_ROOT": str(places / "root"), "MLFLOW_TRACKING_URI": f"sqlite:///{places}/mlflow.db"}
    return subprocess.run(
        [*LAUNCH, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=1800
    )


def launch_training(places: Path, flag: str, **changes) -> subprocess.CompletedProcess:
    """Train in two processes without the stage's command, so that one can be made to die."""
    return launch(places, flag, str(HERE / "launched_training.py"), str(places), json.dumps(changes))


def launch_stage(places: Path, flag: str, **changes) -> subprocess.CompletedProcess:
    """Train in two processes by the stage's own command."""
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    params["models"] |= make_models(places / "editor", places / "clip").model_dump()
    params["train"] |= make_settings(**changes).model_dump()
    yaml.dump(params, places / "params.yaml")
    out = places / "out"
    paths = {
        "params": places / "params.yaml", "triplets": places / "inputs/triplets.parquet",
        "zones": places / "inputs/zones.parquet", "out": out / "finetuned", "report": out / "train.json",
        "curves": out / "curves",
    }  # fmt: skip
    options = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
    return launch(places, flag, "-m", "stages.train", *options)


def train_alone(places: Path, monkeypatch, **changes) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(places / "root-alone"))
    run_training(places / "inputs", places / "editor", places / "clip", places / "alone", NoLog(), **changes)
    return places / "alone"


def curve(folder: Path, name: str, column: str) -> list[float]:
    with (folder / "curves" / name).open() as stream:
        return [float(row[column]) for row in csv.DictReader(stream) if row[column]]


def assert_same_to_rounding(one: Path, other: Path) -> None:
    """Loss of each step, validation of each epoch, and the tensors."""
    losses = curve(one, "steps.csv", "loss")
    assert len(losses) == 14
    assert curve(other, "steps.csv", "loss") == pytest.approx(losses, rel=2e-4)
    for column in ("train_loss", "val_loss", "val_tight", "val_context", "val_background"):
        assert curve(other, "epochs.csv", column) == pytest.approx(curve(one, "epochs.csv", column), rel=2e-4)
    directional = curve(one, "epochs.csv", "val_directional")
    assert curve(other, "epochs.csv", "val_directional") == pytest.approx(directional, abs=0.2)  # of 100
    assert_close_together(*(load_file(folder / "finetuned/trained.safetensors") for folder in (one, other)))


def gradients_in(store: CheckpointStore) -> dict[str, torch.Tensor]:
    """The running means of clipped gradients in a store's checkpoint: unlike Adam's steps they show their scale."""
    tensors, _ = store.load()
    return {name: tensor for name, tensor in tensors.items() if name.endswith("/exp_avg")}


def stop_after_an_epoch(places: Path, monkeypatch, **changes) -> CheckpointStore:
    """What one process leaves when it is abandoned in its second epoch."""
    monkeypatch.setenv("DVC_ROOT", str(places / "root-stopped"))
    job = open_training(places / "inputs", places / "editor", places / "clip", **changes)
    task = EditTask(job.trainable.editor, list(job.trainable.names), job.settings, job.data, job.validator)
    for record in loop.train(task, job.store):
        if isinstance(record, loop.Step) and record.number == 8:
            return job.store
    pytest.fail("it ended by itself")


@pytest.mark.slow
def test_two_processes_give_the_curve_of_one_with_twice_the_batch(places, monkeypatch):
    """`train.batch_size` is over all processes: two with 2 samples each are one with 4, uneven last step included."""
    done = launch_stage(places, "--multi_gpu", accumulate=2)
    assert done.returncode == 0, done.stderr
    assert_same_to_rounding(train_alone(places, monkeypatch), places / "out")
    client = MlflowClient(tracking_uri=f"sqlite:///{places}/mlflow.db")
    (run,) = client.search_runs([e.experiment_id for e in client.search_experiments()])  # the main process's, no other
    assert (run.info.status, run.data.metrics["processes"]) == ("FINISHED", 2)
    assert [file.path for file in client.list_artifacts(run.info.run_id, "finetuned")] == [
        "finetuned/finetuned.json", "finetuned/trained.safetensors",
    ]  # fmt: skip
    assert not list((places / "root/.ckpt").glob("*"))


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["--use_fsdp", "--multi_gpu"])
def test_a_process_that_dies_ends_all_and_the_next_run_goes_on(places, monkeypatch, flag):
    """Sharded: averages, moments and clipping are those of the whole tensors, and checkpoints hold these."""
    changes = {"method": "full", "clip_norm": 0.05}
    killed = launch_training(places, flag, **changes, dies_at=10)
    assert killed.returncode != 0
    assert not (places / "out").exists()
    (checkpoint,) = (places / "root/.ckpt").glob("*/*")
    assert checkpoint.name == "step-00000007"
    alone = stop_after_an_epoch(places, monkeypatch, **changes)
    assert_close_together(gradients_in(alone), gradients_in(CheckpointStore(checkpoint.parent)))
    done = launch_training(places, flag, **changes)
    assert done.returncode == 0, done.stderr
    assert_same_to_rounding(train_alone(places, monkeypatch, **changes), places / "out")
    sharded = flag == "--use_fsdp"
    main, other = (json.loads((places / f"log-{rank}.json").read_text()) for rank in (0, 1))
    assert main[:2] == other[:2] == [2, sharded]
    assert len(main[3]) == 3  # a picture for the base and for each epoch


@pytest.mark.slow
def test_only_full_training_is_sharded(places):
    refused = launch_stage(places, "--use_fsdp", method="lora")
    assert refused.returncode != 0
    assert "Error: train.launcher: --use_fsdp shards train.method full only" in refused.stderr
    assert not (places / "out").exists()
