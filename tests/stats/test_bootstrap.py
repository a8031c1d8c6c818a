"""Bootstrap and permutation tests against brute force and on simulated data."""

import itertools

import numpy as np
import pytest

from atelier.stats.bootstrap import Clusters, holm, interval, sign_flip_p


def _clustered(rng: np.random.Generator, clusters: int, per: int, mean: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scores (E, 1), correlated within clusters, and the names of the clusters."""
    shared = rng.normal(mean, 1, clusters).repeat(per)
    return (shared + rng.normal(0, 0.3, clusters * per))[:, None], np.arange(clusters).repeat(per)


def test_drawn_means_equal_a_loop_over_the_drawn_edits_of_as_many_clusters_as_there_are():
    rng = np.random.default_rng(0)
    names = np.array(["b", "a", "c", "a", "b", "c", "c"])
    scores = rng.normal(size=(7, 3))
    scores[[1, 4], 1] = scores[:, 2] = np.nan  # undefined for some edits, and for all
    clusters = Clusters.draw(names, 50, seed=3)
    means = clusters.drawn_means(scores)
    for counts, mean in zip(clusters.counts.astype(int), means, strict=True):
        times = dict(zip("abc", counts, strict=True))
        drawn = np.repeat(scores, [times[name] for name in names], axis=0)
        np.testing.assert_allclose(mean, [*np.nanmean(drawn[:, :2], axis=0), np.nan])
    assert clusters.counts.shape == (50, 3)
    assert (clusters.counts.sum(1) == 3).all()


def test_draws_depend_on_the_seed_and_not_on_the_order_of_the_edits():
    scores, names = _clustered(np.random.default_rng(0), 12, 4, 1.0)
    shuffled = np.random.default_rng(1).permutation(len(names))
    one = Clusters.draw(names, 500, seed=7).drawn_means(scores)
    other = Clusters.draw(names[shuffled], 500, seed=7).drawn_means(scores[shuffled])
    np.testing.assert_allclose(one, other)
    assert not np.allclose(one, Clusters.draw(names, 500, seed=8).drawn_means(scores))


def test_intervals_have_nominal_coverage_if_they_respect_clusters():
    rng = np.random.default_rng(5)
    covered = {"by source": 0, "by edit": 0}
    for trial in range(200):
        scores, names = _clustered(rng, 30, 4, 1.0)
        for kind, cluster in (("by source", names), ("by edit", np.arange(len(names)))):
            low, high = interval(Clusters.draw(cluster, 400, seed=trial).drawn_means(scores))
            covered[kind] += bool(low[0] <= 1.0 <= high[0])
    assert 0.88 <= covered["by source"] / 200 <= 0.99
    assert covered["by edit"] / 200 < 0.85  # the coverage if clusters are ignored


def test_sign_flip_p_equals_enumeration_of_all_patterns_and_is_one_without_a_difference():
    differences = np.array([0.5, 0.9, -0.2, 0.4, 0.8, 0.1, 0.3, 0.6])[:, None]
    names = np.array([0, 0, 1, 2, 3, 4, 5, 6])
    sums = np.array([differences[names == name].sum() for name in range(7)])
    patterns = np.array(list(itertools.product([-1, 1], repeat=7)))
    exact = (np.abs(patterns @ sums) >= abs(sums.sum()) - 1e-12).mean()
    clusters = Clusters.draw(names, 10, seed=0)
    assert sign_flip_p(clusters, differences, 20_000, seed=0)[0] == pytest.approx(exact, abs=0.005)
    assert sign_flip_p(clusters, 0 * differences, 100, seed=0)[0] == 1


def test_sign_flip_p_has_nominal_size_under_the_null():
    rng, p = np.random.default_rng(2), []
    for trial in range(200):
        scores, names = _clustered(rng, 20, 3, 0.0)
        p.append(sign_flip_p(Clusters.draw(names, 1, seed=0), scores, 300, seed=trial)[0])
    assert 0.01 <= np.mean(np.array(p) < 0.05) <= 0.10


def test_holm_equals_the_step_down_rule_in_a_loop():
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.9])
    expected, highest = [0.0] * 5, 0.0
    for rank, index in enumerate(np.argsort(p)):
        expected[index] = highest = max(highest, min(1.0, (5 - rank) * p[index]))
    np.testing.assert_allclose(holm(p), expected)
