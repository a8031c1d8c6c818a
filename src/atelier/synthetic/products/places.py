"""Backgrounds and their names in prompts: studio paper, a table, grass, a street, sand, snow."""

import numpy as np

STUDIO = ""
PLACES = ("on a table", "on the grass", "on the street", "on the sand", "in the snow")
_PAPERS = ((236, 236, 238), (222, 222, 222), (228, 222, 214), (206, 214, 222), (240, 232, 222), (200, 204, 204))
_HORIZON = 0.3  # upper edge of the ground, share of the picture's height


def paint_place(place: str, rng: np.random.Generator, size: int) -> np.ndarray:
    """Render a background: float32 (size, size, 3) in [0, 255]."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    if place == STUDIO:
        paper = np.asarray(_PAPERS[int(rng.integers(len(_PAPERS)))], np.float32)
        glow = 1.03 - 0.2 * ((x - rng.uniform(0.4, 0.6)) ** 2 + (y - rng.uniform(0.3, 0.6)) ** 2)
        return np.minimum(paper * glow[..., None], 255)
    painted = _GROUNDS[place](rng, x, y)
    far = y < _HORIZON + rng.uniform(-0.05, 0.05)
    sky = np.asarray(_SKIES[place], np.float32) * (1.05 - 0.4 * y[..., None])
    return np.where(far[..., None], np.minimum(sky, 255), painted)


_SKIES = {
    "on a table": (188, 196, 190),
    "on the grass": (168, 206, 240),
    "on the street": (176, 168, 164),
    "on the sand": (120, 190, 226),
    "in the snow": (190, 208, 228),
}


def _grain(rng: np.random.Generator, shape: tuple[int, int], strength: float) -> np.ndarray:
    return 1 + strength * rng.standard_normal((*shape, 1)).astype(np.float32)


def _table(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    plank = np.floor((y - _HORIZON) * 7 + rng.uniform(0, 1)).astype(int)
    tone = 1 + 0.06 * ((plank * 7919) % 3 - 1)
    seam = np.abs((y - _HORIZON) * 7 % 1 - 0.5) > 0.46
    return np.asarray((164, 112, 66), np.float32) * (tone * np.where(seam, 0.8, 1.0))[..., None]


def _grass(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray((92, 158, 66), np.float32) * _grain(rng, x.shape, 0.1)


def _street(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    asphalt = np.asarray((104, 104, 110), np.float32) * _grain(rng, x.shape, 0.04)
    kerb = np.abs(y - _HORIZON - 0.06) < 0.025
    stripe = (np.abs(y - 0.9) < 0.03) & ((x * 3 + rng.uniform(0, 1)) % 1 < 0.6)
    return np.where(kerb[..., None], 168.0, np.where(stripe[..., None], 226.0, asphalt))


def _sand(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    ripple = 1 + 0.04 * np.sin(40 * y + 5 * x + rng.uniform(0, 6))
    return np.asarray((226, 200, 148), np.float32) * ripple[..., None] * _grain(rng, x.shape, 0.03)


def _snow(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    drift = 0.97 + 0.03 * np.sin(9 * x + 4 * y + rng.uniform(0, 6))
    return np.asarray((244, 248, 254), np.float32) * drift[..., None]


_GROUNDS = {
    "on a table": _table, "on the grass": _grass, "on the street": _street, "on the sand": _sand, "in the snow": _snow,
}  # fmt: skip
