"""Put a person, clothes, hair and a place into a Mitsuba scene with light and a camera."""

from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from shoot.bodies import Bodies, Figure, sample_person
from shoot.camera import aim_camera, light_up
from shoot.cuts import Outfit
from shoot.details import draw_details
from shoot.expose import GREY, Details
from shoot.hair import Scalp, ScalpMap
from shoot.hairstyles import COLOURS, grow_hair
from shoot.landmarks import Landmarks
from shoot.meshes import normals, refine_quad_corners, refine_quads, triangles
from shoot.places import Place, sample_place
from shoot.plan import ShotPlan
from shoot.poses import turn_about
from shoot.renderer import mi
from shoot.sewing import Garment, sew, shade_normals
from shoot.shapes import image_texture, make_mesh, make_thing, principled, rgb, shape_hair, two_sided
from shoot.shoes import make_shoes
from shoot.skin import Part, SkinPainter
from shoot.tailor import Tailor

Array = np.ndarray
_HIDDEN = 0.085  # skin further than this inside a garment's edge is left out, m


@dataclass(frozen=True)
class Staged:
    """A scene ready to be exposed."""

    scene: mi.Scene
    shapes: dict[str, mi.Shape]
    figure: Figure
    garments: list[tuple[int, Garment]]
    details: list[Details]
    to_picture: Array  # (3, 4): from homogeneous posed positions to x and y in [0, 1], down, times depth, and depth

    def joints_in_picture(self) -> Array:
        """Return where the joints of the body are in the picture, x and y of its side, (bones, 2)."""
        joints = np.column_stack([self.figure.joints, np.ones(len(self.figure.joints))])
        places = joints @ self.to_picture.T
        return places[:, :2] / places[:, 2:]


class Studio:
    """Everything that is loaded once."""

    def __init__(self) -> None:
        self.bodies = Bodies()
        self.tailor, self.painter = Tailor(self.bodies), SkinPainter(self.bodies)
        self.scalp = ScalpMap(self.bodies, self.painter)
        self._cloth = mi.load_dict(two_sided({"type": "diffuse", "reflectance": rgb(GREY * np.ones(3))}))
        colour = {"type": "mesh_attribute", "name": "vertex_color"}
        self.paint = mi.load_dict(two_sided(principled(colour, 0.42, 0.45)))
        mean = self.bodies.mean[self.bodies.skin_ids]
        eye = self.painter.eye
        face = (mean[:, 1] < eye[1] + 0.055) & (mean[:, 2] > eye[2] - 0.115) & (mean[:, 2] < eye[2] + 0.062)
        self._face = face[self.bodies.skin_quads].all(1)
        self._who: tuple | None = None  # whom `dress` dressed last, and in what: twins share what is worn below
        self._bare: tuple[Figure, Part]
        self._worn: dict[Outfit, list[Garment]] = {}

    def dress(self, plan: ShotPlan) -> tuple[Figure, Part, list[tuple[int, Garment]]]:
        """Make the figure, its shoes, and its garments with their layers, from the inside out."""
        who = plan.person, plan.pose, plan.seed
        if who != self._who:
            figure = self.bodies.figure(sample_person(plan.person, self.bodies.features), plan.pose, plan.seed)
            self._who, self._bare, self._worn = who, (figure, make_shoes(self.bodies, figure, plan.person)), {}
        figure, shoes = self._bare
        if plan.original not in self._worn and plan.twin:  # a twin wears the same above what was changed
            self.dress(replace(plan, outfit=plan.original, twin=None, was=None))
        marks = Landmarks.of(self.bodies, figure)
        collider = figure.posed[self.bodies.skin_ids], self.bodies.skin_triangles
        collider = _join(collider, (shoes.vertices, shoes.triangles))
        garments: list[tuple[int, Garment]] = []
        for layer, cut in enumerate(plan.outfit):
            changed = plan.twin is None or layer <= plan.twin[0]
            below = (plan.outfit if changed else plan.original)[: layer + 1]
            if below not in self._worn:
                over = 0.004 * layer + (0.004 if cut.kind == "jacket" else 0)
                pieces = self.tailor.make(cut, figure, collider, over, plan.seed)
                self._worn[below] = [garment for draped in pieces for garment in sew(draped, marks)]
            for garment in self._worn[below]:
                garments.append((layer, garment))
                collider = _join(collider, garment.collider)
        return figure, shoes, garments

    def stage(self, plan: ShotPlan) -> Staged:
        """Build the scene of a shot."""
        figure, shoes, garments = self.dress(plan)
        turn = turn_about([0, 0, 1], plan.yaw).T
        shapes = self.shape_person(plan, figure, shoes, garments, turn)
        place = _place(plan.domain, plan.seed)
        for number, thing in enumerate(place.things):
            shapes[f"place:{number}"] = make_thing(thing)
        height = figure.posed[self.bodies.skin_ids, 2].max()
        sensor, to_picture = aim_camera(plan, place, height)
        to_picture = to_picture @ np.block([[turn.T, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]])
        scene = mi.load_dict({"type": "scene", "sensor": sensor, **light_up(plan, place), **shapes})
        marks = Landmarks.of(self.bodies, figure)
        details = [partial(draw_details, cut, marks) for cut in plan.outfit]
        return Staged(scene, shapes, figure, garments, details, to_picture)

    def shape_person(
        self, plan: ShotPlan, figure: Figure, shoes: Part, garments: list[tuple[int, Garment]], turn: Array
    ) -> dict[str, mi.Shape]:
        """Make the shapes of a dressed person, whose vertices `turn` rotates."""
        colour = hair_colour(figure)
        shapes = self.shape_skin(figure, garments, colour, turn)
        parts = [*self.painter.eyes(figure), shoes]
        if plan.hair != "bald":
            scalp = Scalp(self.scalp, self.bodies, figure, [garment.collider for _, garment in garments])
            shapes |= shape_hair(grow_hair(scalp, plan.hair, np.random.default_rng([plan.person, 12])), colour, turn)
            cap = np.tile(colour * 0.8, (len(scalp.vertices), 1))
            parts.append(Part(scalp.vertices + 0.0012 * scalp.normals, self.scalp.covered, cap))
        for number, part in enumerate(parts):
            shapes[f"paint:{number}"] = make_mesh(
                part.vertices @ turn, part.triangles, self.paint, colours=part.colours
            )
        for number, (layer, garment) in enumerate(garments):
            shapes[f"garment{layer}:{number}"] = self.shape_garment(garment, turn)
        return shapes

    def shape_skin(
        self,
        figure: Figure,
        garments: list[tuple[int, Garment]],
        hair: Array,
        turn: Array,
        left_out: Array | None = None,
    ) -> dict[str, mi.Shape]:
        """Make face and body, without what clothes and shoes hide.

        Args:
            left_out: further vertices of the skin that are not shown, bool (skin,); None: none.
        """
        bodies = self.bodies
        rest, posed = figure.rest[bodies.skin_ids], figure.posed[bodies.skin_ids]
        arm = bodies.arm_weights[bodies.skin_ids]
        hidden = (rest[:, 2] < 0.05) & (np.abs(rest[:, 0]) < 0.35)
        if left_out is not None:
            hidden |= left_out
        for _, garment in garments:
            if garment.field:
                hidden |= garment.field(rest, arm) > _HIDDEN
        shown = ~hidden[bodies.skin_quads].all(1)
        texture = image_texture(self.painter.paint(figure.person, hair))
        bsdf = mi.load_dict(two_sided(principled(texture, 0.45, 0.4)))
        places = bodies.texture[bodies.groups["body"][:, :, 1]]
        matrix, quads = refine_quads(len(posed), bodies.skin_quads)
        fine, corners = matrix @ posed, refine_quad_corners(places)
        outward = normals(fine, triangles(quads))
        shapes = {}
        for name, chosen in (("face", shown & self._face), ("skin", shown & ~self._face)):
            if not chosen.any():
                continue
            use = np.tile(chosen, 4)
            flat = quads[use].ravel()
            tris = triangles(np.arange(len(flat)).reshape(-1, 4))
            shapes[name] = make_mesh(fine[flat] @ turn, tris, bsdf, outward[flat] @ turn, corners[use].reshape(-1, 2))
        return shapes

    def shape_garment(self, garment: Garment, turn: Array) -> mi.Mesh:
        """Make the mesh of a garment, with its coordinates on the cloth."""
        flat = garment.triangles.ravel()
        corners = garment.corners.reshape(-1, 3)
        tris, outward = np.arange(len(flat)).reshape(-1, 3), shade_normals(garment)[flat]
        vertices = garment.vertices[flat]
        return make_mesh(vertices @ turn, tris, self._cloth, outward @ turn, corners[:, :2], hem=corners[:, 2])


@lru_cache(1)  # a twin stands in the same place
def _place(domain: str, seed: int) -> Place:
    return sample_place(domain, seed)


def _join(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
    return np.vstack([a[0], b[0]]), np.vstack([a[1], b[1] + len(a[0])])


def hair_colour(figure: Figure) -> Array:
    """Draw the colour of a person's hair, linear RGB (3,)."""
    person = figure.person
    rng = np.random.default_rng([person.seed, 13])
    odds = [0.6, 0.35, 0.05, 0, 0, 0] if person.origins[2] < 0.5 else [0.08, 0.25, 0.32, 0.1, 0.22, 0.03]
    name = rng.choice(list(COLOURS), p=[0.1, 0.1, 0.1, 0, 0, 0.7] if person.old else odds)
    return np.array(COLOURS[name]) * rng.uniform(0.8, 1.25)
