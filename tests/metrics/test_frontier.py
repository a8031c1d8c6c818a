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


@pytest.fixture(scope="module")
def source() -> torch.Tensor:
    return torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.5


@pytest.fixture(scope="module")
def garment() -> torch.Tensor:
    mask = torch.zeros(2, 1, 16, 16)
    mask[:, :, 4:12, 5:11] = 1
    return mask


@pytest.fixture(scope="module")
def target(source, garment) -> torch.Tensor:
    """Lighten the garment by 0.3 and one column beside it by 0.1, like an anti-aliased edge."""
    wanted = source + 0.3 * garment
    wanted[:, :, 4:12, 11] += 0.1
    return wanted


def place(source, edited, target, garment) -> tuple[float, float]:
    parts = source, target, garment
    success = frontier.success(source, edited, target, garment)
    asked = frontier.asked_change(*parts)
    kept = frontier.preservation(change_map(source, edited), frontier.untouched(*parts), asked)
    assert success.shape == kept.shape == (2,)
    return success.mean().item(), kept.mean().item()


def test_copy_and_exact_target_are_at_their_corners(source, target, garment):
    assert place(source, source, target, garment) == (0, 1)
    assert place(source, target, target, garment) == (1, 1)


def test_success_falls_for_too_little_and_too_much(source, target, garment):
    levels = (0.1, 0.5, 1.0, 1.5, 2.0, 3.0)
    successes = [place(source, source + level * (target - source), target, garment)[0] for level in levels]
    assert successes == pytest.approx([0.1, 0.5, 1.0, 0.5, 0.0, 0.0], abs=1e-4)


def test_a_spill_costs_preservation_relative_to_the_requested_change(source, target, garment):
    for level, kept in ((0.03, 0.9), (0.15, 0.5), (0.3, 0.0), (0.45, 0.0)):
        found = place(source, target + level * (1 - garment), target, garment)
        assert found == (1, pytest.approx(kept, abs=1e-4))


def test_if_nothing_is_requested_only_the_copy_succeeds(source, garment):
    assert frontier.success(source, source, source, garment).tolist() == [1, 1]
    assert frontier.success(source, source + 0.01, source, garment).tolist() == [0, 0]


def brute_area(successes: np.ndarray, preserved: np.ndarray) -> float:
    """Integrate numerically: the highest success at each of many levels of preservation."""
    levels = (np.arange(5_000) + 0.5) / 5_000
    return float(np.where(preserved >= levels[:, None], successes, 0.0).max(1).mean())


@pytest.fixture(scope="module")
def points() -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.random.default_rng(0).uniform(0, 1, (2, 30, 7)))


def test_areas_equal_numerical_integration(points):
    found = frontier.area(*points)
    assert found.shape == (30,)
    for row in range(30):
        assert found[row] == pytest.approx(brute_area(points[0][row], points[1][row]), abs=1e-3)


def test_areas_of_known_sets():
    for successes, preserved, expected in (
        ([0.0], [1.0], 0.0),
        ([1.0], [1.0], 1.0),
        ([0.5], [0.8], 0.4),
        ([0.0, 0.5, 1.0], [1.0, 0.8, 0.2], 0.5 * 0.6 + 1.0 * 0.2),
        ([0.5, 0.7], [0.8, 0.8], 0.56),
    ):
        assert frontier.area(np.array(successes), np.array(preserved)) == pytest.approx(expected)


def test_order_and_dominated_points_do_not_matter(points):
    area = frontier.area(*points)
    order = np.random.default_rng(1).permutation(7)
    np.testing.assert_allclose(frontier.area(points[0][:, order], points[1][:, order]), area)
    beaten = [np.concatenate([part, part[:, :1] - 0.01], axis=1).clip(0) for part in points]
    np.testing.assert_allclose(frontier.area(*beaten), area)
    more = np.random.default_rng(2).uniform(0, 1, (2, 30, 1))
    grown = frontier.area(*(np.concatenate([part, new], axis=1) for part, new in zip(points, more, strict=True)))
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
    for model in ("baseline", "finetuned"):
        estimate = report[model]["area"]
        assert estimate["mean"] == pytest.approx(found[model], abs=1e-3)
        low, high = np.percentile([one[model] for one in drawn], [2.5, 97.5])
        assert (estimate["ci_lo"], estimate["ci_hi"]) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))
        assert (estimate["n"], estimate["clusters"]) == (16, 8)
    gain = report["gain"]["area"]
    low, high = np.percentile([one["finetuned"] - one["baseline"] for one in drawn], [2.5, 97.5])
    assert gain["mean"] == pytest.approx(found["finetuned"] - found["baseline"], abs=1e-3)
    assert (gain["ci_lo"], gain["ci_hi"]) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))


def test_p_of_the_gain_equals_enumeration_of_all_swaps():
    points = swept(0.02, sources=6, seed=3)
    observed = areas_of(points)
    observed = abs(observed["finetuned"] - observed["baseline"])
    other = {"baseline": "finetuned", "finetuned": "baseline"}
    extreme = []
    for pattern in itertools.product([False, True], repeat=6):
        flipped = points["source_id"].map({f"s{n}": flip for n, flip in enumerate(pattern)})
        found = areas_of(points.assign(model=points["model"].where(~flipped, points["model"].map(other))))
        extreme.append(abs(found["finetuned"] - found["baseline"]) >= observed - 1e-4)
    estimate = summarise_frontiers(points, draws=5000, seed=1)["seen"]["gain"]["area"]
    assert 0.03 < np.mean(extreme) < 0.97
    assert estimate["p"] == pytest.approx(np.mean(extreme), abs=0.03)


def test_the_table_has_the_means_of_every_guidance_point():
    points = swept(0.1)
    table = tabulate_frontiers(points)
    assert list(table.columns) == [
        "domain", "model", "guidance_text", "guidance_image", "success", "preservation", "n",
    ]  # fmt: skip
    assert len(table) == 6
    row = table[(table["model"] == "finetuned") & (table["guidance_text"] == 2.0)].iloc[0]
    part = points[(points["model"] == "finetuned") & (points["guidance_text"] == 2.0)]
    assert (row["success"], row["preservation"]) == pytest.approx((part["success"].mean(), part["preservation"].mean()))
    assert row["n"] == 16


def test_without_a_sweep_there_is_no_frontier():
    nothing = swept(0.1).iloc[:0]
    assert summarise_frontiers(nothing, 100, 0) == {}
    assert tabulate_frontiers(nothing).empty
