"""Which optimiser is made, what is refused, and that one whose state is not all tensors goes on where it was."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from fixtures_training import make_settings, make_triplet

from atelier.common.checkpoints import CheckpointStore
from atelier.common.errors import UserError
from atelier.common.rng import make_generator
from atelier.models.instruct_pix2pix import load_editor
from atelier.training import state as learner
from atelier.training.edit import block_sets
from atelier.training.edit.batch import draw_batch
from atelier.training.edit.dataset import encode_triplets
from atelier.training.edit.task import EditSubject
from atelier.training.optimizers import make_optimizer

ON_CUDA = [SimpleNamespace(device=torch.device("cuda"))]
EIGHT_BIT = make_settings(optimizer="adamw8bit", weight_decay=0.25, lr=3e-4)


class Counting(torch.optim.Optimizer):
    """Has the state of bitsandbytes' AdamW8bit: steps in an int, bytes, and a table that all tensors share."""

    def __init__(self, tensors, lr: float, weight_decay: float) -> None:
        super().__init__(tensors, {"lr": lr, "weight_decay": weight_decay})
        self.table = torch.linspace(-1, 1, 256)

    def load_state_dict(self, kept: dict) -> None:
        """Without torch's casts to the tensors' type."""
        tensors = [tensor for group in self.param_groups for tensor in group["params"]]
        for number, state in kept["state"].items():
            self.state[tensors[number]] = state

    def step(self) -> None:
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


@pytest.fixture(name="bitsandbytes")
def _bitsandbytes(monkeypatch):
    package, optim = ModuleType("bitsandbytes"), ModuleType("bitsandbytes.optim")
    optim.AdamW8bit = lambda tensors, lr, weight_decay: (tensors, lr, weight_decay)
    monkeypatch.setitem(sys.modules, "bitsandbytes", package)
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", optim)


def test_eight_bits_are_bitsandbytes_with_our_values(bitsandbytes):
    assert make_optimizer(EIGHT_BIT, ON_CUDA) == (ON_CUDA, 3e-4, 0.25)


def test_eight_bits_need_cuda(bitsandbytes):
    with pytest.raises(UserError, match=r"train\.optimizer: adamw8bit needs a CUDA device"):
        make_optimizer(EIGHT_BIT, [torch.zeros(2)])


def test_eight_bits_are_not_sharded(bitsandbytes):
    with pytest.raises(UserError, match="can't be sharded"):
        make_optimizer(EIGHT_BIT, [SimpleNamespace(device=torch.device("cuda"), placements=())])


def test_what_to_install_is_said_where_bitsandbytes_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[adamw8bit\]'$"):
        make_optimizer(EIGHT_BIT, ON_CUDA)


def test_a_state_that_is_not_all_tensors_goes_on_bit_for_bit(tiny_editor_folder, monkeypatch, tmp_path):
    monkeypatch.setattr(learner, "make_optimizer", lambda settings, tensors: Counting(tensors, 1e-2, 0.0))
    editor = load_editor(tiny_editor_folder, device="cpu")
    rows = [make_triplet(number) for number in range(4)]
    data = encode_triplets(editor, [t for t, _ in rows], {zone.row_id: zone for _, zone in rows})
    names = block_sets.select(editor.unet, "attn")
    first, second = (learner.TrainState(EditSubject(editor, names, make_settings())) for _ in range(2))
    batches = [[draw_batch(editor, data, torch.arange(4), make_generator(number), 0.3)] for number in range(3)]
    for batch in batches[:2]:
        first.learn(batch, 1e-2)
    store = CheckpointStore(tmp_path)
    store.save(2, first.state(), {})  # files of tensors refuse two names for one memory
    second.restore(store.load()[0])
    assert torch.equal(first.learn(batches[2], 1e-2), second.learn(batches[2], 1e-2))
    one, other = first.state(), second.state()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) and one[name].dtype == other[name].dtype for name in one)
    assert {int(value) for name, value in other.items() if name.endswith("/step")} == {3}
