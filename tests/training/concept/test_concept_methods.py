"""Concept methods in the training loop: what they change, and that they resume."""

import math
import re
from dataclasses import replace

import pytest
import torch
from fixtures_concepts import ADAPTERS, INVERSION, PROMPTS, draw_all, learn, make_concept, make_rows, make_task
from fixtures_training import start, take_step

from atelier.common.checkpoints import CheckpointStore
from atelier.common.errors import UserError
from atelier.models.loading import load_model
from atelier.sampling.text_to_image import generate
from atelier.training.loop import Epoch, Finished, Step, train
from atelier.training.task import Validation

METHODS = {"dreambooth": {}, "textual_inversion": INVERSION, "lora": ADAPTERS}
STABLE_LR = {"dreambooth": 5e-3, "textual_inversion": 2e-2, "lora": 2e-2}
"""Rates at which weights changed by 0.1 % move the ratio of the losses by less than 0.005: the same on every CPU."""


def snapshot(model) -> dict[str, torch.Tensor]:
    """Copy every tensor of the network, by name; token tables have the names that they have in the base."""
    return {name.replace(".table.", "."): tensor.clone() for name, tensor in model.network.state_dict().items()}


@pytest.mark.parametrize("method", METHODS)
def test_only_what_the_method_names_changes_and_the_base_does_not(sd, tmp_path, method):
    before, task = snapshot(sd), make_task(sd, **METHODS[method])
    trained = learn(task, tmp_path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in snapshot(sd).items())
    own, started = (dict(model.network.named_parameters()) for model in (trained, task.trainable.model))
    changed = {name for name, tensor in own.items() if not torch.equal(tensor, started[name])}
    assert changed <= set(task.trainable.names)
    # the latent in the middle is one cell: self-attention has one value to attend to
    assert all(re.match(r"unet.mid_block.*attn1.to_[qk]", name) for name in set(task.trainable.names) - changed)
    assert not any(parameter.requires_grad for parameter in sd.network.parameters())
    if method == "dreambooth":  # the whole UNet and no text
        assert set(task.trainable.names) == {f"unet.{name}" for name, _ in sd.network.unet.named_parameters()}


def test_textual_inversion_changes_the_new_rows_alone(sd, tmp_path):
    task = make_task(sd, **INVERSION, weight_decay=0.5, ema=0.5)
    before = snapshot(sd)
    trained = snapshot(learn(task, tmp_path))
    (rows,) = task.trainable.names
    assert trained.keys() - before.keys() == {rows}
    assert all(torch.equal(trained[name], tensor) for name, tensor in before.items())  # the old rows of the table too
    word = sd.parts["tokenizer"]("shirt", add_special_tokens=False).input_ids
    started = dict(task.trainable.model.network.named_parameters())[rows]
    assert torch.equal(started, before["text_encoder.embeddings.token_embedding.weight"][word * 2])
    assert trained[rows].shape == (2, 16)
    assert not torch.equal(*trained[rows])
    assert "<logo>" not in sd.parts["tokenizer"].get_vocab()


@torch.no_grad()
def fixed_loss(task, model) -> float:
    """Return the mean loss at fixed noise."""
    parts = [draw_all(task, step)[1] for step in range(4)]
    return sum(float(task.loss(model, part)) for part in parts) / len(parts)


@pytest.mark.parametrize("method", METHODS)
def test_the_loss_goes_down(sd, tmp_path, method):
    task = make_task(sd, make_rows(repeats=2), **METHODS[method] | {"lr": STABLE_LR[method]}, epochs=1, batch_size=1)
    assert fixed_loss(task, learn(task, tmp_path)) < 0.99 * fixed_loss(task, task.trainable.model)


def test_adapters_and_their_moments_are_float32_on_a_bfloat16_base(sd_folder):
    task = make_task(load_model(sd_folder, "bfloat16", "cpu"), **ADAPTERS)
    state = start(task)
    assert math.isfinite(take_step(state, draw_all(task)[1], 1e-2))
    assert {tensor.dtype for tensor in state.state_dict().values()} == {torch.float32}
    for name, tensor in state.model.network.named_parameters():
        assert tensor.dtype == (torch.float32 if name in task.trainable.names else torch.bfloat16)
    assert generate(state.ema_model(), PROMPTS[:1], [1], steps=2, guidance=4.0).isfinite().all()


@pytest.mark.parametrize("changes", [INVERSION, ADAPTERS], ids=["textual_inversion", "lora with text encoder"])
def test_the_best_epoch_is_returned_and_a_stopped_run_resumes_bit_for_bit(sd, tmp_path, changes):
    seen = []

    def validate(model, epoch):
        seen.append(snapshot(model))
        pictures = torch.full((1, 2, 2, 3), epoch, dtype=torch.uint8)
        return Validation([9.0, 1.0, 3.0, 2.0][epoch], {"overfit": 0.5 * epoch}, pictures)

    task = make_task(sd, validate=validate, **changes, checkpoint_steps=4, ema=0.5, epochs=3)
    whole = list(train(task, CheckpointStore(tmp_path / "whole")))
    assert (len(seen), whole[-1].best) == (4, 2)
    assert all(torch.equal(tensor, seen[2][name]) for name, tensor in whole[-1].tensors.items())
    store = CheckpointStore(tmp_path / "stopped")
    assert any(isinstance(record, Step) and record.number == 5 for record in train(task, store))  # stopped there
    resumed = list(train(task, store))
    assert [record.fresh for record in resumed if isinstance(record, Step)] == [False] * 4 + [True] * 5
    for one, other in zip(whole, resumed, strict=True):
        if isinstance(one, Epoch):
            assert one.validation.scores == other.validation.scores
            assert torch.equal(one.validation.images, other.validation.images)
    assert isinstance(resumed[-1], Finished)
    assert all(torch.equal(tensor, resumed[-1].tensors[name]) for name, tensor in whole[-1].tensors.items())


def test_without_ema_the_model_is_the_trained_one(sd):
    task = make_task(sd)
    state = start(task)
    take_step(state, draw_all(task)[1], 1e-2)
    assert all(torch.equal(tensor, state.ema[name]) for name, tensor in state.trained.items())


def test_adapters_of_an_sd3_transformer_learn_by_flow_matching(sd3, tmp_path):
    before = snapshot(sd3)
    task = make_task(sd3, make_rows(repeats=4), **{**ADAPTERS, "text_lr": 0.0}, lr=2e-2, epochs=1)
    assert fixed_loss(task, learn(task, tmp_path)) < 0.99 * fixed_loss(task, task.trainable.model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in snapshot(sd3).items())
    _, part = draw_all(task)
    with torch.no_grad():
        prediction = sd3.network(part.noised.noisy, part.noised.timesteps, part.prompts)
        loss = task.loss(sd3, part)
    torch.testing.assert_close(loss, (prediction - part.noised.target).square().mean())  # no σ²


def test_a_placeholder_that_no_prompt_contains_is_refused(sd):
    rows = [replace(row, prompt=PROMPTS[0]) for row in make_rows()]
    with pytest.raises(UserError, match=r"train\.placeholder: no prompt contains '<logo>'"):
        make_task(sd, rows, **INVERSION)


@pytest.mark.parametrize(("name", "changes", "message"), [
    ("sd", {**INVERSION, "placeholder": "shirt</w>"}, "is a token already"),
    ("sd", {**INVERSION, "initialiser": "unheardof"}, r"train\.initialiser: 'unheardof' is \d+ tokens"),
    ("sd", {**ADAPTERS, "text_targets": "q_nowhere"}, "'q_nowhere' names no layer"),
    ("sd3", INVERSION, r"train\.method: "),  # its text encoders stay frozen
    ("sd3", ADAPTERS, r"train\.text_lr: "),
])  # fmt: skip
def test_settings_that_do_not_fit_are_refused(request, name, changes, message):
    with pytest.raises(UserError, match=message):
        make_task(request.getfixturevalue(name), **changes)


@pytest.mark.parametrize("changes", [
    {"method": "textual_inversion"}, {"text_lr": 1e-3}, {"method": "hypernetwork"}, {"flip": True},
])  # fmt: skip
def test_settings_that_contradict_themselves_are_refused(changes):
    with pytest.raises(ValueError, match=r"needs a placeholder|no adapters|hypernetwork|flip"):
        make_concept(**changes)
