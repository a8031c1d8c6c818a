"""What an edit keeps of its source: nothing, what agrees with it, or what lies outside a mask; against numpy."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter, grey_dilation

from atelier.config import Generate
from atelier.images.photo import composite, open_photograph
from atelier.images.tensors import mask_to_png, to_pixels, to_png
from atelier.models.base import decode_latents, encode_images
from atelier.sampling import edit
from atelier.sampling.keep import NOTHING, Anchor, Keep, blurred, differing, inside

WORDS = ["make the shirt red", "change to a floral pattern"]
PICTURES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)).mul(255).round().div(255)
SAMPLING = {"steps": 3, "guidance_text": 2.0, "guidance_image": 1.3}
ALL, NONE = np.ones((32, 32), bool), np.zeros((32, 32), bool)
HALF = np.indices((32, 32))[1] < 16


def run(editor, keep: Keep = NOTHING, masks: list[np.ndarray] | None = None) -> np.ndarray:
    """Edit both pictures: uint8 (2, 32, 32, 3)."""
    sources = [to_png(pixels) for pixels in to_pixels(PICTURES)]
    pngs = None if masks is None else [mask_to_png(mask) for mask in masks]
    return np.stack(
        list(edit.edit_all(editor, sources, WORDS, [3, 4], batch_size=2, **SAMPLING, keep=keep, masks=pngs))
    )


@pytest.fixture(scope="module", name="free")
def _free(editor) -> np.ndarray:
    """The edits that keep nothing."""
    return run(editor)


@pytest.fixture(scope="module", name="decoded")
def _decoded(editor) -> np.ndarray:
    """What the autoencoder makes of the sources."""
    return to_pixels(decode_latents(editor, encode_images(editor, PICTURES) * editor.scaling_factor))


def test_where_everything_may_change_nothing_is_kept(editor, free):
    for keep, masks in ((Keep("latent"), [ALL] * 2), (Keep("latent"), None), (Keep("consistent", 0.0), None)):
        np.testing.assert_array_equal(run(editor, keep, masks), free)


def test_where_nothing_may_change_the_source_is_returned(editor, free, decoded):
    assert np.abs(free.astype(int) - decoded).mean() > 5  # something to keep from changing
    for keep, masks in ((Keep("latent"), [NONE] * 2), (Keep("consistent", math.inf), None)):
        assert np.abs(run(editor, keep, masks).astype(int) - decoded).max() <= 1


def test_each_picture_of_a_batch_has_its_own_mask(editor, free, decoded):
    found = run(editor, Keep("latent"), [ALL, NONE])
    np.testing.assert_array_equal(found[0], free[0])
    assert np.abs(found[1].astype(int) - decoded[1]).max() <= 1


def test_a_composite_keeps_the_pixels_outside_the_mask_and_the_edit_well_inside(editor, free):
    found, source = run(editor, Keep("composite"), [HALF] * 2), to_pixels(PICTURES)
    np.testing.assert_array_equal(found[:, :, 16:], source[:, :, 16:])
    np.testing.assert_array_equal(found[:, :, :12], free[:, :, :12])
    edge = found[:, :, 15].astype(int)  # between the two
    assert (edge != free[:, :, 15]).any()
    np.testing.assert_array_equal(run(editor, Keep("composite"), None), free)


def test_a_composite_is_the_one_of_a_photo(tmp_path):
    before, after = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    Image.fromarray(before).save(tmp_path / "photo.png")
    photo = open_photograph(tmp_path / "photo.png", 32)
    kept = before.copy()
    np.testing.assert_array_equal(
        Keep("composite").paste(before, after, HALF), composite(photo, Image.fromarray(after), HALF)
    )
    np.testing.assert_array_equal(before, kept)


def test_outside_the_mask_every_step_sees_the_source_at_its_level(editor, monkeypatch):
    """x = √ᾱ z + √(1 − ᾱ) n, computed from the schedule with numpy."""
    seen, real = [], edit.predict

    def watch(model, noisy, conditions, timesteps, texts):
        seen.append((int(timesteps), noisy[:2].numpy()))
        return real(model, noisy, conditions, timesteps, texts)

    monkeypatch.setattr(edit, "predict", watch)
    run(editor, Keep("latent"), [HALF] * 2)
    clean = (encode_images(editor, PICTURES) * editor.scaling_factor).numpy()
    noise = edit.draw_noise([3, 4], (4, 8, 8)).numpy()
    bars = editor.scheduler.alphas_cumprod.numpy()
    assert len(seen) == SAMPLING["steps"]
    for time, noisy in seen[1:]:
        expected = np.sqrt(bars[time]) * clean + np.sqrt(1 - bars[time]) * noise
        np.testing.assert_allclose(noisy[..., 4:], expected[..., 4:], atol=1e-5)
        assert np.abs(noisy[..., :4] - expected[..., :4]).max() > 0.05


def test_a_cell_may_change_where_the_mask_covers_half_of_it():
    mask = np.zeros((16, 16), bool)
    mask[:4, :6], mask[8:12, 8:10], mask[12:16, 12:13] = True, True, True
    expected = mask.reshape(4, 4, 4, 4).mean((1, 3)) >= 0.5
    found = inside(torch.from_numpy(mask)[None, None].float(), 4)(None, None)
    np.testing.assert_array_equal(found[0, 0].numpy(), expected)
    assert expected.sum() == 3  # one and a half above, one half, no quarter


@pytest.mark.parametrize(("threshold", "blur", "dilate"), [(0.4, 0.0, 0), (0.4, 0.7, 0), (0.8, 0.0, 2), (0.3, 1.2, 1)])
def test_cells_differ_by_distance_after_blur_and_grow(threshold, blur, dilate):
    rng = np.random.default_rng(5)
    source, predicted = rng.normal(size=(2, 1, 4, 9, 7)) * 0.5
    difference = predicted - source
    if blur:
        radius = math.ceil(3 * blur)
        difference = gaussian_filter(difference, blur, axes=(2, 3), mode="nearest", radius=radius)
    changed = np.sqrt((difference**2).mean(1)) >= threshold
    expected = grey_dilation(changed.astype(int), size=(1, 2 * dilate + 1, 2 * dilate + 1)) > 0
    found = differing(threshold, blur, dilate)(torch.from_numpy(predicted), torch.from_numpy(source))
    np.testing.assert_array_equal(found[:, 0].numpy(), expected)
    assert 0 < expected.mean() < 1


def test_a_blur_keeps_a_plain_picture_and_no_blur_every_picture():
    plain = torch.full((1, 4, 5, 6), 0.7)
    torch.testing.assert_close(blurred(plain, 2.0), plain)
    assert blurred(plain, 0.0) is plain


def test_cells_that_agree_are_reset_to_the_source_and_others_follow_the_editor(editor):
    """By hand: one step's clean latent is near the source in one column, far in the others."""
    scheduler = editor.scheduler
    source, noise, stepped = torch.randn(3, 1, 4, 4, 4, generator=torch.Generator().manual_seed(2))
    predicted = source + 2
    predicted[..., 1] = source[..., 1] + 0.2  # 0.2 standard deviations in every channel
    anchor = Anchor(source, noise, Keep.of(settings(keep="consistent")).rule([], (16, 16), editor))
    found = anchor.restore(stepped, predicted, scheduler, torch.tensor([400]))
    bar = float(scheduler.alphas_cumprod[400])
    expected = stepped.clone()
    expected[..., 1] = (bar**0.5 * source + (1 - bar) ** 0.5 * noise)[..., 1]
    torch.testing.assert_close(found, expected)
    expected[..., 1] = source[..., 1]
    torch.testing.assert_close(anchor.restore(stepped, predicted, scheduler, torch.tensor([])), expected)


def settings(**changes) -> Generate:
    usual = {"sweep_probes": 0, "sweep_text": "1.0", "sweep_image": "1.0", "batch_size": 2, "seed": 7}
    return Generate(**SAMPLING | usual | changes)
