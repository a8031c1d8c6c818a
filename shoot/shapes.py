"""Shapes and materials for Mitsuba: meshes, things, strands of hair."""

import tempfile
from pathlib import Path

import numpy as np

from shoot.hairstyles import Strands
from shoot.meshes import normals
from shoot.renderer import mi
from shoot.things import Thing

Array = np.ndarray
_TONES = (0.7, 0.9, 1.1, 1.35)  # brightness of groups of strands


def rgb(colour: Array) -> dict:
    return {"type": "rgb", "value": [float(value) for value in colour]}


def two_sided(bsdf: dict) -> dict:
    return {"type": "twosided", "inner": bsdf}


def principled(colour: dict, rough: float, specular: float) -> dict:
    return {"type": "principled", "base_color": colour, "roughness": rough, "specular": specular}


def image_texture(colours: Array) -> dict:
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
    colour = rgb(thing.colour) if thing.colour.ndim == 1 else image_texture(thing.colour)
    plain = {"type": "diffuse", "reflectance": colour}
    bsdf = mi.load_dict(two_sided(plain if thing.rough > 0.6 else principled(colour, thing.rough, 0.6)))
    return make_mesh(thing.vertices, thing.triangles, bsdf, None, thing.places)


def shape_hair(bundles: list[Strands], colour: Array, turn: Array) -> dict[str, mi.Shape]:
    """Make curves of the strands, in four shades of the colour."""
    shapes = {}
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for strands in bundles:
            shade = rng.integers(len(_TONES), size=len(strands.points))
            for number, tone in enumerate(_TONES):
                path = Path(folder) / f"{len(shapes)}.txt"
                path.write_text(_curves(strands.points[shade == number] @ turn, strands.radius))
                bsdf = principled(rgb(np.clip(colour * tone, 0.003, 0.9)), 0.35, 0.5)
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
