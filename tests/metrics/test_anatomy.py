"""Anatomy on rendered maps of parts: correct people have no fault, and each type of fault is found."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from atelier.common.errors import UserError
from atelier.images.tensors import to_tensor
from atelier.metrics.anatomy import PARTS, count_limbs, faults_of, find_parts, learn_proportions, pieces, shares
from atelier.synthetic.poses import FAULTS, UPRIGHT, sample_mannequin
from atelier.synthetic.poses import PARTS as RENDERED_PARTS

LEG = PARTS.index("leg")
EXPECTED = {
    "missing": ("1 arms", "1 legs"), "extra": ("3 arms", "3 legs"), "detached": ("arm off", "leg off"),
    "misplaced": ("arm at the hips", "leg at the shoulders", "leg off"), "headless": ("0 heads",),
}  # fmt: skip


def maps(kind: str, first: int, count: int, fault: str = "") -> list[np.ndarray]:
    poses = UPRIGHT if kind == "upright" else ("lying",)
    return [sample_mannequin(first + n, poses[n % len(poses)], fault=fault).parts for n in range(count)]


@pytest.fixture(scope="module", params=["upright", "lying"])
def kind(request):
    return request.param, learn_proportions(maps(request.param, 10_000, 60))


def test_correct_people_have_no_fault(kind):
    found = [faults_of(parts, kind[1]) for parts in maps(kind[0], 20_000, 40)]
    assert sum(map(bool, found)) <= 1, found


@pytest.mark.parametrize("fault", FAULTS)
def test_each_type_of_fault_is_found(kind, fault):
    found = [faults_of(parts, kind[1]) for parts in maps(kind[0], 30_000, 20, fault)]
    assert np.mean([any(word in one for word in EXPECTED[fault]) for one in found]) >= 0.9, found


def test_rotation_and_mirroring_do_not_change_the_faults(kind):
    for parts in (*maps(kind[0], 40_000, 3), *maps(kind[0], 40_000, 3, "detached")):
        expected = sorted(faults_of(parts, kind[1]))
        for other in (np.rot90(parts), np.rot90(parts, 2), parts[:, ::-1]):
            assert sorted(faults_of(np.ascontiguousarray(other), kind[1])) == expected


def test_limbs_that_meet_at_the_torso_are_counted_separately_and_pieces_are_8_connected_without_specks():
    parts = np.zeros((64, 64), np.uint8)
    parts[20:30, 20:44] = PARTS.index("torso")
    for at in (26, 32):  # two legs of 4 px, joined over their first 5 px
        parts[30:55, at : at + 4] = LEG
    parts[30:35, 26:36] = LEG
    assert len(pieces(parts == LEG)) == 1
    assert count_limbs(parts, LEG) == 2
    parts[30:55, 26:36] = LEG
    assert count_limbs(parts, LEG) == 1
    mask = np.zeros((64, 64), bool)
    mask[2:4, 2:4] = True
    assert pieces(mask) == []
    mask[10:14, 10:14] = mask[14:18, 14:18] = True
    assert [int(piece.sum()) for piece in pieces(mask)] == [32]


def test_shares_equal_counted_pixels():
    parts = maps("upright", 50_000, 1)[0]
    pixels = [int((parts == part).sum()) for part in range(1, len(PARTS))]
    assert shares(parts) == pytest.approx([sum(pixels) / parts.size, *(count / sum(pixels) for count in pixels)])


@pytest.mark.parametrize("parts", [np.zeros((64, 64), np.uint8), np.full((64, 64), LEG, np.uint8)])
def test_an_image_without_a_person_is_faulty(kind, parts):
    assert {"0 heads", "0 torsos"} <= set(faults_of(parts, kind[1]))


def test_the_embedded_segmenter_finds_the_rendered_parts():
    """The studies use its maps, not the exact ones."""
    assert RENDERED_PARTS == PARTS
    shots = [sample_mannequin(60_000 + n, ("standing", "lying")[n % 2]) for n in range(16)]
    pictures, parts = to_tensor([shot.pixels for shot in shots]), np.stack([shot.parts for shot in shots])
    assert np.mean(find_parts("models/base/body-parts", pictures) == parts) > 0.97
    found = find_parts("models/base/body-parts", F.interpolate(pictures, scale_factor=3, mode="nearest"))
    assert found.shape == parts.shape  # at the segmenter's side, whatever the images' side is
    assert np.mean(found == parts) > 0.97


def test_a_segmenter_with_other_labels_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"^models/base/segmenter: its labels are .*; expected background, head"):
        find_parts("models/base/segmenter", torch.zeros(1, 3, 64, 64))
    with pytest.raises(UserError, match=r"none: no segmenter of body parts"):
        find_parts(str(tmp_path / "none"), torch.zeros(1, 3, 64, 64))
