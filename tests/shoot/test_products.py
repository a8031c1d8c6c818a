"""Products: meshes without holes where there should be none, coordinates in metres, plans that repeat."""

from collections import Counter

import numpy as np
import pytest

from atelier.world.shards import part_of
from shoot.meshes import edges_of
from shoot.products import KINDS, outfit_of, plan_product
from shoot.surfaces import ball, cut_sheet, distance_inside, revolve, tube
from shoot.wares import make_bear, make_billboard, make_bottle, make_cap, make_mug

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
WARES = {"cap": make_cap, "mug": make_mug, "perfume": make_bottle, "billboard": make_billboard, "bear": make_bear}


def area_of(vertices: np.ndarray, tris: np.ndarray) -> float:
    a, b, c = (vertices[tris[:, k]] for k in range(3))
    if vertices.shape[1] == 2:
        return float(np.abs(np.cross(b - a, c - a)).sum() / 2)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


@pytest.mark.parametrize(
    ("point", "distance"),
    [((0.5, 0.5), 0.5), ((0.1, 0.6), 0.1), ((1.25, 0.5), -0.25), ((-3, -4), -5), ((0.9, 0.9), 0.1)],
)
def test_distance_inside_a_square(point, distance):
    np.testing.assert_allclose(distance_inside(np.array([point], float), SQUARE), distance, atol=1e-9)


def test_a_sheet_has_the_area_of_its_outline_and_no_edge_of_three_triangles():
    outline = np.array([[0, 0], [1, 0], [1, 0.4], [0.5, 0.4], [0.5, 1], [0, 1]])
    points, tris = cut_sheet(lambda p: distance_inside(p, outline), outline.min(0), outline.max(0), 0.02)
    np.testing.assert_allclose(area_of(points, tris), 0.7, rtol=0.01)
    assert edges_of(tris)[2].max() == 2
    a, b, c = (points[tris[:, k]] for k in range(3))
    assert (np.cross(b - a, c - a) > 0).all()  # all face the same way


@pytest.mark.parametrize(
    ("surface", "area"),
    [
        (ball((0, 0, 0), (0.3, 0.3, 0.3), 96), 4 * np.pi * 0.09),
        (revolve(np.array([[0.2, 0.0], [0.2, 0.5]]), 192), 2 * np.pi * 0.2 * 0.5),
        (tube(np.linspace([0, 0, 0], [0, 0, 2.0], 9), 0.1, 64), 2 * np.pi * 0.1 * 2),
    ],
)
def test_surfaces_have_the_areas_of_geometry(surface, area):
    np.testing.assert_allclose(area_of(surface.vertices, surface.triangles), area, rtol=0.01)


def test_coordinates_on_a_cylinder_are_lengths():
    cylinder = revolve(np.column_stack([np.full(11, 0.05), np.linspace(0, 0.1, 11)]), 256)
    ends = cylinder.corners[:, [0, 1]]
    places = cylinder.vertices[cylinder.triangles[:, [0, 1]]]
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(ends[..., :2], axis=1), axis=-1),
        np.linalg.norm(np.diff(places, axis=1), axis=-1),
        rtol=1e-3,
    )
    front = cylinder.vertices[cylinder.triangles][..., 1] < -0.0499
    assert np.abs(cylinder.corners[front][:, 0]).max() < 0.004  # u is 0 in front
    right = cylinder.vertices[cylinder.triangles][..., 0] > 0.049
    assert (cylinder.corners[right][:, 0] > 0).all()  # and grows to the right


@pytest.mark.parametrize("kind", WARES)
@pytest.mark.parametrize("seed", range(4))
def test_hard_products_stand_on_the_ground(kind, seed):
    parts = WARES[kind](np.random.default_rng(seed))
    vertices = np.vstack([part.vertices for made in parts.values() for part in made])
    assert np.isfinite(vertices).all()
    assert -0.005 < vertices[:, 2].min() < 0.012
    for name, made in parts.items():
        for part in made:
            assert part.triangles.max() < len(part.vertices)
            assert part.corners.shape == (*part.triangles.shape, 3)
            assert np.isfinite(part.corners).all()
            assert not name.isdigit() or np.abs(part.corners).max() < 32  # as millimetres they fit into int16


def test_plans_repeat_and_show_every_kind_and_view():
    plans = [plan_product(number) for number in range(400)]
    assert plans == [plan_product(number) for number in range(400)]
    assert len({plan.name for plan in plans}) == 400
    seen = Counter((plan.kind, plan.view) for plan in plans)
    assert set(seen) == {(kind, view) for kind, (_, views) in KINDS.items() for view in views}
    assert all(outfit_of(plan)[1].kind == plan.kind for plan in plans if plan.view == "worn")


def test_base_models_and_studies_have_the_shares_of_kinds_and_enough_of_each_in_several_places():
    plans = [plan_product(number) for number in range(200)]
    for part, count in (("base", 120), ("study", 80)):
        own = [plan for plan in plans if part_of(plan.number, "product") == part]
        assert len(own) == count
        kinds = Counter(plan.kind for plan in own)
        for kind, (share, views) in KINDS.items():
            assert abs(kinds[kind] - share * count) < 4
            assert {plan.view for plan in own if plan.kind == kind} == set(views)
        for kind in ("bag", "mug", "bear", "cap"):  # those of concepts
            assert kinds[kind] >= 8
            assert len({plan.place for plan in own if plan.kind == kind}) >= 4
