import math
from dataclasses import replace

import pytest
import torch
from fixtures_training import assert_close_together, encode, make_settings, make_task, start, take_step
from transformers import get_cosine_schedule_with_warmup

from atelier.common.checkpoints import CheckpointStore
from atelier.common.errors import UserError
from atelier.common.rng import make_generator
from atelier.models.instruct_pix2pix import Editor
from atelier.training import loop
from atelier.training.edit import block_sets
from atelier.training.edit.batch import batch_loss, draw_batch, predict_batch
from atelier.training.edit.task import EditTask
from atelier.training.edit.validation import Validation
from atelier.training.loop import Epoch, Finished, Step
from atelier.training.state import TrainState, learning_rate


@pytest.fixture(scope="module", name="data")
def _data(editor):
    return encode(editor, 10)


class Scripted:
    """A validation with given scores (the base's first); `seen` are the tensors that it was given."""

    def __init__(self, *scores: float) -> None:
        self.scores, self.seen = list(scores), []

    def __call__(self, editor: Editor, epoch: int) -> Validation:
        self.seen.append({name: tensor.detach().clone() for name, tensor in editor.unet.named_parameters()})
        return Validation(self.scores[len(self.seen) - 1], {"loss": 1.0})


def run(editor, data, folder, validate, **changes):
    return list(loop.train(make_task(editor, data, validate, **changes), CheckpointStore(folder)))


@pytest.mark.parametrize("loss", ["plain", "trimap", "preserve", "prior"])
def test_the_loss_goes_down(editor, data, tmp_path, loss):
    calm = {"drop_text": 0.0, "drop_image": 0.0, "drop_both": 0.0, "loss": loss, "unfreeze": "all"}
    records = run(editor, data, tmp_path, Scripted(*range(30)), epochs=12, batch_size=10, lr=2e-2, patience=30, **calm)
    losses = [float(record.loss) for record in records if isinstance(record, Step)]
    assert len(losses) == 12
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])


def test_only_the_selected_tensors_change(editor, data, tmp_path):
    before = {name: tensor.clone() for name, tensor in editor.unet.named_parameters()}
    validate, chosen = Scripted(0, 1), set(block_sets.select(editor.unet, "attn+mid+up"))
    assert set(run(editor, data, tmp_path, validate, epochs=1)[-1].tensors) == chosen
    for name, tensor in editor.unet.named_parameters():
        assert torch.equal(tensor, before[name])  # the base does not change
        assert torch.equal(validate.seen[1][name], before[name]) == (name not in chosen)
    assert not any(parameter.requires_grad for parameter in editor.unet.parameters())


def test_a_run_yields_the_base_then_every_step_and_epoch_and_is_replayed_from_its_checkpoint(editor, data, tmp_path):
    records = run(editor, data, tmp_path, Scripted(0, 2, 1))
    assert [type(record) for record in records] == [Epoch, *[Step] * 3, Epoch, *[Step] * 3, Epoch, Finished]
    assert [record.number for record in records if isinstance(record, Step)] == [1, 2, 3, 4, 5, 6]
    assert records[8].train_loss == pytest.approx(sum(float(record.loss) for record in records[5:8]) / 3)
    assert records[0].train_loss is None
    again = run(editor, data, tmp_path, Scripted())  # validates nothing
    for repeated, original in zip(again, records, strict=True):
        assert type(repeated) is type(original)
        if isinstance(repeated, Step):
            assert (repeated.fresh, float(repeated.loss)) == (False, float(original.loss))
        elif isinstance(repeated, Epoch):
            one, two = ((r.train_loss, r.validation.score, r.validation.scores) for r in (repeated, original))
            assert one == two
    assert all(torch.equal(tensor, again[-1].tensors[name]) for name, tensor in records[-1].tensors.items())


def test_early_stopping_keeps_the_best_epoch(editor, data, tmp_path):
    validate = Scripted(99, 1, 5, 5, 4, 9)  # the base does not count; a tie is no improvement
    records = run(editor, data, tmp_path, validate, epochs=5, patience=2)
    epochs = [record.number for record in records if isinstance(record, Epoch)]
    assert (epochs, records[-1].best) == ([0, 1, 2, 3, 4], 2)
    for name, tensor in records[-1].tensors.items():
        assert torch.equal(tensor, validate.seen[2][name])
        assert not torch.equal(tensor, validate.seen[4][name])


def test_a_stopped_run_resumes_bit_for_bit(editor, data, tmp_path):
    """Stopped in the middle of an epoch, two steps after the last checkpoint; kill -9 is in edit/test_run."""

    def task(*scores: float) -> EditTask:
        return make_task(editor, data, Scripted(*scores), unfreeze="attn", checkpoint_steps=4, epochs=3)

    whole = list(loop.train(task(0, 1, 3, 2), CheckpointStore(tmp_path / "a")))
    store = CheckpointStore(tmp_path / "b")
    assert any(isinstance(record, Step) and record.number == 6 for record in loop.train(task(0, 1, 3, 2), store))
    resumed = list(loop.train(task(3, 2), store))
    assert [record.fresh for record in resumed if isinstance(record, Step)] == [False] * 4 + [True] * 5
    first, second = ([float(record.loss) for record in run if isinstance(record, Step)] for run in (whole, resumed))
    assert first == second
    assert all(torch.equal(tensor, resumed[-1].tensors[name]) for name, tensor in whole[-1].tensors.items())


def test_every_epoch_sees_each_triplet_once_in_its_own_order():
    settings = make_settings(batch_size=4)
    epochs = [torch.cat([loop.rows_of(3 * epoch + step, 10, settings) for step in range(3)]) for epoch in range(2)]
    assert all(sorted(order.tolist()) == list(range(10)) for order in epochs)
    assert not torch.equal(*epochs)


def test_a_loss_that_is_not_finite_stops_with_advice(editor, data, tmp_path):
    broken = replace(data, targets=data.targets * math.inf)
    with pytest.raises(UserError, match=r"the loss of step 1 is nan; lower train\.lr"):
        run(editor, broken, tmp_path, Scripted(0))


def test_learning_rate_rises_then_follows_transformers_cosine():
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.5)
    (factor,) = get_cosine_schedule_with_warmup(optimizer, num_warmup_steps=10, num_training_steps=100).lr_lambdas
    expected = [0.5 * factor(step) for step in range(100)]
    ours = [learning_rate(step, 100, 0.1, 0.5) for step in range(100)]
    assert ours[10:] == pytest.approx(expected[10:])
    assert ours[:10] == pytest.approx(expected[1:11])  # ours starts one step later: at a rate of 0 nothing is learnt
    assert learning_rate(0, 1, 0.0, 0.5) == 0.5


def by_hand_adamw(values, gradients, moments, number, settings, lr):
    """Loshchilov and Hutter, algorithm 2, after clipping to the global norm; in float64."""
    norm = math.sqrt(sum(float(g.square().sum()) for g in gradients.values()))
    scale = min(1.0, settings.clip_norm / (norm + 1e-6))
    for name, gradient in gradients.items():
        first, second = moments[name]
        first.mul_(0.9).add_(0.1 * scale * gradient)
        second.mul_(0.999).add_(0.001 * (scale * gradient).square())
        change = (first / (1 - 0.9**number)) / ((second / (1 - 0.999**number)).sqrt() + 1e-8)
        values[name] = values[name] - lr * settings.weight_decay * values[name] - lr * change


def test_steps_equal_adamw_and_ema_by_hand(editor, data):
    task = make_task(editor, data, unfreeze="attn", weight_decay=0.1, clip_norm=0.05, ema=0.8)
    settings, names = task.settings, list(task.trainable.names)
    state, shadow = (start(task) for _ in range(2))
    values = {name: tensor.detach().double() for name, tensor in state.trained.items()}
    average = dict(values)
    moments = {name: (torch.zeros_like(v), torch.zeros_like(v)) for name, v in values.items()}
    for number in (1, 2, 3):
        batch = draw_batch(editor, data, torch.arange(4), make_generator(number), 0.3)
        with torch.no_grad():
            for name, tensor in shadow.trained.items():
                tensor.copy_(state.trained[name])
        loss = batch_loss(predict_batch(shadow.model, batch), batch, settings, "v_prediction")
        computed = torch.autograd.grad(loss, list(shadow.trained.values()))
        gradients = {name: gradient.double() for name, gradient in zip(names, computed, strict=True)}
        by_hand_adamw(values, gradients, moments, number, settings, lr=1e-3)
        torch.testing.assert_close(take_step(state, batch, 1e-3), loss.detach())
        average = {name: 0.8 * average[name] + 0.2 * value for name, value in values.items()}
    for name in names:
        torch.testing.assert_close(state.trained[name].detach().double(), values[name], atol=2e-6, rtol=1e-5)
        torch.testing.assert_close(state.ema[name].detach().double(), average[name], atol=2e-6, rtol=1e-5)
        assert torch.equal(state.ema_model().unet.get_parameter(name), state.ema[name])  # not the initial values


def take_steps(editor, data, rows, **changes) -> tuple[TrainState, list[float]]:
    """Train all tensors for three steps on the triplets `rows`; return the state and the losses."""
    task = make_task(editor, data, **{"unfreeze": "all", "drop_text": 0, "drop_image": 0, "drop_both": 0} | changes)
    state = start(task)
    batches = [task.draw(rows, make_generator(number)) for number in range(3)]
    return state, [float(take_step(state, batch, 1e-3, task.settings.accumulate)) for batch in batches]


@pytest.mark.parametrize("loss", ["plain", "trimap", "preserve"])
@pytest.mark.parametrize("passes", [2, 3, 9])
def test_micro_batches_give_the_same_step(editor, data, passes, loss):
    """Seven samples in micro-batches of 4 + 3, 3 + 2 + 2, and one each."""
    rows = torch.arange(7)
    whole, losses = take_steps(editor, data, rows, loss=loss)
    parted, same = take_steps(editor, data, rows, loss=loss, accumulate=passes)
    assert same == pytest.approx(losses, rel=1e-5)
    # AdamW's running means of the gradients: unlike its steps they show their scale
    means = [{k: v for k, v in state.state_dict().items() if k.endswith("/exp_avg")} for state in (whole, parted)]
    assert_close_together(*means)


def test_gradient_checkpointing_changes_nothing(editor, data):
    rows = torch.arange(4)
    (kept, losses), (again, same) = (
        take_steps(editor, data, rows, gradient_checkpointing=flag) for flag in (False, True)
    )
    assert again.model.unet.is_gradient_checkpointing
    assert not again.ema_model().unet.is_gradient_checkpointing
    assert not editor.unet.is_gradient_checkpointing
    assert same == losses
    assert all(torch.equal(again.trained[name], tensor) for name, tensor in kept.trained.items())
