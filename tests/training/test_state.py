"""The optimizer that is made or refused, and the resume of one whose state is not tensors only."""

import sys
from types import SimpleNamespace

import pytest
import torch
from diffusers.training_utils import EMAModel
from fixtures_training import encode, make_settings, make_task, start, take_step

from atelier.common.checkpoints import CheckpointStore
from atelier.common.errors import UserError
from atelier.common.rng import make_generator
from atelier.training import state
from atelier.training.distributed import micro_batches
from atelier.training.state import TrainState, ema_decay, make_optimizer

ON_CUDA = [SimpleNamespace(device=torch.device("cuda"))]
EIGHT_BIT = make_settings(optimizer="adamw8bit", weight_decay=0.25, lr=3e-4)


class Counting(torch.optim.Optimizer):
    """An optimizer with the state of bitsandbytes' AdamW8bit: an int of steps, bytes, and a table shared by all."""

    def __init__(self, tensors, lr: float, weight_decay: float) -> None:
        super().__init__(tensors, {"lr": lr, "weight_decay": weight_decay})
        self.table = torch.linspace(-1, 1, 256)

    def load_state_dict(self, kept: dict) -> None:
        """Load without torch's casts to the parameters' dtype."""
        tensors = [tensor for group in self.param_groups for tensor in group["params"]]
        for number, values in kept["state"].items():
            self.state[tensors[number]] = values

    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for tensor in group["params"]:
                state = self.state[tensor]
                state.setdefault("step", 0)
                state.setdefault("state1", torch.zeros(tensor.shape, dtype=torch.uint8))
                state.setdefault("absmax1", torch.zeros(3))
                state["qmap1"] = self.table
                state["step"] += 1
                state["state1"] += 3
                state["absmax1"] += 0.5
                tensor.data.add_(tensor.grad, alpha=-group["lr"] / state["step"])


def test_eight_bits_are_bitsandbytes_with_our_values_on_cuda_alone_and_not_sharded(monkeypatch, editor):
    made = SimpleNamespace(AdamW8bit=lambda tensors, lr, weight_decay: (tensors, lr, weight_decay))
    monkeypatch.setitem(sys.modules, "bitsandbytes", made)
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", made)
    assert make_optimizer(EIGHT_BIT, ON_CUDA) == (ON_CUDA, 3e-4, 0.25)
    with pytest.raises(UserError, match=r"train\.optimizer: adamw8bit needs a CUDA device"):
        make_optimizer(EIGHT_BIT, [torch.zeros(2)])
    with pytest.raises(UserError, match="can't be sharded"):
        TrainState(make_task(editor, None, method="full", optimizer="adamw8bit"), SimpleNamespace(is_fsdp2=True))


def test_the_error_names_what_to_install_where_bitsandbytes_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[adamw8bit\]'$"):
        make_optimizer(EIGHT_BIT, ON_CUDA)


def test_a_state_with_integers_resumes_bit_for_bit(editor, monkeypatch, tmp_path):
    monkeypatch.setattr(state, "make_optimizer", lambda settings, tensors: Counting(tensors, 1e-2, 0.0))
    task = make_task(editor, encode(editor, 4), unfreeze="attn")
    first, second = (start(task) for _ in range(2))
    batches = [task.draw(torch.arange(4), make_generator(number)) for number in range(3)]
    for batch in batches[:2]:
        take_step(first, batch, 1e-2)
    store = CheckpointStore(tmp_path)
    store.save(2, first.state_dict(), {})  # safetensors refuses two names for one memory
    second.load_state_dict(store.load()[0])
    assert torch.equal(take_step(first, batches[2], 1e-2), take_step(second, batches[2], 1e-2))
    one, other = first.state_dict(), second.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) and one[name].dtype == other[name].dtype for name in one)
    assert {int(value) for name, value in other.items() if name.endswith("/step")} == {3}


@pytest.mark.parametrize("decay", [0.5, 0.99, 0.9999])
def test_the_decay_warms_up_as_that_of_diffusers(decay):
    """From the second step on; in the first one diffusers copies the weights."""
    theirs = EMAModel([torch.zeros(1)], decay=decay)
    for step in (1, 2, 10, 500, 10_000):
        assert ema_decay(step, decay, warmup=True) == pytest.approx(theirs.get_decay(step + 1))
    assert ema_decay(0, decay, warmup=True) == min(decay, 0.1)
    assert {ema_decay(step, decay, warmup=False) for step in (0, 1, 500)} == {decay}


@pytest.mark.parametrize(("warmup", "least", "most"), [(True, 0.5, 1.0), (False, 0.0, 0.01)])
def test_the_average_of_a_short_run_leaves_the_base_only_with_warm_up(editor, warmup, least, most):
    """Share of the way from the base to the trained tensors, after eight steps with a decay for long runs."""
    task = make_task(editor, encode(editor, 4), unfreeze="attn", ema=0.9999, ema_warmup=warmup)
    found = start(task)
    base = {name: tensor.detach().clone() for name, tensor in found.trained.items()}
    for step in range(8):
        batch = task.draw(torch.arange(4), make_generator(step))
        found.step(batch, micro_batches(4, 1), 1e-3, step)
    way = sum(float((found.trained[name].detach() - base[name]).square().sum()) for name in base) ** 0.5
    gone = sum(float((found.ema[name] - base[name]).square().sum()) for name in base) ** 0.5
    assert least < gone / way < most
