import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from fixtures_training import (
    NoLog,
    encode,
    make_settings,
    make_task,
    open_training,
    run_training,
    start,
    take_step,
    write_inputs,
)
from PIL import Image
from safetensors.torch import load_file, save_file

from atelier.common.errors import UserError
from atelier.common.rng import make_generator
from atelier.models import lora
from atelier.models.instruct_pix2pix import apply_trained, load_editor, open_weights, predict
from atelier.training.edit import block_sets, methods

METHODS = ("selective", "full", "lora")
TARGETS = ("to_q", "to_k", "to_v", "to_out.0")


@pytest.fixture(scope="module", name="data")
def _data(editor):
    return encode(editor, 6)


@pytest.fixture(scope="module", name="inputs")
def _inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder, 16)
    return folder


@pytest.fixture(scope="module", name="finetuned", params=METHODS)
def _finetuned(request, inputs, tiny_editor_folder, tiny_clip_folder, tmp_path_factory):
    """A method, the folder of a run of it, and a job like the run's."""
    folder, places = tmp_path_factory.mktemp(request.param), (inputs, tiny_editor_folder, tiny_clip_folder)
    changes = {"method": request.param, "epochs": 1, "lr": 2e-2, "ema": 0.1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        run_training(*places, folder, NoLog(), **changes)
        return request.param, folder, open_training(*places, **changes)


def look(editor, number: int = 1) -> torch.Tensor:
    """A prediction of the editor for some random input."""
    noise = torch.randn(2, 2, 4, 8, 8, generator=make_generator(number))
    texts = torch.randn(2, 16, 16, generator=make_generator(number, "texts"))
    with torch.no_grad():
        return predict(editor, *noise, torch.tensor([3, 900]), texts)


def prepare(editor, **changes):
    return methods.prepare(editor, make_settings(**changes))


def trained_lora(editor, data):
    """Adapters after two steps: the trainable and the editor that learned."""
    task = make_task(editor, data, method="lora")
    state = start(task)
    for number in range(2):
        take_step(state, task.draw(torch.arange(4), make_generator(number)), 2e-2)
    return task.trainable, state.model


def test_the_editor_read_back_edits_as_the_trained_one_did(finetuned):
    _, folder, job = finetuned
    shown = np.asarray(Image.open(folder / "curves/validation.png"))  # sources, the trained editor's edits, targets
    edits = job.validator(open_weights(folder / "finetuned", device="cpu"), 0).images
    off = job.validator.picture(edits).astype(int) - shown
    assert np.abs(off).max() <= 1  # where a tensor lies in memory can decide in which order a sum is taken
    assert not torch.equal(edits, job.validator(job.base, 0).images)


def test_what_is_saved_is_what_was_trained(finetuned, editor):
    method, folder, _ = finetuned
    facts = json.loads((folder / "finetuned/finetuned.json").read_text())
    tensors = load_file(folder / "finetuned/trained.safetensors")
    assert facts["method"] == method
    assert sum(tensor.numel() for tensor in tensors.values()) == facts["trained_parameters"]
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    assert facts["parameters"] == block_sets.count(editor.unet)
    assert (facts["trained_share"] == 1.0) == (method == "full")
    if method == "lora":
        assert (facts["lora_rank"], facts["lora_alpha"]) == (4, 8.0)
        assert all(name.endswith((".lora_A.weight", ".lora_B.weight")) for name in tensors)


@pytest.mark.parametrize("method", METHODS)
def test_at_the_start_nothing_is_changed_and_the_base_is_left_alone(editor, method):
    before = {name: tensor.clone() for name, tensor in editor.unet.named_parameters()}
    rng = torch.get_rng_state()
    state = start(make_task(editor, None, method=method))
    for other in (state.model, state.ema_model()):
        torch.testing.assert_close(look(other), look(editor), atol=1e-5, rtol=1e-5)
    assert torch.equal(torch.get_rng_state(), rng)  # no RNG state was consumed
    own = dict(editor.unet.named_parameters())
    assert {name: bool((own[name] == tensor).all()) for name, tensor in before.items()} == dict.fromkeys(own, True)
    assert not any(tensor.requires_grad for tensor in own.values())


@pytest.mark.parametrize("method", METHODS)
def test_frozen_tensors_stay_half_and_trained_ones_and_their_moments_are_float32(tiny_editor_folder, data, method):
    half = load_editor(tiny_editor_folder, "bfloat16", "cpu")
    task = make_task(half, data, method=method)
    state = start(task)
    loss = take_step(state, task.draw(torch.arange(4), make_generator(1)), 1e-3)
    assert math.isfinite(loss)
    assert {tensor.dtype for tensor in state.state_dict().values()} == {torch.float32}
    for name, tensor in state.model.unet.named_parameters():
        assert tensor.dtype == (torch.float32 if name in task.trainable.names else torch.bfloat16)
        assert tensor.requires_grad == (name in task.trainable.names)


def test_full_trains_every_tensor(editor):
    assert list(prepare(editor, method="full").names) == [name for name, _ in editor.unet.named_parameters()]


def test_adapters_share_the_bases_parameters(editor):
    chosen = prepare(editor, method="lora")
    places = {tensor.data_ptr() for tensor in editor.unet.parameters()}
    others = {name for name, t in chosen.model.unet.named_parameters() if t.data_ptr() not in places}
    assert others == set(chosen.names)


def test_adapters_start_from_their_own_seed(editor):
    first, again, other = (dict(prepare(editor, method="lora", seed=seed).model.unet.named_parameters())
                           for seed in (7, 7, 8))  # fmt: skip
    for name in prepare(editor, method="lora").names:
        assert torch.equal(first[name], again[name])
        drawn = ".lora_A." in name
        assert torch.equal(first[name], other[name]) != drawn
        assert bool(first[name].any()) == drawn
        if drawn:
            assert first[name].abs().max() <= first[name].shape[1] ** -0.5


def test_adapters_stand_where_they_are_asked_for(editor):
    saved = set(prepare(editor, method="lora").names.values())
    layers = {name for name, _ in editor.unet.named_modules() if name.endswith(tuple(f".{t}" for t in TARGETS))}
    assert {name.rsplit(".lora_", 1)[0] for name in saved} == layers
    one = prepare(editor, method="lora", lora_targets="mid_block.resnets.0.conv1").names
    assert set(one.values()) == {f"mid_block.resnets.0.conv1.lora_{matrix}.weight" for matrix in "AB"}


@pytest.mark.parametrize("targets", ["to_q+to_nowhere", "to_q+", "norm1", "o_q"])
def test_a_target_that_matches_no_layer_is_refused(editor, targets):
    with pytest.raises(
        UserError, match=r"train\.lora_targets: '\w*' names no layer .*; such are to_k, to_out\.0, to_q"
    ):
        prepare(editor, method="lora", lora_targets=targets)


def test_an_adapter_is_the_base_plus_scaled_low_rank_products(editor, data):
    """W + (α / r) · B A, in plain matrices put into the base."""
    chosen, learned = trained_lora(editor, data)
    own = dict(learned.unet.named_parameters())
    saved = {chosen.names[name]: own[name] for name in chosen.names}
    fused = dict(editor.unet.state_dict())
    for name in [name for name in saved if ".lora_A." in name]:
        layer = name.removesuffix(".lora_A.weight")
        product = saved[f"{layer}.lora_B.weight"] @ saved[name]
        fused[f"{layer}.weight"] = fused[f"{layer}.weight"] + 8.0 / 4 * product
    plain = load_like(editor, fused)
    torch.testing.assert_close(look(plain), look(learned), atol=1e-4, rtol=1e-3)
    assert not torch.allclose(look(editor), look(learned), atol=1e-2)


def load_like(editor, tensors):
    """An editor of the same layout with these tensors."""
    unet = type(editor.unet).from_config(editor.unet.config).eval()
    unet.load_state_dict(tensors)
    return replace(editor, unet=unet)


def test_diffusers_loads_the_saved_adapters(editor, data):
    chosen, learned = trained_lora(editor, data)
    own = dict(learned.unet.named_parameters())
    saved = {f"unet.{chosen.names[name]}": own[name].detach().clone() for name in chosen.names}
    alphas = {name.replace(".lora_A.weight", ".alpha"): 8.0 for name in saved if ".lora_A." in name}
    theirs = load_like(editor, editor.unet.state_dict())
    theirs.unet.load_lora_adapter(saved, prefix="unet", network_alphas=alphas)
    torch.testing.assert_close(look(theirs), look(learned), atol=1e-5, rtol=1e-4)


def test_a_folder_that_lacks_an_adapter_is_refused(editor, tmp_path):
    chosen = prepare(editor, method="lora")
    own = dict(chosen.model.unet.named_parameters())
    tensors = {saved: own[name] for name, saved in chosen.names.items()}
    facts = {"method": "lora", **chosen.facts}
    tensors.popitem()
    save_file(tensors, tmp_path / "trained.safetensors")
    (tmp_path / "finetuned.json").write_text(json.dumps(facts))
    with pytest.raises(UserError, match=r"lacks tensors of the adapters"):
        apply_trained(editor, tmp_path)


@pytest.mark.parametrize("method", METHODS)
def test_the_first_layer_of_a_widened_base_is_trained_too(editor, method):
    chosen = methods.prepare(replace(editor, widened=True), make_settings(method=method, unfreeze="attn"))
    assert chosen.names["conv_in.weight"] == "conv_in.weight"
    assert len(chosen.names) == len(prepare(editor, method=method, unfreeze="attn").names) + (method != "full")


def test_names_of_adapters_are_those_of_peft(editor):
    from peft import get_peft_model_state_dict

    unet = lora.inject(editor.unet, 2, 2.0, "to_q")
    assert set(lora.names(unet).values()) == set(get_peft_model_state_dict(unet))
