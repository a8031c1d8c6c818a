"""Calculated bytes against the allocations that torch's profiler reports, and against a real train state."""

import math

import pytest
import torch
from fixtures_training import encode, make_settings, make_task, start, take_step
from torch.profiler import ProfilerActivity, profile

from atelier.common.errors import UserError
from atelier.common.rng import make_generator
from atelier.models import meta
from atelier.training import memory

SLACK = 3_000  # bytes: scalars, masks and the like


@pytest.fixture(scope="module", name="layout")
def _layout(tiny_editor_folder, tiny_clip_folder):
    return meta.of_base(tiny_editor_folder, tiny_clip_folder)


def kept_by(action) -> int:
    """Return how many more bytes are allocated after an action than before, while its result exists."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        result = action()  # noqa: F841 - keeps the graph alive
    return sum(event.self_cpu_memory_usage for event in seen.events())


INPUTS = torch.randn(5, 8, 16, 16), torch.arange(5), torch.randn(5, 16, 16)  # five samples of 16 × 16 latents
GIVEN = sum(tensor.numel() * tensor.itemsize for tensor in INPUTS)


@pytest.mark.parametrize("method", ["selective", "full", "lora"])
def test_activations_are_what_a_forward_pass_leaves_allocated(editor, method):
    unet = start(make_task(editor, None, method=method)).model.unet
    counted, again = memory.count_activations(unet, INPUTS, torch.float32, checkpointing=False)
    seen = kept_by(lambda: unet(*INPUTS, return_dict=False))
    assert again == 0
    assert counted == pytest.approx(seen, abs=GIVEN + SLACK)  # inputs are counted if saved, but allocated before
    assert counted > 20 * GIVEN


def test_with_checkpointing_inputs_of_blocks_are_saved_and_one_block_is_recomputed(editor):
    unet = start(make_task(editor, None, method="full")).model.unet
    (plain, _), (counted, again) = (
        memory.count_activations(unet, INPUTS, torch.float32, checkpointing=flag) for flag in (False, True)
    )
    unet.enable_gradient_checkpointing()
    seen = kept_by(lambda: unet(*INPUTS, return_dict=False))
    assert counted == pytest.approx(seen, abs=GIVEN + 0.05 * seen)
    blocks = []

    def measure(block, *arguments):
        results = []
        blocks.append(kept_by(lambda: results.append(block(*arguments))))
        return results[0]

    unet.enable_gradient_checkpointing(measure)
    unet(*INPUTS, return_dict=False)
    assert again == pytest.approx(max(blocks), rel=0.1)
    assert counted + again < 0.6 * plain


@pytest.mark.parametrize("method", ["selective", "full", "lora"])
def test_states_are_those_of_training(editor, layout, method):
    task = make_task(editor, encode(editor, 2), method=method)
    found = memory.estimate(layout, task.settings, 32, 2, torch.float32)
    training = start(task)
    take_step(training, task.draw(torch.arange(2), make_generator(1)), 1e-3)
    state = {name: tensor.numel() * tensor.itemsize for name, tensor in training.state_dict().items() if tensor.ndim}
    for kind, bytes_ in (("trained", found.trained), ("ema", found.ema), ("optimizer", found.adamw)):
        assert bytes_ == sum(size for name, size in state.items() if name.startswith(f"{kind}/"))
    assert found.gradients == found.trained


def test_half_precision_halves_frozen_weights_and_copies_trained_ones(layout):
    autocast = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    whole, half = (
        memory.estimate(layout, make_settings(method="full"), 32, 1, dtype) for dtype in (torch.float32, torch.bfloat16)
    )
    assert (torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")) == autocast  # restored
    clip = sum(parameter.numel() for parameter in layout.clip().parameters()) * 4
    assert half.networks - clip == (whole.networks - clip) / 2
    assert half.trained == whole.trained
    assert half.activations > whole.activations  # at this size they are less than autocast's copies of the weights
    frozen = memory.estimate(layout, make_settings(method="selective", unfreeze="attn"), 32, 1, torch.bfloat16)
    assert frozen.activations < half.activations


def test_eight_bit_moments_by_hand():
    expected = [2 * 4 * 4095, 2 * (4096 + 4 * 16), 2 * (4097 + 4 * 17)]
    assert [memory._moments_8bit(count) for count in (4095, 4096, 4097)] == expected


def test_the_table_has_a_line_per_method_with_and_without_checkpointing(layout):
    lines = memory.table(layout, make_settings(), 32, 1, torch.float32).splitlines()
    expected = [name + option for name in ("selective", "full", "lora") for option in ("", ", checkpointing")]
    assert [line[:26].strip() for line in lines[1:]] == expected
    assert len(lines[0].split("activations")) == 2
    assert all(len(line.split()) >= 10 for line in lines)


def test_a_folder_without_networks_is_refused(tiny_editor_folder, tmp_path):
    with pytest.raises(UserError, match="no CLIP there"):
        meta.of_base(tiny_editor_folder, tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="no editor there"):
        meta.of_base(tmp_path, tmp_path)


@pytest.mark.slow
def test_the_full_size_layout():
    unet, vae, text_encoder, clip = 859_532_484, 83_653_863, 123_060_480, 427_616_513  # parameters, as published
    found = memory.estimate(meta.full_size(), make_settings(method="full"), 512, 1, torch.bfloat16)
    assert found.trained == found.ema == 4 * unet
    assert found.networks == 2 * (unet + vae + text_encoder) + 4 * clip
    assert math.isclose(found.adamw8bit, 2 * unet * (1 + 4 / 256), rel_tol=1e-2)
    assert found.activations > 2 * unet  # autocast's copies of the weights alone
