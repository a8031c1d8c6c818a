"""Put products into Mitsuba scenes, with light, a camera that sees all of them, and the frame of the logo."""

from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace

import numpy as np

from shoot.bodies import sample_person
from shoot.camera import light_up, point_camera
from shoot.details import draw_details
from shoot.expose import GREY, Details
from shoot.flats import hang_up, lay_flat, make_hanger, make_straps
from shoot.framing import frame
from shoot.grounds import lay_ground
from shoot.landmarks import Landmarks
from shoot.meshes import normals
from shoot.places import Place, make_place
from shoot.plan import ShotPlan, sample_hair
from shoot.poses import turn_about
from shoot.products import ProductPlan, outfit_of
from shoot.renderer import mi
from shoot.scene import Studio
from shoot.shapes import make_mesh, make_thing
from shoot.surfaces import Surface
from shoot.things import Thing
from shoot.wares import Parts, make_bear, make_billboard, make_bottle, make_cap, make_mug

Array = np.ndarray
Logo = dict[str, float]  # layer; u, v of the middle and largest width on the cloth, m
_PAINT = {"coffee": (0.03, 0.015, 0.008), "metal": (0.55, 0.5, 0.42), "dark": (0.06, 0.06, 0.065),
          "black": (0.01, 0.01, 0.01), "wood": (0.35, 0.22, 0.12)}  # fmt: skip
_MAKERS = {"cap": make_cap, "mug": make_mug, "perfume": make_bottle, "billboard": make_billboard, "bear": make_bear}
_GLOSSY = ("mug", "perfume")
# logo of hard products: layer; u; share of the height; width, m on the enlarged surface
_LOGOS = {"cap": (0, 0.0, 0.0, 0.19), "mug": (0, 0.0, 0.0, 0.25), "perfume": (0, 0.0, 0.0, 0.17),
          "billboard": (0, 0.0, 0.0, 2.5), "bear": (1, 0.0, 0.0, 0.085)}  # fmt: skip
_WORN = (("side", "side"), ("relaxed", "relaxed"), ("out", "out"), ("relaxed", "back"), ("hip", "relaxed"))


@dataclass(frozen=True)
class StagedProduct:
    """A scene ready to be exposed."""

    scene: mi.Scene
    shapes: dict[str, mi.Shape]
    logo: Logo
    details: list[Details]


def stage_product(plan: ProductPlan, studio: Studio) -> StagedProduct:
    """Build the scene of a product's shot."""
    if plan.view == "worn":
        return _stage_worn(plan, studio)
    rng = np.random.default_rng([plan.seed, 23])
    parts, logo = make_product(plan, rng)
    turn, middle = turn_about([0, 0, 1], plan.yaw), np.zeros(3)
    if plan.view == "flat":
        vertices = np.vstack([part.vertices for made in parts.values() for part in made])
        middle = (vertices.min(0) + vertices.max(0)) / 2 * [1, 1, 0]
    parts = {name: [part.moved(by=-middle).moved(turn) for part in made] for name, made in parts.items()}
    if plan.view == "hung":  # the wall turns with the product
        place = lay_ground(plan.place, plan.seed, 1.0)
        if plan.place == "wall":
            place.things = [_turned(thing, turn) for thing in place.things]
        else:
            place.things = [_lowered(thing, 1.2) for thing in place.things]
    else:
        extent = float(np.ptp(np.vstack([part.vertices for made in parts.values() for part in made]), axis=0).max())
        clear = 0.6 * extent if plan.view == "flat" else 0.0
        place = lay_ground(plan.place, plan.seed, max(0.6, min(4.0, 2.0 * extent)), (clear, 0.9 * extent + 0.4))
    shapes = _shapes_of(parts, plan.kind)
    return _finish(plan, place, shapes, np.vstack([p.vertices for made in parts.values() for p in made]), logo, rng)


def make_product(plan: ProductPlan, rng: np.random.Generator) -> tuple[Parts, Logo]:
    """Make a product and the frame of its logo; it faces −y, or up if it lies flat."""
    if plan.kind in _MAKERS:
        parts = _MAKERS[plan.kind](rng)
        layer, u, v, width = _LOGOS[plan.kind]
        corners = np.concatenate([part.corners.reshape(-1, 3) for part in parts["0"][:1]])
        if plan.kind in ("cap", "mug", "perfume"):
            low, high = corners[:, 1].min(), corners[:, 1].max()
            v = low + {"cap": 0.36, "mug": 0.52, "perfume": 0.45}[plan.kind] * (high - low)
        return parts, {"layer": layer, "u": u, "v": float(v), "width": width}
    layers, pattern = (hang_up if plan.view == "hung" else lay_flat)(plan.kind, rng)
    parts: Parts = {"0": layers}
    top = float(pattern.right[:, 1].max())
    if plan.kind == "bag":
        parts["1"] = make_straps(top, hung=plan.view == "hung", rng=rng)
        if plan.view == "hung":
            hook = make_hanger(top + 0.235)[1:]
            parts["metal"] = [part.moved(by=(0, 0.0, 0.0)) for part in hook]
    elif plan.view == "hung":
        hanger = make_hanger(top)
        parts |= {"wood": hanger[:1], "metal": hanger[1:]}
    spot = {"bag": (0.0, 0.46 * top, 0.26), "shorts": (0.14, 0.14, 0.18)}.get(plan.kind, (0.0, 0.475, 0.31))
    return parts, {"layer": 0, "u": spot[0], "v": spot[1], "width": spot[2]}


def _shapes_of(parts: Parts, kind: str) -> dict[str, mi.Shape]:
    grey = {"type": "rgb", "value": [GREY] * 3}
    matt = {"type": "diffuse", "reflectance": grey}
    gloss = {"type": "principled", "base_color": grey, "roughness": 0.22, "specular": 0.5}
    cloth = mi.load_dict({"type": "twosided", "inner": gloss if kind in _GLOSSY else matt})
    shapes = {}
    for name, made in parts.items():
        for number, part in enumerate(made):
            if name.isdigit():
                shapes[f"garment{name}:{number}"] = _mesh_of(part, cloth)
            else:
                thing = Thing(part.vertices, part.triangles, np.array(_PAINT[name]), None, 0.3)
                shapes[f"place:{name}{number}"] = make_thing(thing)
    return shapes


def _mesh_of(part: Surface, bsdf: mi.BSDF) -> mi.Mesh:
    flat, corners = part.triangles.ravel(), part.corners.reshape(-1, 3)
    outward = normals(part.vertices, part.triangles)[flat]
    tris = np.arange(len(flat)).reshape(-1, 3)
    return make_mesh(part.vertices[flat], tris, bsdf, outward, corners[:, :2], hem=corners[:, 2])


def _finish(
    plan: ProductPlan, place: Place, shapes: dict, vertices: Array, logo: Logo, rng: np.random.Generator
) -> StagedProduct:
    """Point the camera so that all vertices are seen, and add place and light."""
    shapes |= {f"place:{number}": make_thing(thing) for number, thing in enumerate(place.things)}
    cover = (1.12, 1.40) if plan.view == "standing" else (1.10, 1.24)  # clothes are near, so that words are legible
    view = frame(vertices, plan.pitch, rng, cover=cover, away=3.0 if plan.kind == "billboard" else 5.0)
    aperture = 0.004 * view.distance * float(rng.uniform(0.3, 1.0)) if plan.view == "standing" else 0.0
    sensor, _ = point_camera(view.origin, view.target, view.half, aperture, view.distance)
    light = light_up(SimpleNamespace(seed=plan.seed), place)
    return StagedProduct(mi.load_dict({"type": "scene", "sensor": sensor, **light, **shapes}), shapes, logo, [])


def _stage_worn(plan: ProductPlan, studio: Studio) -> StagedProduct:
    """Show the upper body of a person who wears the product."""
    rng = np.random.default_rng([plan.seed, 24])
    person = next(s for s in range(100 * plan.seed, 100 * plan.seed + 99)
                  if sample_person(s, studio.bodies.features).female == plan.female)  # fmt: skip
    hair = sample_hair(plan.female, rng)
    pose = (*_WORN[rng.integers(len(_WORN))], "stand", "rest")
    shot = ShotPlan(
        0, 0, "studio", outfit_of(plan), person, plan.female, hair, pose, "front", plan.yaw, True, plan.seed
    )
    figure, shoes, garments = studio.dress(shot)
    turn = turn_about([0, 0, 1], plan.yaw).T
    shapes = studio.shape_person(shot, figure, shoes, garments, turn)
    marks = Landmarks.of(studio.bodies, figure)
    joints = dict(zip(studio.bodies.bones, figure.joints @ turn, strict=True))
    head, hip = joints["head"], joints["upperleg01.L"]
    low, high = hip[2] + 0.04, head[2] + rng.uniform(0.06, 0.24)
    side = 0.5 * (high - low)
    corners = np.array([[x, 0, z] for x in (-side, side) for z in (low, high)])
    logo = {"layer": 1, "u": 0.0, "v": float(marks.neck - 0.20 * marks.size), "width": float(0.185 * marks.size)}
    staged = _finish(plan, make_place(plan.place, plan.seed), shapes, corners * [0.85, 1, 1], logo, rng)
    return replace(staged, details=[partial(draw_details, cut, marks) for cut in shot.outfit])


def _turned(thing: Thing, turn: Array) -> Thing:
    return Thing(thing.vertices @ turn.T, thing.triangles, thing.colour, thing.places, thing.rough)


def _lowered(thing: Thing, by: float) -> Thing:
    return Thing(thing.vertices - [0, 0, by], thing.triangles, thing.colour, thing.places, thing.rough)
