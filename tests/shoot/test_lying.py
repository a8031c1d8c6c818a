"""People on the ground: twins share all but the fault, and every posture, place and fault is planned."""

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from atelier.world.shards import part_of
from shoot.deformities import FAULTS, sample_fault
from shoot.framing import frame
from shoot.lying import PLACES, POSTURES, plan_body

PEOPLE = [(seed, seed % 2 == 0) for seed in range(20)]


def test_a_twin_shares_all_but_its_fault():
    pairs = [plan_body(number, PEOPLE) for number in range(300)]
    for whole, twin in pairs:
        assert whole.fault is None
        assert replace(twin, fault=None) == whole
        assert twin.name == f"{whole.name}x"
    assert pairs == [plan_body(number, PEOPLE) for number in range(300)]
    assert {whole.posture for whole, _ in pairs} == set(POSTURES)
    assert {whole.place for whole, _ in pairs} == set(PLACES)
    faults = Counter(twin.fault.kind for _, twin in pairs)
    assert set(faults) == set(FAULTS)
    assert max(faults.values()) - min(faults.values()) <= 1


def test_all_upright_postures_are_in_all_places_for_base_models_and_for_studies():
    plans = [plan_body(number, PEOPLE)[0] for number in range(100)]
    for part, count in (("base", 60), ("study", 40)):
        own = [plan for plan in plans if part_of(plan.number, "body") == part]
        assert len(own) == count
        upright = {(plan.posture, plan.place) for plan in own if plan.posture in POSTURES[4:]}
        assert upright == set(product(POSTURES[4:], PLACES))
        assert {plan.place for plan in own if plan.lies} == set(PLACES)
        assert 0.45 < sum(plan.lies for plan in own) / count < 0.65


@pytest.mark.parametrize("kind", FAULTS)
def test_faults_are_drawn_in_their_ranges(kind):
    faults = [sample_fault(kind, np.random.default_rng(seed)) for seed in range(60)]
    assert {(fault.part, fault.side) for fault in faults} == (
        {("head", "")} if kind == "headless" else {(part, side) for part in ("arm", "leg") for side in "LR"}
    )
    if kind == "long":
        assert all(1.5 < fault.amount < 2.5 for fault in faults)
    if kind in ("extra", "bent"):
        assert all(30 <= fault.amount <= 110 for fault in faults)


@pytest.mark.parametrize("pitch", [0, 20, 50, 84])
def test_all_that_is_framed_is_in_the_picture(pitch):
    rng = np.random.default_rng(pitch)
    points = rng.normal(size=(200, 3)) * [0.4, 0.6, 0.2] + [1, 2, 0.5]
    view = frame(points, pitch, rng, cover=(1.15, 1.3), away=4.0)
    forward = (view.target - view.origin) / view.distance
    right = np.array([1.0, 0, 0])
    rel = points - view.origin
    depth = rel @ forward
    for axis in (right, np.cross(right, forward)):
        assert np.abs(rel @ axis / depth / view.half).max() < 1.15  # perspective enlarges what is near
    middle = np.abs((points.mean(0) - view.origin) @ right / view.distance / view.half)
    assert middle < 0.6
    np.testing.assert_allclose(np.linalg.norm(forward), 1)
