"""Trace a scene once into the layers that pictures are composed from.

The clothes are grey in the scene, so the light on them is known apart from their colour. Every pixel is sampled on a
grid of _GRID × _GRID cells; what a cell hits decides to which layer its light belongs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import drjit as dr
import numpy as np

from shoot.renderer import mi

Array = np.ndarray
Details = Callable[[Array], Array]  # positions on the cloth, (n, 3) → factors of the light, (n,)
GREY = 0.5  # reflectance of the clothes
LAYERS = 3  # garments at most, from the inside out
_GRID = 4
_BRIGHTEST = 6.0  # samples are cut off here, against fireflies
_SAME_CLOTH = 0.06  # coordinates further apart than this within a pixel are on two sides of a seam, m


@dataclass(frozen=True)
class Layers:
    """What a shot stores; H W pixels, light is linear.

    Attributes:
        base: light from everything but the clothes, times its coverage, float (H, W, 3).
        alpha: coverage of each garment, (H, W, LAYERS).
        shade: light that white cloth would send, (H, W, 3).
        cloth: u, v and distance to the hem of the nearest garment, m, (H, W, 3).
        body: coverage of skin, hair and shoes, (H, W).
        face: coverage of the skin of the face, (H, W).
    """

    base: Array
    alpha: Array
    shade: Array
    cloth: Array
    body: Array
    face: Array


def expose(scene: mi.Scene, shapes: dict[str, mi.Shape], details: list[Details], size: int, samples: int) -> Layers:
    """Trace size × size pixels with `samples` paths each.

    Args:
        details: of each garment: factors of its light, by positions on the cloth.
    """
    side, per_pixel = size * _GRID, _GRID**2
    cell = np.arange(side * side)  # the cells of one pixel are neighbours
    pixel, sub = cell // per_pixel, cell % per_pixel
    x, y = (pixel % size) * _GRID + sub % _GRID, (pixel // size) * _GRID + sub // _GRID
    rng = np.random.default_rng(1)
    film = mi.Point2f(mi.Float((x + rng.random(side * side)) / side), mi.Float((y + rng.random(side * side)) / side))
    order = rng.permuted(np.tile(np.arange(per_pixel), (size * size, 1)), axis=1).ravel()  # a cell of the lens for each
    at = ((order % _GRID + rng.random(side * side)) / _GRID, (order // _GRID + rng.random(side * side)) / _GRID)
    lens = mi.Point2f(mi.Float(at[0]), mi.Float(at[1]))
    ray, _ = scene.sensors()[0].sample_ray(0.0, 0.5, film, lens)
    hit = scene.ray_intersect(ray)
    names = names_of(hit, shapes)
    light = _trace(scene, ray, max(1, round(samples / per_pixel)), side * side)

    def group(values: Array) -> Array:
        return values.reshape(size, size, per_pixel, *values.shape[1:])

    found = dr.isfinite(hit.t)
    albedo = np.maximum(hit.bsdf(ray).eval_diffuse_reflectance(hit, found).numpy().T, 0.02)
    albedo[~found.numpy()] = 1.0  # the sky
    guide = np.concatenate([hit.sh_frame.n.numpy().T, 0.5 * hit.p.numpy().T], axis=1)
    layer = np.select([names == f"garment{n}" for n in range(LAYERS)], range(LAYERS), -1)
    person = group(np.isin(names, ["skin", "face", "paint", "hair"]))
    clothed = group(layer) >= 0
    base = sum(
        _smooth_base(group(light), group(albedo), group(guide), chosen, strides)
        for chosen, strides in ((person, (1, 1, 2)), (~clothed & ~person, (1, 2, 4)))
    )
    alpha = np.stack([(group(layer) == n).mean(2) for n in range(LAYERS)], axis=-1)
    normal = _mean(group(hit.sh_frame.n.numpy().T), clothed)
    shade = denoise(_mean(group(light), clothed) / GREY, normal, alpha.sum(-1), (1, 2))
    edge = hit.shape.eval_attribute_1("vertex_hem", hit, found).numpy()
    cloth = np.concatenate([hit.uv.numpy().T, edge[:, None]], axis=1)
    factor = np.ones(len(cloth))
    for number, draw in enumerate(details):
        factor[layer == number] = draw(cloth[layer == number])
    return Layers(
        base,
        alpha,
        shade * _mean(group(factor[:, None]), clothed),
        _cloth_of(group(cloth), group(layer), alpha.argmax(-1)),
        person.mean(2),
        group(names == "face").mean(2),
    )


def names_of(hit: mi.SurfaceInteraction3f, shapes: dict[str, mi.Shape]) -> Array:
    """Return the name of the shape that each ray hits, without its number; "" for none."""
    pointer = dr.reinterpret_array(mi.UInt32, hit.shape).numpy()
    table = {
        int(dr.reinterpret_array(mi.UInt32, mi.ShapePtr(shape)).numpy()[0]): name for name, shape in shapes.items()
    }
    names = np.full(int(max([*table, pointer.max()])) + 1, "", dtype="U16")
    for number, name in table.items():
        names[number] = name.split(":")[0]
    return names[pointer]


def _trace(scene: mi.Scene, ray: mi.RayDifferential3f, rounds: int, count: int) -> Array:
    integrator = mi.load_dict({"type": "path", "max_depth": 5, "rr_depth": 3})
    sampler = mi.load_dict({"type": "independent"})
    total = np.zeros((count, 3))
    for number in range(rounds):
        sampler.seed(number + 1, count)
        light, _, _ = integrator.sample(scene, sampler, mi.RayDifferential3f(ray))
        total += np.minimum(light.numpy().T, _BRIGHTEST)
    return total / rounds


def _mean(values: Array, chosen: Array) -> Array:
    """Average the chosen cells of each pixel: (H, W, s, k) and bool (H, W, s) → (H, W, k)."""
    return (values * chosen[..., None]).sum(2) / np.maximum(chosen.sum(2), 1)[..., None]


def _smooth_base(light: Array, albedo: Array, guide: Array, chosen: Array, strides: tuple[int, ...]) -> Array:
    """Denoise the light on chosen cells apart from their colours; return it times their coverage, (H, W, 3)."""
    falling = _mean(np.minimum(light / albedo, 12), chosen)
    smooth = denoise(falling, _mean(guide, chosen), chosen.mean(2), strides)
    return smooth * (albedo * chosen[..., None]).mean(2)


def denoise(light: Array, guide: Array, weight: Array, strides: tuple[int, ...], spread: float = 0.12) -> Array:
    """Smooth light, (H, W, 3), over pixels with a like guide and like brightness: an edge-avoiding à-trous filter.

    Source: Dammertz et al. 2010, "Edge-avoiding À-Trous wavelet transform for fast global illumination filtering".

    Args:
        guide: normals and positions, (H, W, k).
        weight: coverage of the layer, (H, W).
        strides: distances between the taps of the passes, px; each tolerates half the difference of the one before.
    """
    for number, stride in enumerate(strides):
        light = _filter(light, guide, weight, stride, spread, 0.4 / 2**number)
    return light


def _filter(light: Array, guide: Array, weight: Array, stride: int, spread: float, tolerance: float) -> Array:
    total, weights = np.zeros_like(light), np.zeros(weight.shape)
    height, width = weight.shape
    reach = 2 * stride
    padded = [np.pad(a, [(reach, reach)] * 2 + [(0, 0)] * (a.ndim - 2)) for a in (light, guide, weight)]
    level = light.mean(-1)
    for down in range(0, 2 * reach + 1, stride):
        for right in range(0, 2 * reach + 1, stride):
            there = np.s_[down : down + height, right : right + width]
            other, other_guide, other_weight = (a[there] for a in padded)
            unlike = ((other_guide - guide) ** 2).sum(-1) / spread
            unlike += (other.mean(-1) - level) ** 2 / (0.32 * tolerance**2 + (tolerance * level) ** 2)
            unlike += ((down / stride - 2) ** 2 + (right / stride - 2) ** 2) / 3.6
            share = other_weight * np.exp(-unlike)
            total += other * share[..., None]
            weights += share
    return np.where(weights[..., None] > 1e-6, total / np.maximum(weights, 1e-6)[..., None], light)


def _cloth_of(cloth: Array, layer: Array, shown: Array) -> Array:
    """Average the coordinates of the garment that covers most of each pixel, but not across a seam: (H, W, 3)."""
    sub = np.arange(_GRID**2)
    off_centre = np.hypot(sub % _GRID - (_GRID - 1) / 2, sub // _GRID - (_GRID - 1) / 2)
    mine = layer == shown[..., None]
    best = np.where(mine, -off_centre, -99.0).argmax(2)
    middle = np.take_along_axis(cloth, best[..., None, None], axis=2)
    near = mine & (np.abs(cloth[..., :2] - middle[..., :2]).max(-1) < _SAME_CLOTH)
    return _mean(cloth, near)
