"""Bounded passes: their peaks by hand, what the VAE is given at once, and that no pass of training exceeds the step."""

import pytest
import torch
from fixtures_training import make_settings
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from atelier.common.errors import UserError
from atelier.config import read_params
from atelier.masks.segformer import batch_of
from atelier.models import base, meta
from atelier.training import memory, passes

PARAMS = read_params("params.yaml")


@pytest.mark.parametrize(
    ("side", "expected"), [(64, 256), (512, 4), (768, 1), (1024, 1), (2048, 1)]
)  # fmt: skip
def test_pictures_of_a_pass_by_side(side, expected):
    assert base.pass_size(side, side) == expected
    assert batch_of(side, side) == min(32, expected)


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_the_vae_is_given_few_pixels_at_a_time_and_gives_the_same(editor, monkeypatch, count):
    images = torch.rand(count, 3, 32, 32)
    whole = base.encode_images(editor, images)
    drawn = base.decode_latents(editor, whole)
    seen = []
    for name in ("encode", "decode"):
        real = getattr(editor.vae, name)
        monkeypatch.setattr(editor.vae, name, lambda x, real=real, **more: seen.append(len(x)) or real(x, **more))
    assert torch.equal(base.encode_images(editor, images), whole)
    assert seen == [count]  # at an embedded size all at once, as ever
    monkeypatch.setattr(base, "PIXELS", 2 * 32 * 32)
    seen.clear()
    torch.testing.assert_close(base.encode_images(editor, images), whole, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(base.decode_latents(editor, whole), drawn, rtol=1e-4, atol=1e-5)
    assert max(seen) <= 2
    assert sum(seen) == 2 * count


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (nn.Linear(10, 10, bias=False), 2),  # input and output
        (nn.Sequential(nn.Linear(10, 30, bias=False), nn.Linear(30, 10, bias=False)), 5),  # 10 + 30 + 10 of 10
        (nn.Sequential(*[nn.Linear(10, 10, bias=False) for _ in range(5)]), 3),  # the input is held by the caller
    ],
)
def test_peaks_by_hand(module, expected):
    live = passes.Live()
    with FakeTensorMode():
        weights = {name: torch.empty(one.shape, device="cuda") for name, one in module.named_parameters()}
        with torch.no_grad(), live:
            torch.func.functional_call(module, weights, torch.empty(100, 10, device="cuda"))
    assert live.peak == expected * 100 * 10 * 4


@pytest.fixture(scope="module", name="layout")
def _layout(tiny_editor_folder, tiny_clip_folder):
    return meta.of_base(tiny_editor_folder, tiny_clip_folder)


def test_the_embedded_study(layout):
    params = PARAMS.model_copy(update={"train": make_settings(batch_size=4)})
    step = memory.estimate(layout, params.train, 32, 4, torch.float32)
    found = list(passes.passes(layout, params, 32, 4, torch.float32, step))
    assert {one.stage for one in found} == {"train", "generate", "evaluate"}  # no segmenter is given
    assert all(one.peak > 0 and one.held > 0 for one in found)
    validation = next(one for one in found if one.what.startswith("validation: predict 4"))
    assert validation.held - step.networks == step.trained + step.ema + step.adamw
    text = passes.table(layout, params, 32, 4, torch.float32, step)
    assert len(text.splitlines()) == len(found) + 2
    assert "largest of each stage: train" in text


@pytest.mark.parametrize("count", [1, 5])
def test_a_pass_grows_with_its_pictures(layout, count):
    vae = passes.Network(layout.others[0], torch.float32)
    inputs = passes._Inputs(32, layout.stride, layout.tokens, torch.float32)
    one, more = (vae.peak(inputs.encode(pictures)) for pictures in (count, 2 * count))
    assert more == pytest.approx(2 * one, rel=0.02)


@pytest.mark.slow
def test_at_full_size_encoding_stays_below_the_step_and_matches_the_known_peak():
    layout, settings = meta.full_size(), make_settings(method="selective", unfreeze="attn+mid+up")
    params = PARAMS.model_copy(update={"train": settings})
    step = memory.estimate(layout, settings, 512, 1, torch.bfloat16)
    found = {one.what: one for one in passes.passes(layout, params, 512, 1, torch.bfloat16, step)}
    assert found["encode 4 pictures"].peak / passes.GIB == pytest.approx(20.09 / 16, rel=0.02)  # 64 pictures took 20.09
    segmented = found["segmenter, 4 pictures of 512 px"].peak / passes.GIB
    assert segmented == pytest.approx(13.9 / 8, rel=0.02)  # 32 took 13.9
    assert all(one.total < step.total("adamw") for one in found.values() if one.stage == "train")


def test_a_folder_without_a_segmenter_is_refused(tiny_editor_folder, tiny_clip_folder, tmp_path):
    with pytest.raises(UserError, match="no SegFormer there"):
        meta.of_base(tiny_editor_folder, tiny_clip_folder, tmp_path)
