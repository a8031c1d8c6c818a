"""Fitting pictures, masks and boxes into the square together, with the aspect ratio kept."""

import numpy as np
import pytest
from PIL import Image

from atelier.images.boxes import box_of
from atelier.images.letterbox import fit_box, fit_mask, fit_picture, plan_fit


@pytest.mark.parametrize("fit", ["letterbox", "crop"])
@pytest.mark.parametrize("size", [(60, 40), (40, 60), (640, 427), (301, 451), (64, 64), (8, 8), (1000, 30)])
def test_picture_mask_and_box_are_fitted_together(fit, size):
    width, height = size
    inside = np.zeros((height, width), bool)
    inside[round(0.3 * height) : round(0.8 * height), round(0.35 * width) : round(0.6 * width)] = True
    plan = plan_fit(width, height, 64, fit)
    picture = fit_picture(Image.fromarray(np.where(inside, 255, 0).astype(np.uint8)).convert("RGB"), plan)
    mask, box = fit_mask(inside, plan), fit_box(box_of(inside), plan)
    assert picture.shape == (64, 64, 3)
    assert set(np.unique(mask)) <= {0, 255}
    left, top, right, bottom = plan.place
    shown = np.zeros((64, 64), bool)
    shown[top:bottom, left:right] = picture[top:bottom, left:right, 0] >= 128
    assert (shown != (mask > 0)).mean() < 0.02
    assert box == pytest.approx(box_of(mask), abs=1.01)


@pytest.mark.parametrize("fit", ["letterbox", "crop"])
@pytest.mark.parametrize("size", [(640, 427), (301, 451)])
def test_the_aspect_ratio_is_kept(fit, size):
    x, y = np.meshgrid(np.arange(size[0]) - size[0] / 2, np.arange(size[1]) - size[1] / 2)
    mask = fit_mask(x**2 + y**2 < 140**2, plan_fit(*size, 64, fit))
    x1, y1, x2, y2 = box_of(mask)
    assert abs((x2 - x1) - (y2 - y1)) <= 1


def test_letterbox_padding_is_white_and_outside_masks():
    plan = plan_fit(60, 30, 32, "letterbox")
    assert plan.place == (0, 8, 32, 24)
    picture, mask = fit_picture(Image.new("RGB", (60, 30)), plan), fit_mask(np.ones((30, 60), bool), plan)
    assert (picture[:8] == 255).all()
    assert (picture[8:24] == 0).all()
    assert mask[:8].max() == 0
    assert mask[8:24].min() == 255


def test_a_box_outside_the_crop():
    assert fit_box([0, 0, 5, 30], plan_fit(60, 30, 32, "crop")) is None
