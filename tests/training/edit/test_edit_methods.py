import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from fixtures_training import NoLog, encode, make_settings, make_task, open_training, start, take_step, write_inputs
from peft import get_peft_model_state_dict
from PIL import Image
from safetensors.torch import load_file, save_file

from atelier.common.errors import UserError
from atelier.common.rng import make_generator
from atelier.models import lora
from atelier.models.instruct_pix2pix import apply_trained, load_editor, open_weights, predict
from atelier.training.edit import block_sets, methods, run

METHODS = ("selective", "full", "lora")
TARGETS = ("to_q", "to_k", "to_v", "to_out.0")


@pytest.fixture(scope="module", name="data")
def _data(editor):
    return encode(editor, 6)


@pytest.fixture(scope="module", name="finetuned", params=METHODS)
def _finetuned(request, tiny_editor_folder, tiny_clip_folder, tmp_path_factory):
    """A method, and the folder and job of a run of it."""
    folder, changes = tmp_path_factory.mktemp(request.param), {"epochs": 1, "lr": 2e-2, "ema": 0.1}
    write_inputs(folder, 16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        job = open_training(folder, tiny_editor_folder, tiny_clip_folder, method=request.param, **changes)
        out, report, curves = (folder / name for name in ("finetuned", "train.json", "curves"))
        with job.owned():
            run.finetune(job, NoLog(), out=out, report=report, curves=curves)
        return request.param, folder, job


def look(editor, number: int = 1) -> torch.Tensor:
    """A prediction of the editor for some random input."""
    noise = torch.randn(2, 2, 4, 8, 8, generator=make_generator(number))
    texts = torch.randn(2, 16, 16, generator=make_generator(number, "texts"))
    with torch.no_grad():
        return predict(editor, *noise, torch.tensor([3, 900]), texts)


def prepare(editor, **changes):
    return methods.prepare(editor, make_settings(**changes))


def load_like(editor, tensors):
    """An editor of the same layout with these tensors."""
    unet = type(editor.unet).from_config(editor.unet.config).eval()
    unet.load_state_dict(tensors)
    return replace(editor, unet=unet)


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
    trained = sum(tensor.numel() for tensor in tensors.values())
    found = [facts[key] for key in ("method", "trained_parameters", "parameters")]
    assert found == [method, trained, block_sets.count(editor.unet)]
    assert (facts["trained_share"] == 1.0) == (method == "full")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
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
    assert before.keys() == dict(editor.unet.named_parameters()).keys()
    for name, tensor in editor.unet.named_parameters():
        assert (torch.equal(tensor, before[name]), tensor.requires_grad) == (True, False)


@pytest.mark.parametrize("method", METHODS)
def test_frozen_tensors_stay_half_and_trained_ones_and_their_moments_are_float32(tiny_editor_folder, data, method):
    half = load_editor(tiny_editor_folder, "bfloat16", "cpu")
    task = make_task(half, data, method=method)
    state = start(task)
    assert math.isfinite(take_step(state, task.draw(torch.arange(4), make_generator(1)), 1e-3))
    assert {tensor.dtype for tensor in state.state_dict().values()} == {torch.float32}
    for name, tensor in state.model.unet.named_parameters():
        trained = name in task.trainable.names
        assert (tensor.dtype, tensor.requires_grad) == (torch.float32 if trained else torch.bfloat16, trained)


def test_full_trains_every_tensor_and_adapters_share_the_bases_parameters(editor):
    assert list(prepare(editor, method="full").names) == [name for name, _ in editor.unet.named_parameters()]
    chosen = prepare(editor, method="lora")
    places = {tensor.data_ptr() for tensor in editor.unet.parameters()}
    others = {name for name, t in chosen.model.unet.named_parameters() if t.data_ptr() not in places}
    assert others == set(chosen.names)


def test_adapters_start_from_their_own_seed(editor):
    made = [prepare(editor, method="lora", seed=seed) for seed in (7, 7, 8)]
    for name in made[0].names:
        first, again, other = (one.model.unet.get_parameter(name) for one in made)
        drawn = ".lora_A." in name
        found = torch.equal(first, again), torch.equal(first, other), bool(first.any())
        assert found == (True, not drawn, drawn), name
        assert first.abs().max() <= first.shape[1] ** -0.5


def test_adapters_are_where_they_are_asked_for_and_named_as_peft_names_them(editor):
    saved = set(prepare(editor, method="lora").names.values())
    layers = {name for name, _ in editor.unet.named_modules() if name.endswith(tuple(f".{t}" for t in TARGETS))}
    assert {name.rsplit(".lora_", 1)[0] for name in saved} == layers
    one = prepare(editor, method="lora", lora_targets="mid_block.resnets.0.conv1").names
    assert set(one.values()) == {f"mid_block.resnets.0.conv1.lora_{matrix}.weight" for matrix in "AB"}
    unet = lora.inject(editor.unet, 2, 2.0, "to_q")
    assert set(lora.names(unet).values()) == set(get_peft_model_state_dict(unet))


@pytest.mark.parametrize("targets", ["to_q+to_nowhere", "norm1", "o_q"])
def test_a_target_that_matches_no_layer_is_refused(editor, targets):
    message = r"train\.lora_targets: '\w*' names no layer .*; such are to_k, to_out\.0, to_q"
    with pytest.raises(UserError, match=message):
        prepare(editor, method="lora", lora_targets=targets)


def test_an_empty_target_is_refused_with_the_settings(editor):
    with pytest.raises(ValueError, match="lora_targets"):
        prepare(editor, method="lora", lora_targets="to_q+")


def test_an_adapter_is_the_base_plus_scaled_low_rank_products_and_loads_in_diffusers(editor, data):
    """W + (α / r) · B A, in plain matrices put into the base."""
    task = make_task(editor, data, method="lora")
    state = start(task)
    for number in range(2):
        take_step(state, task.draw(torch.arange(4), make_generator(number)), 2e-2)
    saved = {saved: state.model.unet.get_parameter(name).detach() for name, saved in task.trainable.names.items()}
    fused = dict(editor.unet.state_dict())
    for layer in {name.rsplit(".lora_", 1)[0] for name in saved}:
        product = saved[f"{layer}.lora_B.weight"] @ saved[f"{layer}.lora_A.weight"]
        fused[f"{layer}.weight"] = fused[f"{layer}.weight"] + 8.0 / 4 * product
    learned = look(state.model)
    torch.testing.assert_close(look(load_like(editor, fused)), learned, atol=1e-4, rtol=1e-3)
    assert not torch.allclose(look(editor), learned, atol=1e-2)
    theirs = load_like(editor, editor.unet.state_dict())
    alphas = {f"unet.{name.replace('.lora_A.weight', '.alpha')}": 8.0 for name in saved if ".lora_A." in name}
    tensors = {f"unet.{name}": tensor.clone() for name, tensor in saved.items()}
    theirs.unet.load_lora_adapter(tensors, prefix="unet", network_alphas=alphas)
    torch.testing.assert_close(look(theirs), learned, atol=1e-5, rtol=1e-4)


def test_a_folder_that_lacks_an_adapter_is_refused(editor, tmp_path):
    chosen = prepare(editor, method="lora")
    tensors = {saved: chosen.model.unet.get_parameter(name) for name, saved in chosen.names.items()}
    tensors.popitem()
    save_file(tensors, tmp_path / "trained.safetensors")
    (tmp_path / "finetuned.json").write_text(json.dumps({"base": "its base", "method": "lora", **chosen.facts}))
    with pytest.raises(UserError, match=r"lacks tensors of the adapters"):
        apply_trained(editor, tmp_path)


@pytest.mark.parametrize("method", METHODS)
def test_the_first_layer_of_a_widened_base_is_trained_too(editor, method):
    chosen = methods.prepare(replace(editor, widened=True), make_settings(method=method, unfreeze="attn"))
    assert chosen.names["conv_in.weight"] == "conv_in.weight"
    assert len(chosen.names) == len(prepare(editor, method=method, unfreeze="attn").names) + (method != "full")
