"""Checkpoints: which run they belong to, damaged ones, and what is never stored."""

import functools
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import import_graph
import numpy as np
import pytest
import torch
from fixtures_training import encode, make_task

import atelier
from atelier.common import checkpoints
from atelier.common.checkpoints import TRAINING, CheckpointStore
from atelier.common.errors import UserError
from atelier.data import prepare
from atelier.models.base import share
from atelier.training.concept.task import keep_last
from atelier.training.edit.task import EditTask
from atelier.training.loop import open_store, train


def test_two_checkpoints_are_kept_and_the_newest_counts(tmp_path):
    store = CheckpointStore(tmp_path / "key")
    assert store.load() is None
    for step in (9, 10, 11):
        store.save(step, {"a": torch.full((2,), float(step))}, {"epochs": []})
    (tmp_path / "key/.partial-0011").mkdir()  # a writer was killed
    tensors, facts = store.load()
    assert (tensors["a"].tolist(), facts) == ([11.0, 11.0], {"step": 11, "epochs": []})
    assert sorted(path.name[-2:] for path in (tmp_path / "key").glob("step-*")) == ["10", "11"]
    store.discard()
    assert store.load() is None


def damage(folder: Path, number: int) -> None:
    """Damage a checkpoint in one of the ways of broken disks, torn writes and careless hands."""
    rng = np.random.default_rng(number)
    victim = sorted(folder.iterdir())[int(rng.integers(len(list(folder.iterdir()))))]
    content = bytearray(victim.read_bytes())
    place = int(rng.integers(len(content)))
    match number % 10:
        case 0:
            content[place] ^= 1 << int(rng.integers(8))
        case 1:
            del content[place:]
        case 2:
            content[place : place + 64] = bytes(len(content[place : place + 64]))
        case 3:
            content += rng.bytes(9)
        case 4:
            content = bytearray(rng.choice([b"", b"{}", b"[]", b"null", b"0"]))
        case 5:
            content = content.replace(b"24", b"3").replace(b'"step"', b'"stop"') + b" "
        case 6:
            victim.unlink()
            return
        case 7:
            shutil.rmtree(folder)
            folder.mkdir()
            return
        case 8:
            victim.unlink()
            victim.mkdir()
            return
        case 9:
            (folder / "more.json").write_text("{}")
    victim.write_bytes(content)


@pytest.mark.parametrize("both", [False, True], ids=["newest", "both"])
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_is_used(tmp_path, capsys, both):
    """150 stores in all: nothing is raised, one line names what was set aside, and no other weights are returned."""
    for number in range(75):
        store = CheckpointStore(tmp_path / str(number))
        for step in (12, 24):
            store.save(step, {"weight": torch.full((9, 9), 1.0 / step), "count": torch.tensor(step)}, {"epochs": [[0]]})
        for step in (24, 12) if both else (24,):
            damage(store.folder / f"step-{step:08d}", number + 1000 * step)
        found = store.load()
        if both:
            assert found is None
        else:
            assert found[1] == {"step": 12, "epochs": [[0]]}
            assert torch.equal(found[0]["weight"], torch.full((9, 9), 1.0 / 12))
        lines = capsys.readouterr().err.splitlines()
        assert [line.split(": damaged")[0][-8:] for line in lines] == ["00000024", "00000012"][: 1 + both], number
        assert (store.folder / "damaged-step-00000024").is_dir()


def test_what_is_not_finite_is_neither_stored_nor_replaces_what_was(tmp_path):
    store = CheckpointStore(tmp_path / "key")
    store.save(1, {"a": torch.ones(2)}, {})
    with pytest.raises(UserError, match="b is not finite"):
        store.save(2, {"a": torch.ones(2), "b": torch.tensor([1.0, float("nan")])}, {})
    assert store.load()[1] == {"step": 1}
    assert [path.name for path in store.folder.iterdir()] == ["step-00000001"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("at", [6, 14], ids=["within", "in the last step"])
def test_a_gradient_that_is_not_finite_ends_the_run_and_the_state_before_it_remains(
    editor, tmp_path, monkeypatch, at, value
):
    """Steps 1 to 14, a checkpoint after every 5; the loss is finite in the step whose gradient is not."""
    calls = []

    class Broken(EditTask):
        def loss(self, model, batch):
            calls.append(1)
            scale = value if len(calls) == at else 1.0
            loss = super().loss(model, batch)
            loss.register_hook(lambda gradient: gradient * scale)
            return loss

    def task(kind: type[EditTask]) -> EditTask:
        made = make_task(editor, encode(editor, 14), keep_last, epochs=2, batch_size=2, patience=9)
        return kind(made.trainable, made.data, made.settings, made.validate)

    whole = list(train(task(EditTask), CheckpointStore(tmp_path / "whole")))[-1]
    store = CheckpointStore(tmp_path / "key")
    step = at if at == 14 else at + 1
    with pytest.raises(UserError, match=rf"step {step} is (nan|not finite); lower train\.lr"):
        list(train(task(Broken), store))
    tensors, facts = store.load()
    assert facts["step"] == (5 if at == 6 else 10)
    assert all(bool(one.isfinite().all()) for one in tensors.values())
    resumed = list(train(task(EditTask), store))[-1]
    assert all(torch.equal(resumed.tensors[name], tensor) for name, tensor in whole.tensors.items())


def test_an_equal_run_waits_for_the_first(tmp_path, capsys):
    """Both own the checkpoints, one after the other; nothing of the first is left for the second."""
    store, order = CheckpointStore(tmp_path / "key", {"a": 1}), []

    def second() -> None:
        with CheckpointStore(tmp_path / "key", {"a": 1}).owned():
            order.append(("second", store.load()))

    with store.owned():
        store.save(1, {"a": torch.ones(1)}, {})
        other = threading.Thread(target=second)
        other.start()
        said, deadline = "", time.monotonic() + 60
        while "another process computes the same; waiting" not in said and time.monotonic() < deadline:
            time.sleep(0.05)
            said += capsys.readouterr().err
        order.append(("first", None))
    other.join(timeout=60)
    assert order == [("first", None), ("second", None)]
    assert "another process computes the same; waiting" in said
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_belongs_to_what_is_trained_on_and_with(editor, tmp_path, monkeypatch):
    """The key is made of the encoded rows, the model's tensors, the validation and the settings, not of file names."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    data, other = encode(editor, 4), replace(editor, unet=share(editor.unet))
    first = open_store(make_task(editor, data))
    assert first == open_store(make_task(editor, encode(editor, 4)))
    assert first.folder.parent == tmp_path / ".ckpt"
    with torch.no_grad():
        other.unet.conv_in.weight = torch.nn.Parameter(editor.unet.conv_in.weight + 1e-3)
    tasks = [
        make_task(editor, data, lr=2e-3),
        make_task(editor, encode(editor, 5)),
        make_task(editor, replace(data, sources=data.sources + 1e-3)),
        make_task(other, data),
        make_task(editor, data, functools.partial(keep_last, 1)),
        make_task(editor, data, functools.partial(keep_last, 2)),
    ]
    assert len({store.folder for store in [first, *map(open_store, tasks)]}) == 7


@pytest.mark.parametrize(("edited", "kept"), [("report/gather.py", True), ("training/losses.py", False)])
def test_a_checkpoint_belongs_to_the_code_of_training(tmp_path, monkeypatch, edited, kept):
    """An edit elsewhere in the package keeps it valid."""
    package = shutil.copytree(Path(atelier.__file__).parent, tmp_path / "atelier")
    monkeypatch.setattr(atelier, "__file__", str(package / "__init__.py"))
    before = checkpoints.open_store({})
    (package / edited).write_text('"""Another docstring."""\n' + (package / edited).read_text())
    assert (checkpoints.open_store({}) == before) is kept


TRAININGS = {"atelier.training.edit.run"} | import_graph.imports(import_graph.ROOT / "studies/common/train.py")


@pytest.mark.parametrize(("code", "entries"), [(TRAINING, TRAININGS), (prepare.CODE, {"atelier.data.prepare"})])
def test_the_code_in_a_checkpoint_key_is_what_the_run_imports(code, entries):
    modules = import_graph.modules("atelier")
    package = modules["atelier"].parent
    without_effect = frozenset({"atelier.cli", "atelier.common.errors", "atelier.tracking"})
    without_effect |= {name for name in modules if f"{name}.".startswith("atelier.config.")}  # settings are in the key
    needed = {modules[name] for name in import_graph.reached(entries, without_effect) & modules.keys()}
    named = {package / name for name in code}
    assert {file for file in needed if not any(file.is_relative_to(one) for one in named)} == set()
    assert {one for one in named if not any(file.is_relative_to(one) for file in needed)} == set()
