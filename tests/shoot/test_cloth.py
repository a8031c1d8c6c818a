"""Cloth before it falls: meshes are split without loss, hollows are bridged, details lie where the cut has them."""

import numpy as np
import pytest

from shoot.cuts import Cut
from shoot.details import draw_details
from shoot.landmarks import Landmarks
from shoot.meshes import clip, split

SIDE = 24


def sheet() -> tuple[np.ndarray, np.ndarray]:
    """Make a square sheet of triangles: vertices (n, 2) and triangles."""
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    first = (np.arange(SIDE - 1)[:, None] * SIDE + np.arange(SIDE - 1)).ravel()
    corners = [[first, first + 1, first + SIDE + 1], [first, first + SIDE + 1, first + SIDE]]
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(float), np.concatenate(
        [np.stack(c, axis=1) for c in corners]
    )


def area(vertices: np.ndarray, tris: np.ndarray) -> float:
    a, b, c = (vertices[tris[:, k]] for k in range(3))
    return float(np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum() / 2)


@pytest.mark.parametrize("seed", range(5))
def test_a_mesh_that_is_split_keeps_its_area_and_shares_the_seam(seed):
    vertices, tris = sheet()
    centre = np.random.default_rng(seed).uniform(8, 15, 2)
    field = np.hypot(*(vertices - centre).T) - 5.3
    matrix, parts, positive = split(len(vertices), tris, field)
    moved = matrix @ vertices
    assert area(moved, parts) == pytest.approx(area(vertices, tris))
    assert len(np.unique(moved.round(9), axis=0)) == len(moved)  # both sides use the same vertices of the seam
    kept, inside = clip(len(vertices), tris, field)
    assert area(moved, parts[positive]) == pytest.approx(area(kept @ vertices, inside))
    at = moved[np.intersect1d(parts[positive], parts[~positive])]
    assert np.abs(np.hypot(*(at - centre).T) - 5.3).max() < 0.5  # the seam runs along the field's zero


@pytest.fixture
def marks() -> Landmarks:
    return Landmarks({
        "neck01": np.array([0, 0, 1.42]),
        "upperleg01.L": np.array([0.1, 0, 0.9]),
        "foot.L": np.array([0.1, 0, 0.08]),
    })  # fmt: skip


def draw(cut: Cut, marks: Landmarks, u: float, below_neck: float) -> float:
    """Return the factor at a place on the cloth, without its weave: over the median 3 cm away, to all four corners."""
    step = np.array([-0.03, 0.03])
    around = np.array([[u + a, marks.neck - below_neck + b, 0.2] for a in step for b in step])
    here = draw_details(cut, marks, np.array([[u, marks.neck - below_neck, 0.2]]))[0]
    return here / np.median(draw_details(cut, marks, around))


def test_a_shirt_has_buttons_and_seams_and_a_pocket_on_one_side(marks):
    shirt, plain = Cut("shirt", 0.05, 0.97, neck="collar"), Cut("t-shirt", 0.05, 0.3)
    heights = np.linspace(0.15, 0.45, 400)
    middle = np.array([draw(shirt, marks, 0.0, h) for h in heights])
    assert np.sum(np.diff((middle > 1.15).astype(int)) > 0) in (3, 4)  # 0.30 m of buttons that are 0.085 m apart
    assert draw(shirt, marks, 0.018, 0.3) < 0.75
    assert draw(shirt, marks, 0.095, 0.19 - 0.055) < 0.85
    assert draw(shirt, marks, -0.095, 0.19 - 0.055) > 0.85
    assert all(0.85 < draw(plain, marks, u, 0.3) < 1.15 for u in (0.0, 0.018, 0.095))


@pytest.mark.parametrize("kind", ["t-shirt", "shirt", "jacket", "sweater", "trousers", "skirt", "dress"])
def test_details_leave_the_mean_light_of_cloth_about_the_same(marks, kind):
    rng = np.random.default_rng(0)
    cloth = np.stack([rng.uniform(-0.3, 0.3, 20000), rng.uniform(0.5, 1.35, 20000), rng.uniform(0, 0.5, 20000)], axis=1)
    factor = draw_details(Cut(kind, 0.3, 0.9, neck="collar" if kind in ("shirt", "jacket") else "crew"), marks, cloth)
    assert 0.88 < factor.mean() < 1.02
    assert 0.2 < factor.min() <= factor.max() < 1.6
