"""Success, preservation and the area under the frontier, against known values, brute force and loops."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from atelier.evaluation.guidance_sweep import summarise_frontiers, tabulate_frontiers
from atelier.metrics import frontier
from atelier.metrics.leakage import change_map
from atelier.stats.bootstrap import Clusters

SOURCE = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.5
GARMENT = torch.zeros(2, 1, 16, 16)
GARMENT[:, :, 4:12, 5:11] = 1
TARGET = SOURCE + 0.3 * GARMENT  # the garment lighter by 0.3, and one column beside it by 0.1
TARGET[:, :, 4:12, 11] += 0.1  # like an anti-aliased edge
POINTS = np.random.default_rng(0).uniform(0, 1, (2, 30, 7))


def place(edited: torch.Tensor) -> tuple[float, float]:
    parts = SOURCE, TARGET, GARMENT
    success = frontier.success(SOURCE, edited, TARGET, GARMENT)
    asked = frontier.asked_change(*parts)
    kept = frontier.preservation(change_map(SOURCE, edited), frontier.untouched(*parts), asked)
    assert success.shape == kept.shape == (2,)
    return success.mean().item(), kept.mean().item()


def test_success_and_preservation_of_known_edits():
    """Success falls for too little and too much; a spill costs preservation relative to the requested change."""
    assert (place(SOURCE), place(TARGET)) == ((0, 1), (1, 1))
    for level, success in ((0.1, 0.1), (0.5, 0.5), (1.0, 1.0), (1.5, 0.5), (2.0, 0.0), (3.0, 0.0)):
        assert place(SOURCE + level * (TARGET - SOURCE))[0] == pytest.approx(success, abs=1e-4)
    for edited, success in ((SOURCE, 1), (SOURCE + 0.01, 0)):  # if nothing is requested, only the copy succeeds
        assert frontier.success(SOURCE, edited, SOURCE, GARMENT).tolist() == [success] * 2
    for level, kept in ((0.03, 0.9), (0.15, 0.5), (0.3, 0.0), (0.45, 0.0)):
        assert place(TARGET + level * (1 - GARMENT)) == (1, pytest.approx(kept, abs=1e-4))


def brute_area(successes: np.ndarray, preserved: np.ndarray) -> float:
    """Integrate numerically: the highest success at each of many levels of preservation."""
    levels = (np.arange(5_000) + 0.5) / 5_000
    return float(np.where(preserved >= levels[:, None], successes, 0.0).max(1).mean())


def test_areas_equal_numerical_integration_and_those_of_known_sets():
    expected = [brute_area(*points) for points in zip(*POINTS, strict=True)]
    np.testing.assert_allclose(frontier.area(*POINTS), expected, rtol=0, atol=1e-3)
    for successes, preserved, expected in (
        ([0.0], [1.0], 0.0), ([1.0], [1.0], 1.0), ([0.5], [0.8], 0.4), ([0.5, 0.7], [0.8, 0.8], 0.56),
        ([0.0, 0.5, 1.0], [1.0, 0.8, 0.2], 0.5 * 0.6 + 1.0 * 0.2),
    ):  # fmt: skip
        assert frontier.area(np.array(successes), np.array(preserved)) == pytest.approx(expected)


def test_order_and_dominated_points_do_not_matter():
    area = frontier.area(*POINTS)
    np.testing.assert_allclose(frontier.area(*POINTS[..., np.random.default_rng(1).permutation(7)]), area)
    beaten = np.concatenate([POINTS, POINTS[..., :1] - 0.01], axis=-1).clip(0)
    np.testing.assert_allclose(frontier.area(*beaten), area)
    more = np.random.default_rng(2).uniform(0, 1, (2, 30, 1))
    grown = frontier.area(*np.concatenate([POINTS, more], axis=-1))
    assert (grown >= area - 1e-12).all()
    assert (grown > area + 1e-6).any()
    assert grown.max() <= 1


def swept(gain: float, sources: int = 8, seed: int = 0) -> pd.DataFrame:
    """Return two probes per source at three guidance points; `finetuned` preserves `gain` more."""
    rng = np.random.default_rng(seed)
    rows = []
    for number, turn in itertools.product(range(sources), range(2)):
        for text, model in itertools.product((0.5, 1.0, 2.0), ("baseline", "finetuned")):
            kept = 0.8 - 0.2 * text + (gain if model == "finetuned" else 0) + rng.normal(0, 0.05)
            success = 0.35 * text + rng.normal(0, 0.05)
            rows.append(("seen", f"s{number}", f"s{number}-{turn}", model, text, 1.0, success, kept))
    columns = "domain source_id probe_id model guidance_text guidance_image success preservation"
    return pd.DataFrame(rows, columns=columns.split())


def areas_of(points: pd.DataFrame) -> dict[str, float]:
    means = points.groupby(["model", "guidance_text"])[["success", "preservation"]].mean()
    return {model: brute_area(*means.loc[model].to_numpy().T) for model in ("baseline", "finetuned")}


def test_areas_and_intervals_equal_a_loop_over_the_draws():
    points = swept(0.1)
    report = summarise_frontiers(points, draws=120, seed=7)["seen"]
    found = areas_of(points)
    drawn = []
    for counts in Clusters.draw(np.array([f"s{n}" for n in range(8)]), 120, seed=7).counts.astype(int):
        parts = [points[points["source_id"] == f"s{n}"] for n in range(8) for _ in range(counts[n])]
        drawn.append(areas_of(pd.concat(parts)))
    for one in (found, *drawn):
        one["gain"] = one["finetuned"] - one["baseline"]
    for part, mean in found.items():
        estimate = report[part]["area"]
        low, high = np.percentile([one[part] for one in drawn], [2.5, 97.5])
        expected = pytest.approx([mean, low, high], abs=1e-3)
        assert [estimate["mean"], estimate["ci_lo"], estimate["ci_hi"]] == expected, part
        assert (estimate["n"], estimate["clusters"]) == (16, 8)


def test_p_of_the_gain_equals_enumeration_of_all_swaps():
    points = swept(0.02, sources=6, seed=3)
    other, gains = {"baseline": "finetuned", "finetuned": "baseline"}, []
    for pattern in itertools.product([False, True], repeat=6):
        flipped = points["source_id"].map({f"s{n}": flip for n, flip in enumerate(pattern)})
        found = areas_of(points.assign(model=points["model"].where(~flipped, points["model"].map(other))))
        gains.append(abs(found["finetuned"] - found["baseline"]))
    extreme = np.mean(np.array(gains) >= gains[0] - 1e-4)  # the first pattern swaps nothing
    estimate = summarise_frontiers(points, draws=5000, seed=1)["seen"]["gain"]["area"]
    assert 0.03 < extreme < 0.97
    assert estimate["p"] == pytest.approx(extreme, abs=0.03)


def test_the_table_has_the_means_of_every_guidance_point_and_no_sweep_has_no_frontier():
    points = swept(0.1)
    table = tabulate_frontiers(points)
    columns = "domain model guidance_text guidance_image success preservation n"
    assert list(table.columns) == columns.split()
    assert len(table) == 6
    row, part = (one.query("model == 'finetuned' and guidance_text == 2") for one in (table, points))
    means = [part["success"].mean(), part["preservation"].mean()]
    assert [row["success"].item(), row["preservation"].item()] == pytest.approx(means)
    assert row["n"].item() == 16
    nothing = points.iloc[:0]
    assert summarise_frontiers(nothing, 100, 0) == {}
    assert tabulate_frontiers(nothing).empty
