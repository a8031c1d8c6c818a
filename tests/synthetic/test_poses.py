"""Rendered poses: the map of parts, correct bodies, and faults."""

import math

import numpy as np
import pytest
from scipy import ndimage

from atelier.synthetic import poses
from atelier.synthetic.poses import PARTS, POSES, sample_body, sample_mannequin
from atelier.synthetic.poses.body import LENGTHS, root_of
from atelier.text.colours import COLOURS_RGB

HEAD, TORSO, ARM, LEG = (PARTS.index(name) for name in ("head", "torso", "arm", "leg"))


@pytest.mark.parametrize("pose", POSES)
def test_pictures_are_deterministic_and_prompts_name_pose_and_place(pose):
    one, again, other = (sample_mannequin(seed, pose, place="street") for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.pixels, again.pixels)
    np.testing.assert_array_equal(one.parts, again.parts)
    assert not np.array_equal(one.pixels, other.pixels)
    assert one.prompt.endswith(f"{pose} on the street")
    assert one.look.top_colour in one.prompt
    assert (one.pixels.shape, one.parts.shape, one.pixels.dtype) == ((64, 64, 3), (64, 64), np.uint8)


@pytest.mark.parametrize("pose", POSES)
def test_a_correct_body_shows_one_head_one_torso_two_arms_and_two_legs(pose):
    for seed in range(12):
        parts = sample_mannequin(seed, pose).parts
        counts = [ndimage.label(parts == part, np.ones((3, 3)))[1] for part in (HEAD, TORSO, ARM, LEG)]
        assert counts == [1, 1, 2, 2]


def test_standing_bodies_are_vertical_and_lying_ones_horizontal():
    for seed in range(12):
        for pose in ("standing", "lying"):
            parts = sample_mannequin(seed, pose).parts
            down, across = np.argwhere(parts == LEG).mean(0) - np.argwhere(parts == HEAD).mean(0)
            assert (abs(across) > abs(down)) == (pose == "lying")
            assert pose == "lying" or down > 0


def test_the_torso_has_the_colour_of_the_prompt():
    for seed in range(8):
        picture = sample_mannequin(seed, "standing")
        shown = picture.pixels[picture.parts == TORSO].astype(int)
        expected = np.array(COLOURS_RGB[picture.look.top_colour])
        assert (np.abs(shown - expected).max(-1) <= 2).mean() > 0.3


def test_joints_have_the_distances_of_their_limbs():
    for limb in sample_body(np.random.default_rng(1), "waving").limbs:
        root, middle, end = limb.joints
        assert root == root_of(limb.part, limb.side)
        assert (math.dist(root, middle), math.dist(middle, end)) == pytest.approx(LENGTHS[limb.part])


def test_each_fault_has_its_defining_property():
    for seed, pose in enumerate((*poses.UPRIGHT, "lying")):
        body = sample_body(np.random.default_rng(seed), pose)
        wrong = {fault: poses.deform(np.random.default_rng(seed), body, fault) for fault in poses.FAULTS}
        assert [len(one.limbs) for one in (body, wrong["missing"], wrong["extra"])] == [4, 3, 5]
        for fault in ("detached", "misplaced"):
            (moved,) = [new for new, old in zip(wrong[fault].limbs, body.limbs, strict=True) if new.root != old.root]
            home, other = root_of(moved.part, moved.side), root_of("leg" if moved.part == "arm" else "arm", moved.side)
            assert (math.dist(moved.root, other) < 0.05) == (fault == "misplaced")
            assert math.dist(moved.root, home) > 0.1
        rng = np.random.default_rng(seed)
        assert not (poses.render(body, poses.sample_look(rng), rng, fault="headless").parts == HEAD).any()
