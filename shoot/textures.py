"""Procedural textures of walls and floors: linear RGB, float (n, n, 3)."""

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

Array = np.ndarray
Rng = np.random.Generator


def cloud_noise(rng: Rng, height: int, width: int, cell: float, octaves: int = 4, gain: float = 0.5) -> Array:
    """Return noise of several scales, the largest of `cell` texels; mean about 0, standard deviation 1."""
    total = np.zeros((height, width))
    for octave in range(octaves):
        scale = max(cell / 2**octave, 1.0)
        coarse = rng.normal(size=(int(height / scale) + 4, int(width / scale) + 4))
        total += gain**octave * zoom(coarse, scale, order=1)[:height, :width]
    return total / total.std()


def sample_colour(rng: Rng, saturation: float, low: float, high: float) -> Array:
    """Draw a reflectance, (3,), whose brightest channel is between `low` and `high`."""
    colour = rng.uniform(0, 1, 3)
    colour = colour.mean() + (colour - colour.mean()) * saturation * 2
    return np.clip(colour / max(colour.max(), 1e-3), 0.05, 1) * rng.uniform(low, high)


def blend(colours: Array, other: Array, share: Array) -> Array:
    """Mix two textures by a share, (n, n)."""
    return colours * (1 - share[..., None]) + other * share[..., None]


def plaster(rng: Rng, n: int = 512) -> Array:
    """Paint a rendered wall with stains."""
    wall = sample_colour(rng, rng.choice([0.08, 0.2, 0.35]), 0.3, 0.75)
    shade = 1 + 0.05 * cloud_noise(rng, n, n, 90) + 0.03 * cloud_noise(rng, n, n, 4)
    return np.clip(wall * shade[..., None], 0.02, 0.9)


def bricks(rng: Rng, n: int = 1024) -> Array:
    """Lay bricks with mortar."""
    rows = rng.integers(34, 52)
    y, x = np.mgrid[:n, :n] / n
    row = np.floor(y * rows)
    column = x * rows / 2.4 + 0.5 * (row % 2)
    tone = rng.normal(0, 1, (64, 64))[row.astype(int) % 64, np.floor(column).astype(int) % 64]
    kinds = np.array([[0.36, 0.14, 0.09], [0.42, 0.33, 0.26], [0.25, 0.22, 0.2], [0.55, 0.52, 0.48]])
    brick = kinds[rng.choice(4, p=[0.45, 0.2, 0.15, 0.2])]
    wall = brick * (1 + 0.18 * tone + 0.10 * cloud_noise(rng, n, n, 8))[..., None]
    joints = ((column % 1 < 0.035) | ((y * rows) % 1 < 0.10)).astype(float)
    mortar = np.array([0.42, 0.40, 0.37]) * rng.uniform(0.6, 1.3)
    return np.clip(blend(wall, mortar, gaussian_filter(joints, 0.8)), 0.02, 0.9)


def paving(rng: Rng, n: int = 1024) -> Array:
    """Lay square slabs."""
    count = rng.integers(12, 26)
    y, x = np.mgrid[:n, :n] / n * count
    tone = rng.normal(0, 1, (64, 64))[y.astype(int) % 64, x.astype(int) % 64]
    shade = 1 + 0.09 * tone + 0.06 * cloud_noise(rng, n, n, 6) + 0.06 * cloud_noise(rng, n, n, 120)
    floor = np.array([0.40, 0.38, 0.35]) * rng.uniform(0.6, 1.2) * shade[..., None]
    floor[(y % 1 < 0.04) | (x % 1 < 0.04)] *= 0.55
    return np.clip(floor, 0.02, 0.9)


def asphalt(rng: Rng, n: int = 512) -> Array:
    """Lay asphalt."""
    shade = 1 + 0.12 * cloud_noise(rng, n, n, 3, 2) + 0.10 * cloud_noise(rng, n, n, 120)
    return np.clip(np.ones((n, n, 3)) * rng.uniform(0.06, 0.16) * shade[..., None], 0.02, 0.9)


def grass(rng: Rng, n: int = 1024) -> Array:
    """Grow a lawn."""
    share = np.clip(0.5 + 0.3 * cloud_noise(rng, n, n, 10, 4, 0.8), 0, 1)
    patches = 1 + 0.12 * cloud_noise(rng, n, n, 200)
    lawn = blend(np.ones((n, n, 3)) * [0.07, 0.13, 0.03], np.array([0.20, 0.27, 0.08]), share)
    return np.clip(lawn * patches[..., None], 0.01, 0.9)


def planks(rng: Rng, n: int = 1024) -> Array:
    """Lay a wooden floor."""
    y = np.mgrid[:n, :n][0] / n * 26
    tone = rng.normal(0, 1, 64)[np.floor(y).astype(int) % 64]
    grain = gaussian_filter(rng.normal(size=(n, n)), (0.6, 14))
    floor = np.array([0.36, 0.22, 0.12]) * rng.uniform(0.5, 1.5) * (1 + 0.16 * tone + 1.2 * grain)[..., None]
    floor[y % 1 < 0.05] *= 0.5
    return np.clip(floor, 0.02, 0.9)


def poster(rng: Rng, n: int = 128) -> Array:
    """Paint a picture of a few soft shapes."""
    picture = np.ones((n, n, 3)) * sample_colour(rng, 0.3, 0.3, 0.8)
    y, x = np.mgrid[:n, :n] / n
    for _ in range(rng.integers(2, 6)):
        centre, radius = rng.uniform(0.1, 0.9, 2), rng.uniform(0.08, 0.35)
        inside = np.clip((radius - np.hypot(x - centre[0], (y - centre[1]) * rng.uniform(0.6, 1.6))) * 40, 0, 1)
        picture = blend(picture, sample_colour(rng, 0.6, 0.1, 0.8), inside)
    return picture
