"""CLIP scores against transformers' processor and model, and plain arithmetic."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

from atelier.common.errors import UserError
from atelier.images.tensors import to_tensor
from atelier.metrics.clip import ClipScorer, directional, similarity


@pytest.fixture(scope="module")
def scorer(tiny_clip_folder: Path) -> ClipScorer:
    return ClipScorer.load(str(tiny_clip_folder))


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


def test_image_features_equal_the_processor_and_model_of_transformers(scorer, pixels, tiny_clip_folder):
    processor = CLIPImageProcessor.from_pretrained(tiny_clip_folder)
    model = CLIPModel.from_pretrained(tiny_clip_folder).eval()
    inputs = processor(images=list(pixels), return_tensors="pt")
    with torch.no_grad():
        expected = model.get_image_features(**inputs).pooler_output
    expected = expected / expected.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(scorer.image_features(to_tensor(pixels)), expected, atol=1e-5, rtol=0)


def test_text_features_equal_the_model_of_transformers(scorer, tiny_clip_folder):
    texts = ["a red shirt", "a woman in a blue dress and " + "much else that no short context can hold at all " * 3]
    tokenizer = CLIPTokenizer.from_pretrained(tiny_clip_folder)
    model = CLIPModel.from_pretrained(tiny_clip_folder).eval()
    for text, features in zip(texts, scorer.text_features(texts), strict=True):
        tokens = tokenizer(text, truncation=True, max_length=96, return_tensors="pt")  # alone and without padding
        with torch.no_grad():
            expected = model.get_text_features(**tokens).pooler_output[0]
        torch.testing.assert_close(features, expected / expected.norm(), atol=1e-5, rtol=0)


def test_larger_images_are_resized_to_the_model_s_side(scorer):
    smooth = torch.linspace(0, 1, 96).expand(1, 3, 96, 96)
    small = torch.linspace(0, 1, 32).expand(1, 3, 32, 32)
    assert similarity(scorer.image_features(smooth), scorer.image_features(small)).item() > 0.999


def test_batching_does_not_change_features(scorer, pixels):
    images = to_tensor(pixels)
    torch.testing.assert_close(scorer.image_features(images, 2), scorer.image_features(images, 64), atol=1e-6, rtol=0)


@pytest.mark.parametrize("bad", [torch.zeros(1, 3, 8, 9), torch.zeros(1, 1, 8, 8), torch.full((1, 3, 8, 8), -1.0)])
def test_images_of_wrong_shape_or_range_are_refused(scorer, bad):
    with pytest.raises(ValueError, match="expected"):
        scorer.image_features(bad)


def test_scores_equal_the_definition():
    rng = np.random.default_rng(1)
    vectors = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in rng.normal(size=(4, 6, 8))]
    source, edited, said, asked = (torch.tensor(v) for v in vectors)
    scores = directional(source, edited, said, asked)
    for row in range(6):
        change, wanted = vectors[1][row] - vectors[0][row], vectors[3][row] - vectors[2][row]
        expected = change @ wanted / np.linalg.norm(change) / np.linalg.norm(wanted)
        assert scores[row].item() == pytest.approx(expected)
        assert similarity(edited, asked)[row].item() == pytest.approx(vectors[1][row] @ vectors[3][row])


def test_a_copy_has_no_direction_despite_rounding(scorer, pixels):
    features = scorer.image_features(to_tensor(pixels))
    texts = scorer.text_features(["a red shirt"] * 5), scorer.text_features(["a blue shirt"] * 5)
    rounded = features + 1e-7 * torch.randn(features.shape, generator=torch.Generator().manual_seed(0))
    assert directional(features, features, *texts).abs().max() == 0
    assert directional(features, rounded, *texts).abs().max() == 0


def test_a_folder_without_a_clip_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match=r"models\.clip: .*no CLIP"):
        ClipScorer.load(str(tmp_path))
