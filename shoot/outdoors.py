"""Put whole and deformed people, lying, sitting or upright, into Mitsuba scenes, and tell the body part of each pixel.

Skin, hair and collars are made upright and then turned; cloth falls onto the body as it lies.
"""

import base64
import io
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace

import numpy as np
from PIL import Image
from scipy.spatial import cKDTree

from shoot.bodies import Bodies, Figure, sample_person
from shoot.camera import light_up, point_camera
from shoot.deformed import Dressed, copy_limb, deform, limb_weights
from shoot.deformities import COPIES
from shoot.details import draw_details
from shoot.expose import Details, names_of
from shoot.framing import frame
from shoot.grounds import lay_ground
from shoot.landmarks import Landmarks
from shoot.lying import BodyPlan
from shoot.pieces import Draped
from shoot.poses import turn_about
from shoot.renderer import mi
from shoot.scene import Studio, hair_colour
from shoot.sewing import Garment, sew
from shoot.shapes import make_mesh, make_thing
from shoot.shoes import make_shoes

Array = np.ndarray
PARTS = ("background", "head", "torso", "arm", "leg")
_LEAP = (0.12, 0.30)  # height of a jump, m
_NECK = ("neck01", "neck02", "head")


@dataclass(frozen=True)
class StagedBody:
    """A scene ready to be exposed, and points of the body with their parts."""

    scene: mi.Scene
    shapes: dict[str, mi.Shape]
    details: list[Details]
    points: Array  # (n, 3), in the scene
    parts: Array  # uint8 (n,), indices in PARTS


class Outdoors:
    """Stages people on the ground; a deformed twin shares dress, camera, place and light with the whole one."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._parts = parts_of_skin(studio.bodies)
        self._last: tuple[BodyPlan, Dressed, float] | None = None

    def stage(self, plan: BodyPlan) -> StagedBody:
        """Build the scene of a person."""
        studio, bodies, fault = self.studio, self.studio.bodies, plan.fault
        whole, low = self._whole(replace(plan, fault=None))
        turn = rotation_of(plan).T
        shown = deform(bodies, whole, fault) if fault else whole
        who = replace(plan, hair="bald") if fault and fault.kind == "headless" else plan
        shapes = studio.shape_person(who, shown.figure, shown.shoes, shown.garments, turn)
        points, parts = shown.figure.posed[bodies.skin_ids], self._parts
        if fault and fault.kind in COPIES:
            copy, left_out = copy_limb(bodies, whole, fault)
            shapes |= self._shape_copy(copy, whole, left_out, turn)
            points = np.vstack([points, copy.figure.posed[bodies.skin_ids][~left_out]])
            parts = np.r_[parts, parts[~left_out]]
        place = lay_ground(plan.place, plan.seed, 2.4, (0.0, 1.4))
        ground = np.array([0, 0, low])
        for number, thing in enumerate(place.things):
            shapes[f"place:{number}"] = make_thing(replace(thing, vertices=thing.vertices + ground))
        seen = whole.figure.posed[bodies.skin_ids] @ turn
        if plan.posture == "jumping":
            seen = np.vstack([seen, ground])
        rng = np.random.default_rng([plan.seed, 34])
        view = frame(seen, plan.pitch, rng, cover=(1.14, 1.28), away=2.6)
        aperture = 0.0 if plan.lies else place.aperture * 0.6
        sensor, _ = point_camera(view.origin, view.target, view.half, aperture, view.distance)
        light = light_up(SimpleNamespace(seed=plan.seed), place)
        scene = mi.load_dict({"type": "scene", "sensor": sensor, **light, **shapes})
        marks = Landmarks.of(bodies, whole.figure)
        details = [partial(draw_details, cut, marks) for cut in plan.outfit]
        return StagedBody(scene, shapes, details, points @ turn, parts)

    def _whole(self, plan: BodyPlan) -> tuple[Dressed, float]:
        """Return the whole person, dressed, and the height of the ground under the turned body."""
        if self._last is None or self._last[0] != plan:
            bodies, rng = self.studio.bodies, np.random.default_rng([plan.seed, 33])
            who = sample_person(plan.person, bodies.features)
            figure = bodies.figure(who, plan.pose, plan.seed, lay_head(plan))
            low = float((figure.posed[bodies.skin_ids] @ rotation_of(plan).T)[:, 2].min())
            low -= rng.uniform(*_LEAP) if plan.posture == "jumping" else 0.0
            self._last = plan, _dress(self.studio, plan, figure, rotation_of(plan).T, low), low
        return self._last[1:]

    def _shape_copy(self, copy: Dressed, whole: Dressed, left_out: Array, turn: Array) -> dict[str, mi.Shape]:
        studio = self.studio
        skin = studio.shape_skin(copy.figure, whole.garments, hair_colour(whole.figure), turn, left_out)
        shapes = {f"skin:copy {name}": shape for name, shape in skin.items()}
        for number, (layer, garment) in enumerate(copy.garments):
            shapes[f"garment{layer}:copy {number}"] = studio.shape_garment(garment, turn)
        if len(copy.shoes.triangles):
            vertices, tris = copy.shoes.vertices @ turn, copy.shoes.triangles
            shapes["paint:copy"] = make_mesh(vertices, tris, studio.paint, colours=copy.shoes.colours)
        return shapes


def rotation_of(plan: BodyPlan) -> Array:
    """Return the rotation of an upright body into its posture, (3, 3), for column vectors."""
    about = [0, 0, 1]
    if plan.posture == "on the back":
        return turn_about(about, plan.heading) @ turn_about([1, 0, 0], -90)
    if plan.posture == "on the front":
        return turn_about(about, plan.heading + 180) @ turn_about([1, 0, 0], 90)
    if plan.posture == "on the side":
        side = np.sign(plan.heading)
        return turn_about(about, plan.heading - 90 * side) @ turn_about([0, 1, 0], 90 * side)
    return turn_about(about, plan.heading)


def lay_head(plan: BodyPlan) -> dict[str, Array]:
    """Return the rotations of the neck's bones, (3, 3), that bring the head of somebody who lies to the ground."""
    about = {
        "on the back": ([1, 0, 0], -11),
        "on the side": ([0, 1, 0], 12 * np.sign(plan.heading)),
        "on the front": ([0, 0, 1], 22),
    }
    return {bone: turn_about(*about[plan.posture]) for bone in _NECK} if plan.lies else {}


def _dress(studio: Studio, plan: BodyPlan, figure: Figure, turn: Array, low: float) -> Dressed:
    """Make shoes and garments; cloth falls in the scene, on its ground, and is turned back upright."""
    bodies = studio.bodies
    shoes, marks = make_shoes(bodies, figure, plan.person), Landmarks.of(bodies, figure)
    ground = np.array([0, 0, low])
    lying = replace(figure, posed=figure.posed @ turn - ground)
    vertices = [lying.posed[bodies.skin_ids], shoes.vertices @ turn - ground]
    tris = [bodies.skin_triangles, shoes.triangles + len(vertices[0])]
    garments: list[tuple[int, Garment]] = []
    for layer, cut in enumerate(plan.outfit):
        collider = np.vstack(vertices), np.vstack(tris)
        for draped in studio.tailor.make(cut, lying, collider, 0.004 * layer, plan.seed):
            upright = Draped(draped.piece, (draped.vertices + ground) @ turn.T)
            for garment in sew(upright, marks):
                garments.append((layer, garment))
                tris.append(garment.collider[1] + sum(map(len, vertices)))
                vertices.append(garment.collider[0] @ turn - ground)
    return Dressed(figure, shoes, garments)


def parts_of_skin(bodies: Bodies) -> Array:
    """Return the body part of each vertex of the skin, uint8 (skin,), indices in PARTS."""
    shares = [limb_weights(bodies, "head", "")]
    shares += [limb_weights(bodies, part, "L") + limb_weights(bodies, part, "R") for part in ("arm", "leg")]
    head, arm, leg = np.stack(shares)[:, bodies.skin_ids]
    return np.array([1, 2, 3, 4], np.uint8)[np.stack([head, 1 - head - arm - leg, arm, leg]).argmax(0)]


def draw_parts(staged: StagedBody, size: int) -> str:
    """Return the body part in the middle of each pixel, indices in PARTS, as a PNG in base 64."""
    pixel = np.arange(size * size)
    film = mi.Point2f(mi.Float((pixel % size + 0.5) / size), mi.Float((pixel // size + 0.5) / size))
    ray, _ = staged.scene.sensors()[0].sample_ray(0.0, 0.5, film, mi.Point2f(0.5, 0.5))
    hit = staged.scene.ray_intersect(ray)
    names = names_of(hit, staged.shapes)
    person = ~np.isin(names, ["", "place"])
    found = np.zeros(size * size, np.uint8)
    found[person] = staged.parts[cKDTree(staged.points).query(hit.p.numpy().T[person])[1]]
    found[np.isin(names, ["hair", "face"])] = PARTS.index("head")
    buffer = io.BytesIO()
    Image.fromarray(found.reshape(size, size)).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
