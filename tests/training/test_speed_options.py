"""Options that change a training step's speed and not what it computes: compiled blocks, determinism."""

import os

import pytest
import torch
from fixtures_training import assert_close_together, encode, make_task, start, take_step
from torch import nn

from atelier.common import determinism
from atelier.common.errors import UserError
from atelier.common.rng import make_generator
from atelier.training import compiling


def train(editor, data, state=None, first=0, steps=3, **changes):
    task = make_task(editor, data, **changes)
    state = state or start(task)
    for number in range(first, first + steps):
        take_step(state, task.draw(torch.arange(4), make_generator(1, number)), 1e-3)
    return state


@pytest.fixture(scope="module", name="data")
def _data(editor):
    return encode(editor, 4)


def test_compiled_blocks_compute_the_same(editor, data, monkeypatch):
    monkeypatch.setattr(compiling, "_BACKEND", "aot_eager")  # traces and runs: no C++ compiler is needed
    plain = train(editor, data, method="selective", steps=1)
    torch._dynamo.utils.counters.clear()
    compiled = train(editor, data, method="selective", steps=1, compile=True)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 2
    assert_close_together(plain.trained, compiled.trained)
    assert not any(module._compiled_call_impl for module in compiled.ema_model().unet.modules())
    torch._dynamo.reset()


def test_what_cannot_be_compiled_is_refused(monkeypatch):
    with pytest.raises(UserError, match=r"train\.compile: the network has none of the blocks"):
        compiling.compile_blocks(nn.Linear(1, 1), torch.device("cpu"))
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match=r"train\.compile: needs a C\+\+ compiler"):
        compiling.compile_blocks(nn.Linear(1, 1), torch.device("cpu"))


@pytest.mark.parametrize(("wanted", "gpu"), [(True, True), (True, False), (False, True)])
def test_deterministic_algorithms_on_a_gpu_alone(monkeypatch, wanted, gpu):
    called = []
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch, "use_deterministic_algorithms", called.append)
    determinism.set_deterministic(wanted)
    assert called == ([True] if wanted and gpu else [])
    assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == (":4096:8" if wanted and gpu else None)
