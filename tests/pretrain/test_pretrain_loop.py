"""The training loop of pretraining."""

import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

import pretrain
from atelier.common.checkpoints import root
from atelier.common.stale import list_stored
from pretrain.common.loop import fit


def train(interrupt_at: int = -1, steps: int = 12, lr: float = 0.05) -> tuple[list[int], list[torch.Tensor]]:
    """Fit a linear layer to noise; return the steps taken and the final weights, averaged ones included."""
    torch.manual_seed(0)
    module, average = nn.Linear(3, 2), nn.Linear(3, 2).requires_grad_(False)
    average.load_state_dict(module.state_dict())
    taken = []

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        if step == interrupt_at:
            raise KeyboardInterrupt
        taken.append(step)
        inputs, targets = torch.randn(5, 3), torch.randn(5, 2)  # drawn from the generator that `fit` seeds
        return (module(inputs) - targets).square().mean(), {}

    groups = [{"params": [module.weight], "lr": lr}, {"params": [module.bias], "lr": lr / 2}]
    try:
        with fit("linear", module, groups, loss_of, steps=steps, average=average, every=4, settings={"lr": lr}):
            assert list(root().glob(f"*/step-{steps:08d}"))  # until the result is saved
    except KeyboardInterrupt:
        assert interrupt_at >= 0
    return taken, [*module.parameters(), *average.parameters()]


@pytest.fixture
def checkpoints(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return root()


def test_interrupted_training_resumes_bit_for_bit(checkpoints):
    taken, uninterrupted = train()
    assert taken == list(range(12))
    assert not list(checkpoints.iterdir())  # a finished run leaves no checkpoint
    assert train(interrupt_at=10)[0] == list(range(10))
    taken, resumed = train()
    assert taken == [8, 9, 10, 11]
    assert all(torch.equal(a, b) for a, b in zip(uninterrupted, resumed, strict=True))
    assert not torch.equal(uninterrupted[0], uninterrupted[2])  # the average differs from the last weights


def test_checkpoints_cannot_be_resumed_after_a_change_of_the_pretraining(checkpoints):
    folder = checkpoints.parent / "pretrain"
    shutil.copytree(Path(pretrain.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    train(interrupt_at=10)
    (run,) = list_stored()
    assert run.unusable == ""
    (folder / "common" / "options.py").write_text("")
    (run,) = list_stored()
    assert run.unusable == "the code of pretrain has changed"


@pytest.mark.parametrize("changed", [{"lr": 0.04}, {"steps": 16}])
def test_other_settings_start_from_scratch(checkpoints, changed):
    train(interrupt_at=10)
    assert train(**changed)[0][0] == 0
    assert train()[0][0] == 8  # and keep the interrupted run's checkpoint
