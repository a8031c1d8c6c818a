"""CLIP on the garment: crops against Pillow, recognition against a loop."""

import numpy as np
import pytest
import torch
from PIL import Image

from atelier.images.tensors import to_tensor
from atelier.metrics.clip_garment import crop_squares, recognised


@pytest.mark.parametrize(
    ("box", "square"),
    [
        ([10.0, 20.0, 30.0, 40.0], (10, 20, 30, 40)),  # square as it is
        ([10.0, 20.0, 30.0, 50.0], (5, 20, 35, 50)),  # taller: as wide as tall
        ([0.0, 20.0, 10.0, 50.0], (0, 20, 30, 50)),  # moved back into the picture
        ([50.0, 0.0, 64.0, 64.0], (0, 0, 64, 64)),  # as tall as the picture
    ],
)
def test_a_crop_equals_pillow_s_of_the_smallest_square_around_the_box(box, square):
    coarse = np.random.default_rng(0).uniform(0, 255, (8, 8, 3)).astype(np.uint8)
    pixels = np.asarray(Image.fromarray(coarse).resize((64, 64), Image.Resampling.BILINEAR))
    expected = np.asarray(Image.fromarray(pixels).crop(square).resize((48, 48), Image.Resampling.BICUBIC))
    found = crop_squares(to_tensor(pixels[None].copy()), [box], 48)[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(found - expected).max() < 1.5


def test_recognition_equals_a_loop():
    generator = torch.Generator().manual_seed(0)
    images, texts = torch.randn(20, 6, generator=generator), torch.randn(20, 5, 6, generator=generator)
    asked = torch.arange(20) % 5
    expected = []
    for image, alternatives, wanted in zip(images, texts, asked, strict=True):
        similarities = [float(image @ text) for text in alternatives]
        expected.append(float(similarities.index(max(similarities)) == wanted))
    assert recognised(images, texts, asked).tolist() == expected
    assert 0 < sum(expected) < 20
