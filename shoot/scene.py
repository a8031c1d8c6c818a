"""Put a person, clothes, hair and a place into a Mitsuba scene with light and a camera."""

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from shoot.bodies import Bodies, Figure, sample_person
from shoot.camera import aim_camera, light_up
from shoot.cuts import Outfit
from shoot.details import draw_details
from shoot.expose import GREY, Details
from shoot.hair import Scalp, ScalpMap
from shoot.hairstyles import COLOURS, Strands, grow_hair
from shoot.landmarks import Landmarks
from shoot.meshes import normals, refine_quad_corners, refine_quads, triangles
from shoot.places import sample_place
from shoot.plan import ShotPlan
from shoot.poses import turn_about
from shoot.renderer import mi
from shoot.sewing import Garment, sew, shade_normals
from shoot.shoes import make_shoes
from shoot.skin import Part, SkinPainter
from shoot.tailor import Tailor
from shoot.things import Thing

Array = np.ndarray
_HIDDEN = 0.085  # skin further than this inside a garment's edge is left out, m
_TONES = (0.7, 0.9, 1.1, 1.35)  # brightness of groups of strands


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
        self._cloth = mi.load_dict(_two_sided({"type": "diffuse", "reflectance": _rgb(GREY * np.ones(3))}))
        colour = {"type": "mesh_attribute", "name": "vertex_color"}
        self.paint = mi.load_dict(_two_sided(_principled(colour, 0.42, 0.45)))
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
        marks = Landmarks.of(self.bodies, figure)
        collider = figure.posed[self.bodies.skin_ids], self.bodies.skin_triangles
        collider = _join(collider, (shoes.vertices, shoes.triangles))
        garments: list[tuple[int, Garment]] = []
        for layer, cut in enumerate(plan.outfit):
            below = plan.outfit[: layer + 1]
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
        place = sample_place(plan.domain, plan.seed)
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
            shapes |= _hair(grow_hair(scalp, plan.hair, np.random.default_rng([plan.person, 12])), colour, turn)
            cap = np.tile(colour * 0.8, (len(scalp.vertices), 1))
            parts.append(Part(scalp.vertices + 0.0012 * scalp.normals, self.scalp.triangles, cap))
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
        texture = _texture(self.painter.paint(figure.person, hair))
        bsdf = mi.load_dict(_two_sided(_principled(texture, 0.45, 0.4)))
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


def _join(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
    return np.vstack([a[0], b[0]]), np.vstack([a[1], b[1] + len(a[0])])


def _rgb(colour: Array) -> dict:
    return {"type": "rgb", "value": [float(value) for value in colour]}


def _two_sided(bsdf: dict) -> dict:
    return {"type": "twosided", "inner": bsdf}


def _principled(colour: dict, rough: float, specular: float) -> dict:
    return {"type": "principled", "base_color": colour, "roughness": rough, "specular": specular}


def _texture(colours: Array) -> dict:
    """Wrap an array, (h, w, 3), whose first row is the top."""
    bitmap = mi.Bitmap(np.ascontiguousarray(colours[::-1], np.float32))
    return {"type": "bitmap", "bitmap": bitmap, "raw": True, "wrap_mode": "mirror"}


def make_mesh(
    vertices: Array,
    tris: Array,
    bsdf: mi.BSDF,
    outward: Array | None = None,
    places: Array | None = None,
    *,
    colours: Array | None = None,
    hem: Array | None = None,
) -> mi.Mesh:
    """Make a Mitsuba mesh of vertices (n, 3) and triangles (f, 3), with normals, texture coordinates and attributes."""
    properties = mi.Properties()
    properties["bsdf"] = bsdf
    mesh = mi.Mesh("mesh", len(vertices), len(tris), properties, has_vertex_normals=True, has_vertex_texcoords=True)
    for name, width, values in (("vertex_color", 3, colours), ("vertex_hem", 1, hem)):
        if values is not None:
            mesh.add_attribute(name, width, np.ascontiguousarray(values, np.float32).ravel())
    given = mi.traverse(mesh)
    given["vertex_positions"] = np.ascontiguousarray(vertices, np.float32).ravel()
    outward = normals(vertices, tris) if outward is None else outward
    given["vertex_normals"] = np.ascontiguousarray(outward, np.float32).ravel()
    places = np.zeros((len(vertices), 2)) if places is None else places
    given["vertex_texcoords"] = np.ascontiguousarray(places, np.float32).ravel()
    given["faces"] = np.ascontiguousarray(tris, np.uint32).ravel()
    given.update()
    return mesh


def make_thing(thing: Thing) -> mi.Mesh:
    """Make the mesh of a thing, of its colour or texture."""
    colour = _rgb(thing.colour) if thing.colour.ndim == 1 else _texture(thing.colour)
    plain = {"type": "diffuse", "reflectance": colour}
    bsdf = mi.load_dict(_two_sided(plain if thing.rough > 0.6 else _principled(colour, thing.rough, 0.6)))
    return make_mesh(thing.vertices, thing.triangles, bsdf, None, thing.places)


def _hair(bundles: list[Strands], colour: Array, turn: Array) -> dict[str, mi.Shape]:
    """Make curves of the strands, in four shades of the colour."""
    shapes = {}
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for strands in bundles:
            shade = rng.integers(len(_TONES), size=len(strands.points))
            for number, tone in enumerate(_TONES):
                path = Path(folder) / f"{len(shapes)}.txt"
                path.write_text(_curves(strands.points[shade == number] @ turn, strands.radius))
                bsdf = _principled(_rgb(np.clip(colour * tone, 0.003, 0.9)), 0.35, 0.5)
                curve = {"type": "bsplinecurve", "filename": str(path), "bsdf": bsdf}
                shapes[f"hair:{len(shapes)}"] = mi.load_dict(curve)
    return shapes


def _curves(points: Array, radius: float) -> str:
    """Write strands in Mitsuba's text format; their ends are doubled, since a spline does not reach its ends."""
    points = np.concatenate([points[:, :1], points, points[:, -1:]], axis=1)
    thick = np.broadcast_to(radius * np.linspace(1, 0.5, points.shape[1])[:, None], (*points.shape[:2], 1))
    rows = np.concatenate([points, thick], axis=2)
    form = "\n".join(["%.5f %.5f %.5f %.5f"] * points.shape[1]) + "\n\n"
    return "".join(form % tuple(strand) for strand in rows.reshape(len(rows), -1).tolist())


def hair_colour(figure: Figure) -> Array:
    """Draw the colour of a person's hair, linear RGB (3,)."""
    person = figure.person
    rng = np.random.default_rng([person.seed, 13])
    odds = [0.6, 0.35, 0.05, 0, 0, 0] if person.origins[2] < 0.5 else [0.08, 0.25, 0.32, 0.1, 0.22, 0.03]
    name = rng.choice(list(COLOURS), p=[0.1, 0.1, 0.1, 0, 0, 0.7] if person.old else odds)
    return np.array(COLOURS[name]) * rng.uniform(0.8, 1.25)
