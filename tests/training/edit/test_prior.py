"""The loss `prior`: outside the garment the frozen base's own prediction is the target."""

import pytest
import torch
from fixtures_training import encode, make_task, open_training, start, take_step, write_inputs

from atelier.common.checkpoints import CheckpointStore
from atelier.common.rng import make_generator
from atelier.training import loop
from atelier.training.edit.batch import predict_batch, predict_prior
from atelier.training.loop import Epoch, Step
from atelier.training.task import Validation, take

METHODS = ("selective", "full", "lora")
ALL_DROPPED = {"drop_text": 0.3, "drop_image": 0.3, "drop_both": 0.4}


@pytest.fixture(scope="module", name="data")
def _data(editor):
    return encode(editor, 6)


def prior_task(editor, data, **changes):
    return make_task(editor, data, changes.pop("validate", None), loss="prior", **changes)


@pytest.mark.parametrize("method", METHODS)
def test_the_base_stays_what_it_was_while_the_editor_learns(editor, data, method):
    task = prior_task(editor, data, method=method, **ALL_DROPPED)
    state = start(task)
    batch = task.draw(torch.arange(6), make_generator(1))
    before = predict_batch(editor, batch).detach()
    for _ in range(3):
        take_step(state, batch, 2e-2)
    base = predict_prior(task.trainable.model, batch, task.settings)
    assert not base.requires_grad
    torch.testing.assert_close(base, before)  # the same conditions, dropped or not
    assert (predict_batch(state.model, batch) - before).abs().max() > 1e-3
    assert not any(parameter.requires_grad for parameter in editor.unet.parameters())


@pytest.mark.parametrize("method", METHODS)
def test_before_the_first_step_nothing_is_learnt_outside_the_garment(editor, data, method):
    """The loss is that of the garment alone, whatever the weight; without a garment there is no gradient at all."""
    task, heavy = (prior_task(editor, data, method=method, lambda_prior=weight) for weight in (0.0, 100.0))
    batch = task.draw(torch.arange(6), make_generator(2))
    state = start(task)
    torch.testing.assert_close(heavy.loss(state.model, batch), task.loss(state.model, batch))
    batch.zones[:, 0], batch.zones[:, 2] = 0, 1  # a copy of the data's
    heavy.loss(state.model, batch).backward()
    assert max(float(one.grad.abs().max()) for one in state.trained.values() if one.grad is not None) < 1e-5


def test_a_heavy_prior_keeps_the_outside_near_the_base(editor, data):
    kept = {}
    for weight in (0.0, 10.0):
        task = prior_task(editor, data, unfreeze="all", lambda_prior=weight)
        state = start(task)
        batch = task.draw(torch.arange(6), make_generator(3))
        for _ in range(10):
            take_step(state, batch, 1e-2)
        drift = (predict_batch(state.model, batch) - predict_batch(editor, batch)).square().mean(1, keepdim=True)
        kept[weight] = float((drift * (1 - batch.zones[:, :1])).sum().detach())
    assert kept[10.0] < 0.5 * kept[0.0]


def test_micro_batches_give_the_same_loss(editor, data):
    task = prior_task(editor, data)
    state, batch = start(task), task.draw(torch.arange(6), make_generator(4))
    parts = [task.loss(state.model, take(batch, rows)) for rows in torch.arange(6).split(2)]
    torch.testing.assert_close(torch.stack(parts).mean(), task.loss(state.model, batch))


def test_a_stopped_run_resumes_bit_for_bit(editor, data, tmp_path):
    def task():
        scores = iter(range(9))
        found = lambda model, epoch: Validation(float(next(scores)), {"loss": 1.0})  # noqa: E731
        return prior_task(editor, data, validate=found, epochs=2, checkpoint_steps=1, **ALL_DROPPED)

    whole = list(loop.train(task(), CheckpointStore(tmp_path / "a")))
    store = CheckpointStore(tmp_path / "b")
    assert any(isinstance(record, Step) and record.number == 2 for record in loop.train(task(), store))
    resumed = list(loop.train(task(), store))
    first, second = ([float(one.loss) for one in run if isinstance(one, Step)] for run in (whole, resumed))
    assert first == second
    assert not all(one.fresh for one in resumed if isinstance(one, Step))
    assert all(torch.equal(one, resumed[-1].tensors[name]) for name, one in whole[-1].tensors.items())
    assert sum(isinstance(one, Epoch) for one in resumed) == 3


def test_validation_measures_the_same_loss(tiny_editor_folder, tiny_clip_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))
    write_inputs(tmp_path, 8)
    opened = [
        open_training(tmp_path, tiny_editor_folder, tiny_clip_folder, loss="prior", lambda_prior=weight, validation=1)
        for weight in (0.0, 100.0)
    ]
    light, heavy = (job.validator(job.base, 0).scores for job in opened)
    assert light == pytest.approx(heavy, rel=1e-5)  # of the base itself
    assert light["loss"] > 0
