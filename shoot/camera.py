"""Camera and light of a shot."""

import numpy as np

from shoot.places import Place
from shoot.plan import ShotPlan
from shoot.renderer import mi

Array = np.ndarray
_FULL, _CLOSE = (1.06, 1.16), (0.64, 0.82)  # height of the picture over that of the person


def aim_camera(plan: ShotPlan, place: Place, height: float) -> tuple[dict, Array]:
    """Aim the camera; return it, and the projection (3, 4) into the picture."""
    rng = np.random.default_rng([plan.seed, 14])
    cover = rng.uniform(*(_CLOSE if plan.close else _FULL))
    span = cover * height
    middle = height * (1.05 - 0.5 * cover) if plan.close else height * 0.5
    distance, eye, aside = rng.uniform(4.2, 5.5), rng.uniform(0.9, 1.6), rng.uniform(-0.07, 0.07) * span
    origin, target = np.array([aside * 1.4, -distance, eye]), np.array([aside, 0, middle])
    return point_camera(origin, target, span / 2 / distance, place.aperture, distance - 0.1)


def point_camera(origin: Array, target: Array, half: float, aperture: float, focus: float) -> tuple[dict, Array]:
    """Point a camera at a target; return it, and the projection (3, 4) into the picture.

    Args:
        half: half the picture's side over the distance from the camera.
        aperture: radius of the lens, m; 0: a pinhole.
        focus: distance that is sharp, m.
    """
    lens = {"type": "thinlens", "aperture_radius": aperture, "focus_distance": float(focus)}
    aim = mi.ScalarTransform4f().look_at(origin=origin.tolist(), target=target.tolist(), up=[0, 0, 1])
    sensor = (lens if aperture else {"type": "perspective"}) | {
        "fov": float(2 * np.degrees(np.arctan(half))),
        "to_world": aim,
        "film": {"type": "hdrfilm", "width": 64, "height": 64, "rfilter": {"type": "box"}},
        "sampler": {"type": "independent"},
    }
    forward = (target - origin) / np.linalg.norm(target - origin)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    axes = np.stack([right / half, np.cross(right, forward) * -1 / half, forward])
    view = np.column_stack([axes, -axes @ origin])
    view[:2] = 0.5 * view[:2] + 0.5 * view[2:]  # so that x / depth and y / depth are in [0, 1]
    return sensor, view


def light_up(plan: ShotPlan, place: Place) -> dict:
    """Set a key light, or the sun, and a sky."""
    rng = np.random.default_rng([plan.seed, 15])
    around, up = np.radians(rng.uniform(20, 65)) * rng.choice([-1, 1]), np.radians(rng.uniform(28, 58))
    at = np.array([np.sin(around) * np.cos(up), -np.cos(around) * np.cos(up), np.sin(up)]) * 6.0 + [0, 0, 1.0]
    size = 0.12 if place.sun else rng.uniform(0.7, 1.5)
    warm = np.array([1.0, 0.93, 0.84]) if place.sun else np.array([1.0, 0.97, 0.94])
    power = rng.uniform(32, 44) * (0.95 if place.sun else 0.75) / size**2
    aim = mi.ScalarTransform4f().look_at(origin=at.tolist(), target=[0, 0, 1.0], up=[0, 0, 1])
    key = {"type": "rectangle", "to_world": aim @ mi.ScalarTransform4f().scale(size)}
    key["emitter"] = {"type": "area", "radiance": {"type": "rgb", "value": (warm * power).tolist()}}
    height = np.linspace(1, -1, 32)[:, None, None]
    tint = np.array([0.72, 0.86, 1.1]) if place.outdoor else np.array([1.0, 0.98, 0.95])
    sky = np.clip(0.35 + 0.65 * height, 0.12, 1) * tint * np.ones((32, 64, 1)) * rng.uniform(0.6, 1.1)
    upright = mi.ScalarTransform4f().rotate([1, 0, 0], 90)
    return {"key": key, "sky": {"type": "envmap", "bitmap": mi.Bitmap(sky.astype(np.float32)), "to_world": upright}}
