"""What faults do to points of a limb: stumps are short and round, long limbs keep the hand, bent ones their length."""

import numpy as np
import pytest

from shoot.deformities import Fault, bend_limb, shrink_limb, stretch_limb

JOINT, WAY, LENGTH = np.array([0.2, 0.0, 1.4]), np.array([0.6, 0.0, -0.8]), 0.25


def arm(count: int = 400, reach: float = 0.4) -> np.ndarray:
    """Scatter points on a cylinder of radius 4 cm from 10 cm before the joint to `reach` behind it."""
    rng = np.random.default_rng(0)
    along, angle = rng.uniform(-0.1, reach, count), rng.uniform(0, 2 * np.pi, count)
    across = np.array([0.8, 0, 0.6])
    side = np.outer(np.cos(angle), across) + np.outer(np.sin(angle), [0, 1.0, 0])
    return JOINT + np.outer(along, WAY) + 0.04 * side


@pytest.mark.parametrize("long", [0.035, 0.06, 0.08])
def test_a_stump_is_short_and_closes(long):
    points = arm()
    made = shrink_limb(points, np.ones(len(points)), JOINT, WAY, long)
    along, before = (made - JOINT) @ WAY, (points - JOINT) @ WAY
    off = np.linalg.norm(made - JOINT - np.outer(along, WAY), axis=1)
    np.testing.assert_allclose(made[before <= 0], points[before <= 0], atol=1e-12)
    assert along.max() < long
    assert off[before > 6 * long].max(initial=0) < 0.003  # the end is a point
    np.testing.assert_allclose((off / 0.04) ** 2 + (np.maximum(along, 0) / long) ** 2, 1, atol=1e-9)  # an ellipsoid


def test_a_long_limb_moves_the_hand_and_keeps_its_size():
    points = arm()
    made = stretch_limb(points, np.ones(len(points)), JOINT, WAY, LENGTH, 2.0)
    before, after = (points - JOINT) @ WAY, (made - JOINT) @ WAY
    np.testing.assert_allclose(made[before <= 0], points[before <= 0], atol=1e-12)
    np.testing.assert_allclose(after[before > LENGTH], before[before > LENGTH] + LENGTH)
    inner = (before > 0) & (before < LENGTH)
    np.testing.assert_allclose(after[inner], 2 * before[inner])


@pytest.mark.parametrize("side", ["L", "R"])
def test_a_bent_limb_turns_outward_and_keeps_its_lengths(side):
    points, out = arm(), 1 if side == "L" else -1
    hanging = JOINT + (points - JOINT) @ WAY[:, None] * np.array([[0, 0, -1.0]])
    made = bend_limb(hanging, np.ones(len(points)), JOINT, Fault("bent", "arm", side, True, 90.0))
    np.testing.assert_allclose(np.linalg.norm(made - JOINT, axis=1), np.linalg.norm(hanging - JOINT, axis=1))
    below = hanging[:, 2] < JOINT[2] - 0.01
    assert (out * (made - JOINT)[below, 0] > 0).all()
    np.testing.assert_allclose(made[below, 2], JOINT[2], atol=1e-9)


def test_points_that_do_not_move_with_a_limb_stay():
    points, still = arm(), np.zeros(400)
    for made in (
        shrink_limb(points, still, JOINT, WAY, 0.06),
        stretch_limb(points, still, JOINT, WAY, LENGTH, 2.0),
        bend_limb(points, still, JOINT, Fault("bent", "leg", "R", True, 80.0)),
    ):
        np.testing.assert_array_equal(made, points)
