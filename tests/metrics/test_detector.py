"""The detector's loss, training, average precision and augmentation, against loops and on known images."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import box_iou

from atelier.common.errors import UserError
from atelier.metrics.augmentation import augment, enlarge
from atelier.metrics.average_precision import average_precision
from atelier.metrics.detector import Detector, Labelled, Shape, fit_detector, load_detector, save_detector

SMALL = Shape(side=64, widths=(8, 12, 16, 24, 32), depth=1)


def plates(count: int, seed: int, side: int = 64) -> Labelled:
    """Return images of grey noise, every other one with a box whose left half is red and right half green."""
    rng = np.random.default_rng(seed)
    grey = rng.uniform(0.3, 0.6, (count, 1, side, side)).astype(np.float32)
    pictures, boxes = grey.repeat(3, 1), []
    for number in range(0, count, 2):
        wide, high = rng.integers(20, 30), rng.integers(10, 14)
        x, y = rng.integers(4, side - wide - 4), rng.integers(4, side - high - 4)
        pictures[number, :, y : y + high, x : x + wide] = np.array([0.9, 0, 0])[:, None, None]
        pictures[number, :, y : y + high, x + wide // 2 : x + wide] = np.array([0, 0.9, 0])[:, None, None]
        boxes += [torch.tensor([[x, y, x + wide, y + high]], dtype=torch.float32), torch.zeros(0, 4)]
    return Labelled(torch.from_numpy(pictures), tuple(boxes))


def brute_precision(found, wanted, overlap):
    """Compute average precision by matching anew at every threshold and summing rectangles."""
    total, points = sum(map(len, wanted)), []
    for threshold in sorted({score for one in found for score in one["scores"].tolist()}, reverse=True):
        right = shown = 0
        for one, boxes in zip(found, wanted, strict=True):
            free = list(range(len(boxes)))
            for k in sorted(range(len(one["scores"])), key=lambda k: -one["scores"][k]):
                if one["scores"][k] < threshold:
                    continue
                shown += 1
                overlaps = box_iou(one["boxes"][k : k + 1], boxes)[0].tolist()
                best = int(np.argmax(overlaps)) if overlaps else -1
                if best in free and overlaps[best] >= overlap:
                    free.remove(best)
                    right += 1
        points.append((right / total, right / shown))
    steps = np.diff([0.0, *(recall for recall, _ in points)])
    best = [max(precision for other, precision in points if other >= recall) for recall, _ in points]
    return float(steps @ best)


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_equals_a_loop_over_all_thresholds(seed):
    rng = np.random.default_rng(seed)

    def boxes(count):
        corners = rng.uniform(0, 40, (count, 2))
        return torch.tensor(np.hstack([corners, corners + rng.uniform(8, 25, (count, 2))]), dtype=torch.float32)

    wanted = [boxes(rng.integers(0, 4)) for _ in range(12)] + [boxes(1)]
    found, scores = [], torch.tensor(rng.permutation(200) / 200)  # no ties
    for own in wanted:
        near = own + torch.tensor(rng.normal(0, 2, own.shape), dtype=torch.float32)
        shown = torch.cat([near, own[:1], boxes(rng.integers(0, 3))])  # near ones, one twice, others
        found.append({"boxes": shown, "scores": scores[: len(shown)]})
        scores = scores[len(shown) :]
    assert average_precision(found, wanted) == pytest.approx(brute_precision(found, wanted, 0.5), abs=1e-9)


def test_average_precision_of_known_cases():
    box, far = torch.tensor([[10.0, 10, 30, 20]]), torch.tensor([[40.0, 40, 60, 50]])
    empty = {"boxes": torch.zeros(0, 4), "scores": torch.zeros(0)}
    once = {"boxes": box, "scores": torch.tensor([0.9])}
    wrong_first = {"boxes": torch.cat([far, box]), "scores": torch.tensor([0.9, 0.8])}
    assert average_precision([once, empty], [box, torch.zeros(0, 4)]) == 1
    assert average_precision([wrong_first], [box]) == 0.5
    assert average_precision([once, empty], [box, box]) == 0.5
    assert average_precision([empty], [box]) == 0
    with pytest.raises(ValueError, match="0 boxes"):
        average_precision([once], [torch.zeros(0, 4)])


def test_loss_equals_a_loop_and_images_without_objects_contribute():
    detector, rng = Detector(SMALL, 0), torch.Generator().manual_seed(4)
    anchors = torch.tensor([[x, y, x + 16.0, y + 8.0] for x in range(0, 48, 4) for y in range(0, 48, 4)])
    matched = [torch.full((len(anchors),), -1) for _ in range(2)]
    matched[0][[3, 50, 51, 52, 53]] = 0
    targets = [{"boxes": torch.tensor([[5.0, 6, 20, 15]])}, {"boxes": torch.zeros(0, 4)}]
    logits = torch.randn(2, len(anchors), 2, generator=rng, requires_grad=True)
    places = torch.randn(2, len(anchors), 4, generator=rng)
    outputs = {"cls_logits": logits, "bbox_regression": places}
    losses = detector.compute_loss(targets, outputs, [anchors] * 2, matched)
    chances = logits.detach().log_softmax(-1)
    expected = 0.0
    for picture in range(2):
        given = [n for n in range(len(anchors)) if matched[picture][n] >= 0]
        expected -= sum(chances[picture, n, 1].item() for n in given)
        rest = sorted((-chances[picture, n, 0].item() for n in range(len(anchors)) if n not in given), reverse=True)
        expected += sum(rest[: max(12, 3 * len(given))])
    assert losses["classes"].item() == pytest.approx(expected / 5, rel=1e-5)
    goal = detector.box_coder.encode_single(targets[0]["boxes"].expand(5, 4), anchors[[3, 50, 51, 52, 53]])
    error = F.smooth_l1_loss(places[0][[3, 50, 51, 52, 53]], goal, reduction="sum")
    assert losses["boxes"].item() == pytest.approx(error.item() / 5, rel=1e-5)
    losses["classes"].backward()
    assert (logits.grad[1] != 0).any(-1).sum() == 12  # torchvision's loss gives this image no gradient


@pytest.fixture(scope="module")
def trained():
    detector = Detector(SMALL, 1)
    return detector, list(fit_detector(detector, plates(64, 0), epochs=30, batch_size=8, lr=5e-3, seed=2))


def test_training_separates_images_with_and_without_objects(trained):
    detector, losses = trained
    test = plates(40, 9)
    assert losses[-1] < losses[0] / 4
    assert average_precision(detector.detect(test.pictures), test.boxes) > 0.9
    scores = detector.confidence(test.pictures)
    assert scores.shape == (40,)
    assert scores[::2].median() > 0.7
    assert scores[1::2].max() < 0.3
    assert detector.confidence(torch.zeros(2, 3, 64, 64)).tolist() == pytest.approx([0, 0], abs=0.3)


def test_detector_is_saved_and_loaded_and_depends_on_its_seed_only(trained, tmp_path):
    detector, pictures = trained[0], plates(6, 3).pictures
    save_detector(detector, tmp_path / "kept")
    again = load_detector(tmp_path / "kept")
    assert again.shape == SMALL
    assert torch.equal(again.confidence(pictures), detector.confidence(pictures))
    state = torch.random.get_rng_state()
    first, second, other = (next(Detector(SMALL, seed).parameters()) for seed in (5, 5, 6))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.random.get_rng_state())
    (tmp_path / "kept" / "config.json").write_text('{"side": 64, "height": 3}')
    for folder in (tmp_path / "kept", tmp_path / "none"):
        with pytest.raises(UserError, match="no detector"):
            load_detector(folder)


def test_augmentation_moves_boxes_with_the_image_and_does_not_mirror():
    data = plates(20, 7)
    more = augment(data, 4, 128, seed=3)
    assert len(more) == 80
    assert more.pictures.shape == (80, 3, 128, 128)
    assert torch.equal(more.pictures[:20], enlarge(data, 128).pictures)
    turned = 0
    for number in range(20, 80, 2):
        pixels, (box,) = more.pictures[number], more.boxes[number]
        red, green = pixels[0] - pixels[1] > 0.25, pixels[1] - pixels[0] > 0.25
        y, x = torch.nonzero(red | green, as_tuple=True)
        seen = torch.tensor([x.min(), y.min(), x.max() + 1, y.max() + 1]).float()
        assert (seen - box).abs().max() < 4  # px of 128: edges are soft
        assert torch.nonzero(red)[:, 1].float().mean() < torch.nonzero(green)[:, 1].float().mean()
        turned += (box - more.boxes[number % 20][0]).abs().max() > 4
        assert len(more.boxes[number + 1]) == 0
    assert turned > 20
    for seed, same in ((3, True), (4, False)):
        assert torch.equal(more.pictures, augment(data, 4, 128, seed).pictures) == same
