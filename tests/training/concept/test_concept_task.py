"""What a step of concept learning sees and what it is trained on, against loops over its samples."""

from dataclasses import replace

import pytest
import torch
from fixtures_concepts import ADAPTERS, draw_all, make_rows, make_task
from fixtures_training import start, take_step

from atelier.images.tensors import to_tensor
from atelier.models.base import to_latents
from atelier.training.distributed import micro_batches
from atelier.training.task import take


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_each_error_has_one_weight_under_min_snr_and_prior_preservation(sd, kind):
    """diffusers' DreamBooth script splits B losses off 2 B samples and multiplies them by 2 B weights."""
    scheduler = type(sd.parts["scheduler"]).from_config(sd.parts["scheduler"].config, prediction_type=kind)
    model = replace(sd, parts={**sd.parts, "scheduler": scheduler})
    rows = make_rows(2) + [replace(row, prompt="a person", weight=0.25) for row in make_rows(5)[2:]]
    task = make_task(model, rows, snr_gamma=5.0, batch_size=5)
    order, part = draw_all(task)
    with torch.no_grad():
        loss = task.loss(model, part)
        prediction = model.network(part.noised.noisy, part.noised.timesteps, part.prompts)
    total = 0.0
    for number, row in enumerate(order.tolist()):
        share = float(scheduler.alphas_cumprod[part.noised.timesteps[number]])
        ratio = share / max(1 - share, 1e-12)
        weight = min(ratio, 5.0) / (max(ratio, 1e-12) if kind == "epsilon" else ratio + 1) if share else (
            1.0 if kind == "epsilon" else 0.0
        )  # fmt: skip
        error = float((prediction[number] - part.noised.target[number]).square().mean())
        total += rows[row].weight * weight * error / len(rows)
    assert part.weights.shape == (5,)
    assert float(loss) == pytest.approx(total, rel=1e-4)


def test_a_weight_of_zero_is_as_if_the_row_were_not_learnt_from(sd):
    rows = make_rows(3)
    silent = [*rows[:2], replace(rows[2], weight=0.0)]
    other = [*rows[:2], replace(rows[2], pixels=rows[0].pixels, weight=0.0)]
    one, two = (make_task(sd, given, batch_size=3) for given in (silent, other))
    assert float(one.loss(sd, draw_all(one)[1])) == float(two.loss(sd, draw_all(two)[1]))


def test_latents_are_kept_by_row_and_meet_their_own_prompts_in_any_order(sd):
    """diffusers' script caches latents by step; from the second epoch on its order is another one."""
    rows = [replace(row, prompt=f"{row.prompt} {'red ' * number}") for number, row in enumerate(make_rows(5))]
    task = make_task(sd, rows)
    latents = to_latents(sd, to_tensor([row.pixels for row in rows]))
    contexts = sd.encode([row.prompt for row in rows]).context
    seen = []
    for step in range(9):  # three epochs
        order, part = draw_all(task, step)
        for number, row in enumerate(order.tolist()):
            share = sd.parts["scheduler"].alphas_cumprod[part.noised.timesteps[number]]
            clean = share.sqrt() * part.noised.noisy[number] - (1 - share).sqrt() * part.noised.target[number]
            torch.testing.assert_close(clean, latents[row], atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(part.prompts.context[number], contexts[row], atol=1e-5, rtol=1e-4)
            seen.append(row)
    assert [sorted(seen[start : start + 5]) for start in (0, 5, 10)] == [[0, 1, 2, 3, 4]] * 3
    assert seen[:5] != seen[5:10]


@pytest.mark.parametrize("parts", [2, 5])
def test_micro_batches_give_the_same_loss(sd, parts):
    task = make_task(sd, [replace(row, weight=0.5 + n) for n, row in enumerate(make_rows())], batch_size=5)
    _, whole = draw_all(task)
    losses = [float(task.loss(sd, take(whole, part.rows))) * part.weight for part in micro_batches(5, parts)]
    assert sum(losses) == pytest.approx(float(task.loss(sd, whole)), rel=1e-5)


def test_the_text_encoder_has_its_own_learning_rate(sd):
    """AdamW's first step is the learning rate, whatever the gradient."""
    task = make_task(sd, **{**ADAPTERS, "text_lr": 5e-4}, lr=1e-3, weight_decay=1e-9)
    state = start(task)
    before = {name: tensor.detach().clone() for name, tensor in state.trained.items()}
    take_step(state, draw_all(task)[1], 1e-3)
    for part, rate in {"unet": 1e-3, "text_encoder": 5e-4}.items():
        own = {name: tensor.detach() for name, tensor in state.trained.items() if name.startswith(part)}
        largest = max(float((tensor - before[name]).abs().max()) for name, tensor in own.items())
        assert largest == pytest.approx(rate, rel=1e-2), part


@pytest.mark.parametrize(("schedule", "last"), [("constant", 0.01), ("cosine", 0.005)])
def test_learning_rates(sd, schedule, last):
    task = make_task(sd, schedule=schedule, warmup=0.5)
    assert [task.learning_rate(step, 4) for step in range(4)] == pytest.approx([0.005, 0.01, 0.01, last])


def test_prompts_are_encoded_in_the_step_where_text_is_trained_else_once(sd):
    for changes, in_step in ((ADAPTERS, True), ({**ADAPTERS, "text_lr": 0.0}, False)):
        prompts = make_task(sd, **changes).prompts
        assert (prompts.tokens is not None, prompts.context is None) == (in_step, in_step)


@pytest.mark.parametrize("name", ["sd", "sd3"])
def test_gradient_checkpointing_changes_nothing(request, name):
    model, found = request.getfixturevalue(name), []
    for flag in (False, True):
        task = make_task(model, **{**ADAPTERS, "text_lr": 0.0}, gradient_checkpointing=flag)
        state = start(task)
        take_step(state, draw_all(task)[1], 1e-2)
        found.append((state.model.denoiser, state.trained))
    (kept, once), (again, twice) = found
    assert (kept.is_gradient_checkpointing, again.is_gradient_checkpointing) == (False, True)
    assert all(torch.equal(tensor, twice[name]) for name, tensor in once.items())
