"""Two processes on the CPU (gloo), with DDP and FSDP: they learn what one process learns, to rounding."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

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
from atelier.training.distributed import micro_batches

HERE = Path(__file__).resolve().parents[1] / "fixtures"
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "2", "--main_process_port", "0"]
FSDP = ["--use_fsdp", "--fsdp_version", "2", "--fsdp_auto_wrap_policy", "TRANSFORMER_BASED_WRAP"]
TRIPLETS = 33  # 25 for training: 7 steps an epoch, the last with one sample, so that one process has none


@pytest.mark.parametrize("samples", [1, 2, 5, 16])
@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_micro_batches_cover_a_step_once(samples, passes, size):
    taken = [micro_batches(samples, passes, rank, size) for rank in range(size)]
    assert len({len(parts) for parts in taken}) == 1  # all exchange gradients equally often
    assert 1 <= len(taken[0]) <= passes
    everything = [part for parts in taken for part in parts]
    assert sum(part.weight for part in everything) == pytest.approx(1)
    assert all(len(part.rows) for part in everything)
    counted = torch.cat([part.rows for part in everything if part.weight])
    assert sorted(counted.tolist()) == list(range(samples))
    assert all(part.weight in (0, len(part.rows) / samples) for part in everything)


def test_without_a_launcher_there_is_one_process(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with distributed.join("cpu") as accelerator:
        assert (accelerator.num_processes, accelerator.is_main_process) == (1, True)
        assert not distributed.is_sharded(accelerator)


@pytest.mark.parametrize(("environment", "message"), [
    ({"ACCELERATE_DYNAMO_BACKEND": "NO", "MASTER_ADDR": "127.0.0.1"}, "add --multi_gpu"),  # no GPUs, no --multi_gpu
    ({"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "1"}, "add --fsdp_version 2"),
    ({"ACCELERATE_USE_DEEPSPEED": "true"}, "DeepSpeed is not supported"),
])  # fmt: skip
def test_a_launcher_whose_settings_do_not_fit_is_refused(monkeypatch, environment, message):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=message), distributed.join("cpu"):
        pass


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


def launch_training(places: Path, flags: list[str], **changes) -> subprocess.CompletedProcess:
    """Train in two processes without the stage's command, so that one can be killed."""
    return launch(places, *flags, str(HERE / "launched_training.py"), str(places), json.dumps(changes))


def launch_stage(places: Path, flags: list[str], **changes) -> subprocess.CompletedProcess:
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
    return launch(places, *flags, "-m", "stages.train", *options)


def train_alone(places: Path, monkeypatch, **changes) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(places / "root-alone"))
    run_training(places / "inputs", places / "editor", places / "clip", places / "alone", NoLog(), **changes)
    return places / "alone"


def curve(folder: Path, name: str, column: str) -> list[float]:
    with (folder / "curves" / name).open() as stream:
        return [float(row[column]) for row in csv.DictReader(stream) if row[column]]


def assert_same_to_rounding(one: Path, other: Path) -> None:
    """Compare the loss of each step, the validation of each epoch, and the tensors."""
    losses = curve(one, "steps.csv", "loss")
    assert len(losses) == 14
    assert curve(other, "steps.csv", "loss") == pytest.approx(losses, rel=2e-4)
    for column in ("train_loss", "val_loss", "val_tight", "val_context", "val_background"):
        assert curve(other, "epochs.csv", column) == pytest.approx(curve(one, "epochs.csv", column), rel=2e-4)
    directional = curve(one, "epochs.csv", "val_directional")
    assert curve(other, "epochs.csv", "val_directional") == pytest.approx(directional, abs=0.2)  # of 100
    assert_close_together(*(load_file(folder / "finetuned/trained.safetensors") for folder in (one, other)))


def gradients_in(store: CheckpointStore) -> dict[str, torch.Tensor]:
    """Return the running means of clipped gradients in a checkpoint: unlike Adam's steps they show their scale."""
    tensors, _ = store.load()
    return {name: tensor for name, tensor in tensors.items() if name.endswith("/exp_avg")}


def stop_after_an_epoch(places: Path, monkeypatch, **changes) -> CheckpointStore:
    """Return the checkpoints of one process that is stopped in its second epoch."""
    monkeypatch.setenv("DVC_ROOT", str(places / "root-stopped"))
    job = open_training(places / "inputs", places / "editor", places / "clip", **changes)
    for record in loop.train(job.task, job.store):
        if isinstance(record, loop.Step) and record.number == 8:
            return job.store
    pytest.fail("the training ended before")


@pytest.mark.slow
def test_two_processes_give_the_curve_of_one_with_twice_the_batch(places, monkeypatch):
    """`train.batch_size` is over all processes: two with 2 samples each are one with 4, uneven last step included."""
    done = launch_stage(places, ["--multi_gpu"], accumulate=2)
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
@pytest.mark.parametrize("flags", [FSDP, ["--multi_gpu"]], ids=["FSDP", "DDP"])
def test_a_killed_process_ends_all_and_the_next_run_resumes(places, monkeypatch, flags):
    """Sharded: EMA, moments and clipping are those of the full tensors, which the checkpoints contain."""
    changes = {"method": "full", "clip_norm": 0.05}
    killed = launch_training(places, flags, **changes, dies_at=10)
    assert killed.returncode != 0
    assert not (places / "out").exists()
    (checkpoint,) = (places / "root/.ckpt").glob("*/*")
    assert checkpoint.name == "step-00000007"
    alone = stop_after_an_epoch(places, monkeypatch, **changes)
    assert_close_together(gradients_in(alone), gradients_in(CheckpointStore(checkpoint.parent)))
    done = launch_training(places, flags, **changes)
    assert done.returncode == 0, done.stderr
    assert_same_to_rounding(train_alone(places, monkeypatch, **changes), places / "out")
    sharded = flags == FSDP
    main, other = (json.loads((places / f"log-{rank}.json").read_text()) for rank in (0, 1))
    assert main[:2] == other[:2] == [2, sharded]
    assert len(main[3]) == 3  # a picture for the base and for each epoch


def test_only_full_training_is_sharded(places):
    with pytest.raises(UserError, match=r"train\.launcher: --use_fsdp shards train\.method full only"):
        open_training(places / "inputs", places / "editor", places / "clip", SimpleNamespace(is_fsdp2=True))
