from collections import Counter

import pytest
import torch
from fixtures_training import encode, make_settings, make_triplet
from torch.nn.functional import mse_loss
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from atelier.common.rng import make_generator
from atelier.images.tensors import from_png, to_tensor
from atelier.models import diffusion
from atelier.models.base import encode_images
from atelier.models.instruct_pix2pix import encode_texts
from atelier.training import losses
from atelier.training.edit.batch import Dropout, batch_loss, draw_batch, draw_dropped, predict_batch

ROWS = torch.arange(6)
TRIPLETS = [make_triplet(number) for number in range(6)]


@pytest.fixture(scope="module", name="data")
def _data(editor):
    return encode(editor, len(TRIPLETS))


def test_latents_are_unscaled_for_the_source_and_scaled_for_the_target(editor, data):
    pictures = [to_tensor([from_png(getattr(t, side)) for t, _ in TRIPLETS]) for side in ("source", "target")]
    sources, targets = (encode_images(editor, picture) for picture in pictures)
    torch.testing.assert_close(data.sources, sources, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(data.targets, targets * editor.scaling_factor, atol=1e-5, rtol=1e-4)


def test_each_distinct_instruction_is_encoded_once_after_the_empty_one(editor, data):
    assert data.instructions.shape == (1 + 3, 16, 16)
    torch.testing.assert_close(data.instructions[:1], encode_texts(editor, [""]))
    own = encode_texts(editor, [t.instruction for t, _ in TRIPLETS])
    torch.testing.assert_close(data.instructions[data.instruction_of], own)


def test_zones_lie_on_the_latent_grid_and_add_up_to_one(data):
    assert data.zones.shape == (6, 3, 8, 8)
    torch.testing.assert_close(data.zones.sum(dim=1), torch.ones(6, 8, 8))
    tight = torch.zeros(8, 8)
    tight[2:5, 3:6] = 1  # rows 8 to 20 and columns 12 to 24 of the picture, four pixels a cell
    assert torch.equal(data.zones[0, 0], tight)


@pytest.mark.parametrize("noisiest", [0.0, 0.3, 1.0])
def test_timesteps_come_from_the_noisy_end_as_often_as_asked(noisiest):
    drawn = diffusion.draw_timesteps(40_000, 1000, noisiest, make_generator(1))
    assert 0 <= drawn.min() < drawn.max() <= 999
    expected = noisiest + (1 - noisiest) * diffusion.NOISY_SHARE
    assert float((drawn >= 850).float().mean()) == pytest.approx(expected, abs=0.01)


def test_dropout_leaves_out_text_image_or_both_as_often_as_asked():
    dropped = draw_dropped(100_000, Dropout(text=0.05, image=0.1, both=0.2), make_generator(1))
    counts = Counter(zip(*(flags.tolist() for flags in dropped), strict=True))
    expected = {(True, False): 5_000, (False, True): 10_000, (True, True): 20_000, (False, False): 65_000}
    assert counts == pytest.approx(expected, abs=500)


@pytest.mark.parametrize(
    ("drop", "text", "image"), [("", True, True), ("text", False, True), ("image", True, False), ("both", False, False)]
)
def test_a_batch_has_the_conditions_that_were_not_dropped(editor, data, drop, text, image):
    batch = draw_batch(editor, data, ROWS, make_generator(2), 0.3, Dropout(**({drop: 1.0} if drop else {})))
    rows = data.instruction_of if text else torch.zeros(6, dtype=torch.int64)
    assert torch.equal(batch.texts, data.instructions[rows])
    assert torch.equal(batch.conditions, data.sources if image else torch.zeros_like(data.sources))
    assert torch.equal(batch.sources, data.sources * data.scaling_factor)  # preserve needs it, dropped or not


def test_a_batch_is_a_function_of_its_generator_and_leaves_the_data_alone(editor, data):
    before = torch.stack([data.sources, data.targets])
    first, again, other = (draw_batch(editor, data, ROWS, make_generator(number), 0.3) for number in (3, 3, 4))
    assert all(torch.equal(value, getattr(again, name)) for name, value in vars(first).items())
    assert not torch.equal(first.noisy, other.noisy)
    assert torch.equal(before, torch.stack([data.sources, data.targets]))


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_the_three_losses(editor, data, prediction_type):
    batch = draw_batch(editor, data, ROWS, make_generator(5), 0.3)
    prediction = torch.randn_like(batch.target)
    plain = mse_loss(prediction, batch.target)
    weight = 1.0 * batch.zones[:, :1] + 0.5 * batch.zones[:, 1:2] + 2.0 * batch.zones[:, 2:]
    error = (prediction - batch.target).square()
    trimap = ((error * weight).sum((1, 2, 3)) / (4 * weight.sum((1, 2, 3)))).mean()
    clean = losses.predicted_clean(prediction, batch.noisy, batch.alphas_cumprod, prediction_type)
    kept = losses.preserve(clean, batch.sources, batch.zones[:, :1], batch.alphas_cumprod, prediction_type).mean()
    expected = {"plain": plain, "trimap": trimap, "preserve": plain + 0.5 * kept}
    found = {name: batch_loss(prediction, batch, make_settings(loss=name), prediction_type) for name in expected}
    torch.testing.assert_close(found, expected)
    ones = batch_loss(prediction, batch, make_settings(lambda_ctx=1.0, lambda_bg=1.0), prediction_type)
    torch.testing.assert_close(ones, plain)


class Written(TorchDispatchMode):
    """Counts the elements that operations write, forward and backward: unlike seconds they are the same every time."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.elements += sum(leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor))
        return result


def test_trimap_weighting_costs_at_most_two_percent_of_a_step(editor, data):
    """The paper's own took twice the time. Even the tiny editor's step is far larger, in elements written."""
    batch = draw_batch(editor, data, torch.arange(16) % 6, make_generator(7), 0.3)

    def count(action) -> int:
        with Written() as written:
            action().backward()
        return written.elements

    def loss(name):
        leaf = torch.zeros_like(batch.target, requires_grad=True)
        return batch_loss(leaf, batch, make_settings(loss=name), "v_prediction")

    editor.unet.requires_grad_(True)
    step = count(lambda: predict_batch(editor, batch).sum())
    editor.unet.requires_grad_(False).zero_grad()
    extra = count(lambda: loss("trimap")) - count(lambda: loss("plain"))
    assert 0 < extra < 0.02 * step
