"""Two processes on the CPU (gloo), with DDP and FSDP: they learn what one process learns, to rounding."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import fixtures_training as fixtures
import pandas as pd
import pytest
import torch
from import_graph import ROOT
from mlflow import MlflowClient
from processes import running
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
    assert all(len(part.rows) and part.weight in (0, len(part.rows) / samples) for part in everything)
    counted = torch.cat([part.rows for part in everything if part.weight])
    assert sorted(counted.tolist()) == list(range(samples))


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
    fixtures.write_inputs(tmp_path / "inputs", TRIPLETS)
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
    """Train in two processes by the stage's own command, with accelerate's launcher as users start it."""
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    params["models"] |= fixtures.make_models(places / "editor", places / "clip").model_dump()
    params["train"] |= fixtures.make_settings(**changes).model_dump()
    yaml.dump(params, places / "params.yaml")
    paths = {
        "params": "params.yaml", "triplets": "inputs/triplets.parquet", "zones": "inputs/zones.parquet",
        "out": "out/finetuned", "report": "out/train.json", "curves": "out/curves",
    }  # fmt: skip
    options = [word for name, path in paths.items() for word in (f"--{name}", str(places / path))]
    return launch(places, *flags, "-m", "stages.train", *options)


def train_alone(places: Path, monkeypatch, **changes) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(places / "root-alone"))
    fixtures.run_training(
        places / "inputs", places / "editor", places / "clip", places / "alone", fixtures.NoLog(), **changes
    )
    return places / "alone"


def assert_same_to_rounding(one: Path, other: Path) -> None:
    """Compare the loss of each step, the validation of each epoch, and the tensors."""
    steps, epochs = ([pd.read_csv(at / "curves" / name) for at in (one, other)] for name in ("steps.csv", "epochs.csv"))
    assert len(steps[0]) == 14
    columns = ["train_loss", "val_loss", "val_tight", "val_context", "val_background"]
    pd.testing.assert_frame_equal(*(table[["loss"]] for table in steps), rtol=2e-4, atol=0)
    pd.testing.assert_frame_equal(*(table[columns] for table in epochs), rtol=2e-4, atol=0)
    pd.testing.assert_frame_equal(*(table[["val_directional"]] for table in epochs), rtol=0, atol=0.2)  # of 100
    fixtures.assert_close_together(*(load_file(folder / "finetuned/trained.safetensors") for folder in (one, other)))


@pytest.mark.slow
def test_two_processes_give_the_curve_of_one_with_twice_the_batch(places, monkeypatch):
    """`train.batch_size` is over all processes: two with 2 samples each are one with 4, uneven last step included."""
    done = launch_stage(places, ["--multi_gpu"], accumulate=2)
    assert done.returncode == 0, done.stderr
    assert_same_to_rounding(train_alone(places, monkeypatch), places / "out")
    client = MlflowClient(tracking_uri=f"sqlite:///{places}/mlflow.db")
    (run,) = client.search_runs([e.experiment_id for e in client.search_experiments()])  # the main process's, no other
    assert (run.info.status, run.data.metrics["processes"]) == ("FINISHED", 2)
    files = [file.path for file in client.list_artifacts(run.info.run_id, "finetuned")]
    assert files == ["finetuned/finetuned.json", "finetuned/trained.safetensors"]
    assert not list((places / "root/.ckpt").glob("*"))


@pytest.mark.slow
@pytest.mark.parametrize("flags", [FSDP, ["--multi_gpu"]], ids=["FSDP", "DDP"])
def test_a_killed_process_ends_all_and_the_next_run_resumes(places, monkeypatch, flags):
    """Sharded: EMA, moments and clipping are those of the full tensors, which the checkpoints contain."""
    changes = {"method": "full", "clip_norm": 0.05}
    killed = launch_training(places, flags, **changes, dies_at=10)
    assert killed.returncode != 0
    assert not (places / "out").exists()
    *_, checkpoint = sorted((places / "root/.ckpt").glob("*/step-*"))
    assert checkpoint.name == "step-00000007"
    monkeypatch.setenv("DVC_ROOT", str(places / "root-stopped"))
    alone = fixtures.open_training(places / "inputs", places / "editor", places / "clip", **changes)
    assert any(isinstance(record, loop.Step) and record.number == 8 for record in loop.train(alone.task, alone.store))
    # stopped in its second epoch; the running means of clipped gradients show their scale, unlike Adam's steps
    tensors = [store.load()[0] for store in (alone.store, CheckpointStore(checkpoint.parent))]
    fixtures.assert_close_together(*({k: v for k, v in found.items() if k.endswith("/exp_avg")} for found in tensors))
    done = launch_training(places, flags, **changes)
    assert done.returncode == 0, done.stderr
    assert_same_to_rounding(train_alone(places, monkeypatch, **changes), places / "out")
    sharded = flags == FSDP
    main, other = (json.loads((places / f"log-{rank}.json").read_text()) for rank in (0, 1))
    assert main[:2] == other[:2] == [2, sharded]
    assert len(main[3]) == 3  # a picture for the base and for each epoch


@pytest.mark.slow
def test_workers_of_accelerate_end_with_a_killed_launcher(tmp_path):
    """One of them waits for the other in a collective."""
    (tmp_path / "worker.py").write_text(
        "import os, pathlib, sys, time\nfrom atelier.training import distributed\n"
        "with distributed.join('cpu') as accelerator:\n"
        "    pathlib.Path(sys.argv[1], str(os.getpid())).touch()\n"
        "    accelerator.wait_for_everyone() if accelerator.is_main_process else time.sleep(120)\n"
    )
    (tmp_path / "pids").mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    command = [*LAUNCH, "--multi_gpu", str(tmp_path / "worker.py"), str(tmp_path / "pids")]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as launcher:
        deadline = time.monotonic() + 120
        while len(pids := list((tmp_path / "pids").iterdir())) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        launcher.kill()
    assert len(pids) == 2
    while any(running(int(file.name)) for file in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert time.monotonic() < deadline


def test_only_full_training_is_sharded(places):
    with pytest.raises(UserError, match=r"train\.launcher: --use_fsdp shards train\.method full only"):
        fixtures.open_training(places / "inputs", places / "editor", places / "clip", SimpleNamespace(is_fsdp2=True))
