"""The segmenter's pretraining: its loss, how pictures are varied, its two sets of labels, overlaps."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fixtures_cli import invoke
from sklearn.metrics import jaccard_score
from transformers import UperNetForSemanticSegmentation

from pretrain import corpus, segmenter
from pretrain.segmentation import DICE, IGNORED, Logits, build, find_labels, overlaps, segmentation_loss, vary

SIZE = 32


def test_the_loss_is_cross_entropy_and_dice_over_the_known_pixels():
    torch.manual_seed(0)
    logits, truth = torch.randn(2, 3, 4, 4), torch.randint(3, (2, 4, 4))
    truth[0, :2] = IGNORED
    shares, entropy, dice = logits.softmax(1), [], []
    for b, y, x in (truth != IGNORED).nonzero():
        entropy.append(-shares[b, truth[b, y, x], y, x].log())
    for label in range(3):
        both = sum(shares[b, label, y, x] for b, y, x in (truth == label).nonzero())
        known = sum(shares[b, label, y, x] for b, y, x in (truth != IGNORED).nonzero())
        dice.append(1 - (2 * both + 1) / (known + (truth == label).sum() + 1))
    expected = sum(entropy) / len(entropy) + DICE * sum(dice) / 3
    assert segmentation_loss(logits, truth).item() == pytest.approx(expected.item(), rel=1e-5)
    assert segmentation_loss(logits, torch.full_like(truth, IGNORED)).item() == 0


def test_a_perfect_prediction_has_no_loss():
    truth = torch.randint(3, (1, 8, 8))
    perfect = 50 * F.one_hot(truth, 3).permute(0, 3, 1, 2).float()
    assert segmentation_loss(perfect, truth).item() == pytest.approx(0, abs=1e-4)


def test_pictures_and_labels_are_moved_alike_and_by_the_seed_alone():
    rng = np.random.default_rng(0)
    truth = torch.from_numpy(rng.integers(0, 2, (6, 4, 4)).repeat(8, 1).repeat(8, 2))
    x = truth[:, None].float().expand(6, 3, 32, 32).contiguous()
    moved, labels = vary(x, truth, 3)
    agree = ((moved[:, 0] > 0.5) == (labels == 1)).float().mean()
    assert agree > 0.9  # but for interpolation at the edges
    assert (labels != truth).float().mean() > 0.1
    again, _ = vary(x, truth, 3)
    torch.testing.assert_close(moved, again, rtol=0, atol=0)
    assert not torch.equal(moved, vary(x, truth, 4)[0])
    assert set(labels.unique().tolist()) <= set(truth.unique().tolist())


def test_overlaps_are_counted_over_all_pictures():
    truth = np.array([[[0, 0, 1, 1]], [[1, 1, 1, 1]]], np.uint8)
    found = np.array([[[0, 1, 1, 1]], [[1, 1, 1, 0]]], np.uint8)
    assert overlaps(found, truth, ("a", "b", "c")) == {"a": 1 / 3, "b": 5 / 7, "mean": (1 / 3 + 5 / 7) / 2}


def test_the_intersection_over_union_is_that_of_scikit_learn():
    truth, found = np.random.default_rng(0).integers(0, 4, (2, 3, 8, 8))
    expected = jaccard_score(truth.ravel(), found.ravel(), average=None)
    scores = overlaps(found, truth, ("a", "b", "c", "d", "never"))
    assert list(scores) == ["a", "b", "c", "d", "mean"]
    np.testing.assert_allclose(list(scores.values()), [*expected, expected.mean()])


def test_each_set_of_labels_learns_from_its_own_pictures():
    """A picture with garments has no gradient in the body parts' channels, and the other way round."""
    garments, parts = torch.full((1, 8, 8), 3), torch.full((1, 8, 8), len(corpus.SEGMENTS))
    for truth, own, other in ((garments, 3, segmenter.PARTS[1:]), (parts, 7, segmenter.GARMENTS[1:])):
        logits = torch.zeros(1, len(segmenter.LABELS), 8, 8, requires_grad=True)
        segmenter.set_loss(logits, truth).backward()
        assert logits.grad[0, list(other)].abs().max() == 0
        assert logits.grad[0, own].sum() < 0
    together = segmenter.set_loss(torch.zeros(2, 11, 8, 8), torch.cat([garments, parts]))
    alone = [segmenter.set_loss(torch.zeros(1, 11, 8, 8), truth) for truth in (garments, parts)]
    assert together.item() == pytest.approx(sum(alone).item() / 2, rel=1e-6)


def test_labels_are_chosen_among_the_asked_channels():
    class Fixed(torch.nn.Module):
        def forward(self, pixel_values):
            logits = torch.zeros(len(pixel_values), 4, 2, 2)
            logits[:, 1], logits[:, 3] = 3.0, 2.0
            return type("Output", (), {"logits": logits})

    images = np.zeros((1, 2, 2, 3), np.uint8)
    assert (find_labels(Logits(Fixed()), images) == 1).all()
    assert (find_labels(Logits(Fixed()), images, (0, 2, 3)) == 2).all()


def test_the_command_trains_on_all_sets_and_saves_in_transformers_format(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(segmenter, "DEFORMED", 2)
    monkeypatch.setattr(segmenter, "HELD_OUT", 2)
    invoke(corpus.main, out=tmp_path / "corpus", people=6, products=2, poses=2, size=SIZE, workers=1)
    options = {"steps": 2, "batch-size": 4}
    invoke(segmenter.main, corpus=tmp_path / "corpus", out=tmp_path / "segmenter", **options)
    model = UperNetForSemanticSegmentation.from_pretrained(tmp_path / "segmenter").float()
    assert tuple(model.config.id2label.values()) == segmenter.LABELS
    assert set(model.config.overlaps) == {"studio", "street", "whole", "deformed"}
    assert set(model.config.overlaps["studio"]) >= {"background", "mean"}
    assert model(torch.rand(1, 3, SIZE, SIZE)).logits.shape == (1, len(segmenter.LABELS), SIZE, SIZE)
    assert sum(p.numel() for p in build(segmenter.LABELS).parameters()) < 0.8e6
