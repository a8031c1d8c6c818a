"""CLIP scores against transformers' processor and model, and plain arithmetic."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

from atelier.common.errors import UserError
from atelier.images.tensors import to_tensor
from atelier.metrics.clip import ClipScorer, directional, similarity

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def scorer(tiny_clip_folder: Path) -> ClipScorer:
    return ClipScorer.load(str(tiny_clip_folder))


@torch.no_grad()
def test_features_equal_those_of_transformers(scorer, tiny_clip_folder):
    model = CLIPModel.from_pretrained(tiny_clip_folder).eval()
    inputs = CLIPImageProcessor.from_pretrained(tiny_clip_folder)(images=list(PIXELS), return_tensors="pt")
    expected = F.normalize(model.get_image_features(**inputs).pooler_output)
    torch.testing.assert_close(scorer.image_features(to_tensor(PIXELS)), expected, atol=1e-5, rtol=0)
    texts = ["a red shirt", "a woman in a blue dress and " + "so on " * 18]  # of 96 tokens: each letter is one here
    tokenizer = CLIPTokenizer.from_pretrained(tiny_clip_folder)
    for text, features in zip(texts, scorer.text_features(texts), strict=True):
        tokens = tokenizer(text, return_tensors="pt")  # alone and without padding
        expected = model.get_text_features(**tokens).pooler_output[0]
        torch.testing.assert_close(features, expected / expected.norm(), atol=1e-5, rtol=0)


def test_a_text_that_would_be_cut_has_no_features(scorer):
    texts = ["a" * 94, "a" * 95, "a red shirt", "so on and on " * 40, "", "\N{CJK UNIFIED IDEOGRAPH-7D05}" * 90]
    features = scorer.text_features(texts)
    assert (
        features.isnan().all(1).tolist() == features.isnan().any(1).tolist() == [False, True, False, True, False, True]
    )
    torch.testing.assert_close(features[2:3], scorer.text_features(["a red shirt"]), atol=1e-6, rtol=0)


def test_features_depend_neither_on_the_images_side_nor_on_the_batch_size(scorer):
    large, small = (scorer.image_features(torch.linspace(0, 1, s).expand(1, 3, s, s)) for s in (96, 32))
    assert similarity(large, small).item() > 0.999
    images = to_tensor(PIXELS)
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


def test_a_copy_has_no_direction_despite_rounding(scorer):
    features = scorer.image_features(to_tensor(PIXELS))
    texts = scorer.text_features(["a red shirt"] * 5), scorer.text_features(["a blue shirt"] * 5)
    rounded = features + 1e-7 * torch.randn(features.shape, generator=torch.Generator().manual_seed(0))
    assert directional(features, features, *texts).abs().max() == 0
    assert directional(features, rounded, *texts).abs().max() == 0


def test_a_folder_without_a_clip_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match=r"models\.clip: .*no CLIP"):
        ClipScorer.load(str(tmp_path))
