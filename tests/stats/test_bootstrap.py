"""Bootstrap and permutation tests against brute force and on simulated data."""

import itertools

import numpy as np
import pytest

from atelier.stats.bootstrap import Clusters, holm, interval, sign_flip_p


def _clustered(rng: np.random.Generator, clusters: int, per: int, mean: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scores (E, 1), correlated within clusters, and the names of the clusters."""
    shared = rng.normal(mean, 1, clusters).repeat(per)
    return (shared + rng.normal(0, 0.3, clusters * per))[:, None], np.arange(clusters).repeat(per)


def test_drawn_means_equal_a_loop_over_the_drawn_edits():
    rng = np.random.default_rng(0)
    names = np.array(["b", "a", "c", "a", "b", "c", "c"])
    scores = rng.normal(size=(7, 2))
    scores[[1, 4], 1] = np.nan
    clusters = Clusters.draw(names, 50, seed=3)
    means = clusters.drawn_means(scores)
    for counts, mean in zip(clusters.counts.astype(int), means, strict=True):
        drawn = [
            row for name, times in zip("abc", counts, strict=True) for row in scores[names == name].tolist() * times
        ]
        expected = [np.nanmean(column) for column in np.array(drawn).T]
        np.testing.assert_allclose(mean, expected)


def test_a_draw_takes_as_many_clusters_as_there_are():
    counts = Clusters.draw(np.array(list("aabbcd")), 200, seed=1).counts
    assert counts.shape == (200, 4)
    assert (counts.sum(1) == 4).all()


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


def test_sign_flip_p_equals_enumeration_of_all_patterns():
    differences = np.array([0.5, 0.9, -0.2, 0.4, 0.8, 0.1, 0.3, 0.6])[:, None]
    names = np.array([0, 0, 1, 2, 3, 4, 5, 6])
    sums = np.array([differences[names == name].sum() for name in range(7)])
    patterns = np.array(list(itertools.product([-1, 1], repeat=7)))
    exact = (np.abs(patterns @ sums) >= abs(sums.sum()) - 1e-12).mean()
    p = sign_flip_p(Clusters.draw(names, 10, seed=0), differences, 20_000, seed=0)
    assert p[0] == pytest.approx(exact, abs=0.005)


def test_sign_flip_p_has_nominal_size_under_the_null():
    rng = np.random.default_rng(2)
    p = []
    for trial in range(200):
        scores, names = _clustered(rng, 20, 3, 0.0)
        p.append(sign_flip_p(Clusters.draw(names, 1, seed=0), scores, 300, seed=trial)[0])
    assert 0.01 <= np.mean(np.array(p) < 0.05) <= 0.10


def test_sign_flip_p_of_no_difference_is_one():
    assert sign_flip_p(Clusters.draw(np.arange(5), 1, seed=0), np.zeros((5, 1)), 100, seed=0)[0] == 1


def test_holm_equals_the_step_down_rule_in_a_loop():
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.9])
    expected, highest = [0.0] * 5, 0.0
    for rank, index in enumerate(sorted(range(5), key=lambda i: p[i])):
        highest = max(highest, min(1.0, (5 - rank) * p[index]))
        expected[index] = highest
    np.testing.assert_allclose(holm(p), expected)


def test_a_metric_that_is_never_defined_stays_undefined():
    scores = np.array([[1.0, np.nan], [2.0, np.nan]])
    means = Clusters.draw(np.array([0, 1]), 20, seed=0).drawn_means(scores)
    assert np.isfinite(means[:, 0]).all()
    assert np.isnan(means[:, 1]).all()
