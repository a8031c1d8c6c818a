"""Hard products and toys, made by code: cap, mug, bottle, billboard and bear. They stand on z = 0, and face −y."""

from dataclasses import replace

import numpy as np

from shoot.meshes import unit, value_noise
from shoot.poses import turn_about
from shoot.surfaces import FAR, Surface, ball, lattice, revolve, tube

Array = np.ndarray
Rng = np.random.Generator
Parts = dict[str, list[Surface]]  # layer or colour of the paint → surfaces
_SEAMS = np.radians([-180, -108, -36, 36, 108, 180])  # of a cap of five panels


def make_cap(rng: Rng) -> Parts:
    """Make a cap: a dome of five panels with stitched seams, a visor, a button."""
    high, front = rng.uniform(0.105, 0.125), rng.uniform(0.05, 0.16)
    angle, share = np.linspace(-np.pi, np.pi, 145), np.linspace(0, 1, 40)
    a, t = np.meshgrid(angle, share)
    lift = t * np.pi / 2
    reach = np.cos(lift) ** 0.72
    steep = front * np.exp(-((a / 0.75) ** 2)) * np.sin(2 * lift)  # the front panel is stiffened
    to_seam = np.abs(a[..., None] - _SEAMS).min(-1) * 0.098 * np.maximum(reach, 0.05)
    groove = 1 - 0.016 * np.exp(-((to_seam / 0.003) ** 2))
    wide = (
        (reach + steep)
        * groove
        * (1 + 0.008 * value_noise(np.stack([a * 2, t * 4, 0 * a], -1).reshape(-1, 3)).reshape(a.shape))
    )
    dome = np.stack([0.090 * wide * np.sin(a), -0.104 * wide * np.cos(a), high * np.sin(lift) ** 0.92], axis=-1)
    arc = np.stack([a * 0.097, share[:, None] * 1.35 * high + 0 * a], axis=-1)
    hem = np.minimum(to_seam, arc[..., 1]) * 4 + 0.004
    crown = lattice(dome, arc, np.minimum(hem, FAR))
    reach_out, bend = rng.uniform(0.062, 0.075), rng.uniform(1.6, 3.4)
    a, t = np.meshgrid(np.radians(np.linspace(-66, 66, 61)), np.linspace(-0.06, 1, 16))
    far = reach_out * np.cos(a * 90 / 70) ** 0.55
    x, y = 0.090 * np.sin(a), -0.104 * np.cos(a)
    x, y = x * (1 + 0.12 * t), y - t * far
    drop = -bend * x**2 * np.clip(t, 0, 1) - 0.010 * t
    to_rim = np.abs(((1 - t) * reach_out / 0.010) % 1 - 0.5) * 0.010 * 4 + 0.004  # rows of stitches
    sheet = np.stack([x, y, drop + 0.004], axis=-1)
    places = np.stack([x, -y], axis=-1)
    visor = [lattice(sheet, places, np.where(t > 0.05, to_rim, FAR)), lattice(sheet - [0, 0, 0.003], places)]
    button = ball((0, 0, high), (0.008, 0.008, 0.005), 16)
    tilt = turn_about([1, 0, 0], -rng.uniform(3, 7))
    parts = {"0": [crown.enlarged(2)], "1": [*(part.enlarged(2) for part in visor), button]}
    return _on_ground({name: [part.moved(tilt) for part in made] for name, made in parts.items()})


def make_mug(rng: Rng) -> Parts:
    """Make a mug with a handle on one side; its inside is a layer of its own."""
    radius, high, taper = rng.uniform(0.037, 0.043), rng.uniform(0.085, 0.105), rng.uniform(-0.002, 0.004)
    round_ = np.linspace(0, np.pi / 2, 8)
    foot = np.column_stack([radius - taper - 0.006 + 0.006 * np.sin(round_), 0.006 - 0.006 * np.cos(round_)])
    rim = np.linspace(0, np.pi, 9)
    lip = np.column_stack([radius - 0.002 + 0.002 * np.cos(rim), high + 0.002 * np.sin(rim)])
    wall = np.column_stack([np.linspace(radius - taper, radius, 30), np.linspace(0.007, high, 30)])
    outer = revolve(np.vstack([[0, 0.0005], foot, wall, lip]))
    inner = revolve(np.vstack([lip[-1:], [radius - 0.004 - taper, 0.010], [radius - 0.010, 0.005], [0, 0.005]]))
    coffee = revolve(np.array([[radius - 0.0045, high * 0.84], [0.0, high * 0.84]]))
    side = rng.choice([-1, 1])
    bow = np.linspace(-1, 1, 40)
    out = radius - 0.003 + 0.030 * np.cos(bow * np.pi / 2) ** 0.6
    path = np.column_stack([side * out, 0 * bow, high * 0.52 - bow * high * 0.30])
    handle = tube(path, 0.0052, 16, 1.5)
    parts: Parts = {"0": [_heights(outer).enlarged(4), _apart(handle).enlarged(4)], "1": [inner.enlarged(4)]}
    if rng.random() < 0.5:
        parts["coffee"] = [coffee]
    return parts


def _apart(surface: Surface) -> Surface:
    """Move coordinates away from those of the surface that bears the logo."""
    return replace(surface, corners=surface.corners + np.array([0.5, 0, 0]))


def _heights(surface: Surface) -> Surface:
    """Measure v as the height over the ground instead of along the profile."""
    corners = surface.corners.copy()
    corners[..., 1] = surface.vertices[surface.triangles][..., 2]
    return Surface(surface.vertices, surface.triangles, corners)


def make_bottle(rng: Rng) -> Parts:
    """Make a bottle of perfume: a rounded box with a neck of metal and a cap."""
    half, high, square = rng.uniform(0.026, 0.034), rng.uniform(0.070, 0.095), rng.choice([2.0, 4.0, 8.0])
    bend = np.linspace(0, np.pi / 2, 8)
    low = np.column_stack([half - 0.004 + 0.004 * np.sin(bend), 0.004 - 0.004 * np.cos(bend)])
    top = np.column_stack([half - 0.008 + 0.008 * np.cos(bend), high - 0.008 + 0.008 * np.sin(bend)])
    body = revolve(np.vstack([[0, 0], low, top, [0, high]]), 128, square)
    neck = revolve(np.array([[0.009, high], [0.009, high + 0.008], [0, high + 0.008]]))
    wide, tall = rng.uniform(0.012, 0.018), rng.uniform(0.022, 0.034)
    cap = revolve(
        high
        + 0.008
        + np.array([[-high - 0.008, 0], [wide - high - 0.008, 0], [wide - high - 0.008, tall], [-high - 0.008, tall]]),
        96,
        square,
    )
    return {"0": [_heights(body).enlarged(4)], "1": [cap.enlarged(4)], "metal": [neck]}


def make_billboard(rng: Rng) -> Parts:
    """Make a billboard on two posts, 3 m wide; v is 0 at its middle."""
    half, high, low = 1.5, rng.uniform(0.75, 0.9), rng.uniform(1.1, 1.5)
    x, z = np.meshgrid(np.linspace(-half, half, 31), np.linspace(-high, high, 17))
    middle = low + high
    board = lattice(np.stack([x, -0.05 + 0 * x, z + middle], axis=-1), np.stack([x, z], axis=-1))
    frame = []
    for a, b in (((-1, -1), (1, -1)), ((1, -1), (1, 1)), ((1, 1), (-1, 1)), ((-1, 1), (-1, -1))):
        start, end = ([x * half, -0.05, y * high + middle] for x, y in (a, b))
        frame.append(tube(np.linspace(start, end, 4), 0.055, 12))
    posts = [tube(np.linspace([x, 0.05, 0], [x, 0.05, middle], 4), 0.06) for x in (-half * 0.6, half * 0.6)]
    return {"0": [board], "dark": [*frame, *posts]}


def make_bear(rng: Rng) -> Parts:
    """Make a sitting bear of plush: body, head and limbs; belly, snout and soles; ears."""
    body = [
        ball((0, 0, 0.085), (0.075, 0.065, 0.088)),
        ball((0, -0.005, 0.215), (0.066, 0.060, 0.060)),
        *(ball((0.088 * s, -0.030, 0.125), (0.032, 0.036, 0.058)) for s in (-1, 1)),
        *(ball((0.062 * s, -0.078, 0.036), (0.036, 0.066, 0.036)) for s in (-1, 1)),
    ]
    light = [
        ball((0, -0.024, 0.088), (0.052, 0.050, 0.062)),
        _apart(ball((0, -0.052, 0.200), (0.030, 0.026, 0.023))),
        *(_apart(ball((0.062 * s, -0.139, 0.038), (0.024, 0.010, 0.026))) for s in (-1, 1)),
    ]
    ears = [ball((0.050 * s, 0.004, 0.268), (0.025, 0.012, 0.025)) for s in (-1, 1)]
    dark = [
        ball((0, -0.078, 0.208), (0.009, 0.006, 0.007), 16),
        *(ball((0.024 * s, -0.058, 0.232), (0.0065, 0.005, 0.0065), 16) for s in (-1, 1)),
    ]
    seed = int(rng.integers(1000))
    parts = {"0": body, "1": light, "2": ears}
    parts = {name: [_fluffy(part, seed) for part in made] for name, made in parts.items()}
    return _on_ground(parts | {"black": dark})


def _fluffy(surface: Surface, seed: int) -> Surface:
    """Roughen a surface as plush is."""
    outward = unit(surface.vertices - surface.vertices.mean(0))
    rough = 0.0016 * value_noise(surface.vertices / 0.004, seed) + 0.003 * value_noise(surface.vertices / 0.02, seed)
    return Surface(surface.vertices + outward * rough[:, None], surface.triangles, surface.corners).refined()


def _on_ground(parts: Parts) -> Parts:
    low = min(part.vertices[:, 2].min() for made in parts.values() for part in made)
    return {name: [part.moved(by=(0, 0, -low)) for part in made] for name, made in parts.items()}
