"""The measures of one edit against torchmetrics, NumPy and edits of known quality."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_edits import draw, garment, recolour
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from atelier.metrics.clip import ClipScorer
from atelier.metrics.lpips import Lpips
from atelier.scoring.edits import Networks, Scorer, Scores, to_square
from atelier.scoring.measures import BENCHMARKS, HEADLINES, MEASURES
from atelier.scoring.pictures import Sources
from atelier.scoring.rows import Row

NOTHING = Networks(None, None, torch.device("cpu"))
ROW = Row("x", Path("s.png"), {}, "make the shirt red", "a woman in a blue shirt", "a woman in a red shirt")


@pytest.fixture(scope="module")
def networks(tiny_clip_folder, tiny_features_folder) -> Networks:
    """Tiny random networks of the real classes."""
    return Networks(ClipScorer.load(str(tiny_clip_folder)), Lpips.load(str(tiny_features_folder)), torch.device("cpu"))


def score(edited: np.ndarray, networks: Networks = NOTHING, *, row: Row = ROW, mask=True, target=True) -> Scores:
    source, inside = draw(0), garment() if mask else None
    sources = Sources(source, inside, recolour(source) if target else None)
    return Scorer(row, sources, inside, networks).score(edited)


def spoilt(seed: int = 0) -> np.ndarray:
    """An edit with noise everywhere."""
    noise = np.random.default_rng(seed).normal(0, 12, (64, 64, 3))
    return (recolour(draw(0)) + noise).clip(0, 255).astype(np.uint8)


def test_errors_are_those_of_numpy():
    source, edited, inside = draw(0) / 255, spoilt(), garment()
    found, pixels, target = score(edited), edited / 255, recolour(draw(0)) / 255
    outside, whole = (pixels - source)[~inside], pixels - target
    change = np.abs(pixels - source).mean(-1)
    expected = {
        "mae_outside": np.abs(outside).mean(), "rmse_outside": np.sqrt((outside**2).mean()),
        "leakage_share_raw": change[~inside].sum() / change.sum(),
        "target_mae": np.abs(whole).mean(), "target_rmse": np.sqrt((whole**2).mean()),
        "copy_mae": np.abs(source - target).mean(), "copy_rmse": np.sqrt(((source - target) ** 2).mean()),
        "magicbrush_l1": np.abs(whole).mean(), "magicbrush_l2": (whole**2).mean(),
        "emu_l1": np.abs(pixels - source).mean(),
        "pie_mse": 1e4 * ((pixels - source) ** 2 * ~inside[..., None]).mean(),
    }  # fmt: skip
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-4)


def test_the_measures_of_pie_bench_are_those_of_its_code():
    """Which paints the mask black in both pictures; its SSIM is the mean of the whole map, borders included."""
    found = score(spoilt())
    first, second = (one / 255 * ~garment()[..., None] for one in (draw(0), spoilt()))
    options = {"gaussian_weights": True, "use_sample_covariance": False, "channel_axis": -1, "full": True}
    _, similar = structural_similarity(first, second, data_range=1.0, **options)
    assert found["pie_psnr"] == pytest.approx(peak_signal_noise_ratio(first, second, data_range=1.0), abs=1e-3)
    assert found["pie_ssim"] == pytest.approx(100 * similar.mean(), abs=0.3)
    assert found["pie_ssim"] != pytest.approx(100 * found["ssim_outside"], abs=0.3), "the black part counts"


def test_the_measures_of_clip_are_cosines_under_each_name(networks):
    found, clip = score(spoilt(), networks), networks.clip
    images = [
        torch.from_numpy(one.copy()).permute(2, 0, 1)[None] / 255 for one in (draw(0), spoilt(), recolour(draw(0)))
    ]
    before, seen, target = (clip.image_features(one)[0].double() for one in images)
    part = clip.image_features(images[1] * torch.from_numpy(garment()).float())[0].double()
    texts = clip.text_features([ROW.source_caption, ROW.target_caption, ROW.instruction]).double()
    turn = torch.nn.functional.cosine_similarity(seen - before, texts[1] - texts[0], dim=0)
    expected = {
        "image_similarity": 100 * seen @ before, "emu_clip_im": seen @ before, "clip_similarity": 100 * seen @ texts[1],
        "magicbrush_clip_t": seen @ texts[1], "emu_clip_out": seen @ texts[1], "magicbrush_clip_i": seen @ target,
        "clip_directional": 100 * turn, "emu_clip_dir": turn, "clip_instruction": 100 * (seen - before) @ texts[2],
        "pie_clip_whole": max(0, 100 * seen @ texts[1]), "pie_clip_edited": max(0, 100 * part @ texts[1]),
    }  # fmt: skip
    wanted = {key: float(value) for key, value in expected.items()}
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, abs=2e-3)


def test_known_edits_are_ranked(networks):
    source, exact = draw(0), recolour(draw(0))
    moved, copy, good = (score(one, networks) for one in (np.roll(exact, (1, 2), (0, 1)), source, exact))
    rim = exact.copy()
    rim[19, 18:46] = (200, 40, 30)  # a row of the ground in the new colour
    assert good["drift_shift"] < 0.05 < 1.5 < moved["drift_shift"] < 3
    for key in ("drift_moved", "mae_outside", "lpips_outside", "boundary_outside", "target_rmse", "pie_lpips"):
        assert good[key] < moved[key], key
    assert good["boundary_outside"] == 0 < score(rim)["boundary_outside"]
    assert good["target_rmse"] == 0 < copy["target_rmse"] == copy["copy_rmse"]
    assert copy["change_inside"] == 0 < good["change_inside"]
    assert good["psnr_outside"] == pytest.approx(58.9, abs=0.1)


def test_what_is_not_known_leaves_its_measures_out(networks):
    defined = {key for key, value in score(spoilt(), networks).items() if not math.isnan(value)}
    assert defined == MEASURES.keys()
    bare = Row("x", Path("s.png"), {})
    for left_out, found in {
        "mask": score(spoilt(), networks, mask=False), "target": score(spoilt(), networks, target=False),
        "captions": score(spoilt(), networks, row=bare),
    }.items():  # fmt: skip
        needs = {"mask": {"mask"}, "target": {"target"}, "captions": {"captions", "target_caption", "instruction"}}[
            left_out
        ]
        without = {key for key, one in MEASURES.items() if needs & {*one.needs}}
        assert without
        assert {key for key, value in found.items() if math.isnan(value)} == without
    none = score(spoilt(), NOTHING)
    assert {key for key, value in none.items() if math.isnan(value)} == {
        key for key, one in MEASURES.items() if one.metric.rests_on
    }


def test_every_measure_is_defined():
    for key, one in MEASURES.items():
        assert one.definition.endswith("."), key
        assert one.metric.key == key
    assert {*HEADLINES} <= MEASURES.keys()
    assert {*BENCHMARKS} <= {one.group for one in MEASURES.values()}


def test_clip_sees_the_central_square():
    image = torch.arange(5.0).expand(1, 1, 3, 5)
    assert to_square(image)[0, 0, 0].tolist() == [1, 2, 3]
