"""Compose pictures of stored shots: any colour and print on each garment, exactly, and the camera's development.

Only sums, products, quotients, square roots and tables are used, which give the same bytes on every machine.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from atelier.world.prints import REPEATS, SIDE, draw_tiles
from atelier.world.shotfile import StoredShot

Array = np.ndarray
_SUB = 3  # samples per pixel side inside of prints
_GRAIN_SEED = 11
_CURVE = 4096  # entries of the development curve
_WHITE = 4.0  # light that the curve ends at
_SEAM = 60  # a larger difference of neighbours' coordinates is a seam, mm
_STITCH = (18, 2.2, 0.22)  # a line of stitches: distance from the hem, half its width, mm; how much darker

Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Fabric:
    """What a garment is made of: sRGB colours, and a print, None: plain."""

    colour: Rgb
    print: str | None = None
    second: Rgb = (245, 240, 235)
    third: Rgb = (30, 28, 32)


@dataclass(frozen=True)
class Camera:
    """Development: exposure as a factor, white balance of the channels, and noise of the sensor in levels of 255."""

    exposure: float = 1.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise: float = 0.0
    seed: int = 0


class Shot:
    """A stored shot, with what every picture of it needs."""

    def __init__(self, stored: StoredShot) -> None:
        self.stored = stored
        self.alpha = stored.alpha
        covered = stored.alpha.any(-1)
        shown = stored.alpha.argmax(-1)  # whose coordinates a pixel has
        self._pixels = [np.flatnonzero((covered & (stored.alpha[..., n] > 0)).ravel()) for n in range(3)]
        height, width = covered.shape
        field = np.zeros((height, width, 3), np.float32)
        field[covered] = stored.cloth
        self._coordinates = [self._refine(field, covered & (shown == n), n) for n in range(3)]

    def _refine(self, field: Array, mine: Array, number: int) -> tuple[Array, Array, float] | None:
        """Return u, v of the samples of P pixels, (P, _SUB², 2), their distances to the hem (P,), and mm per pixel."""
        pixels = self._pixels[number]
        if not mine.any() or not len(pixels):
            return None
        known = np.flatnonzero(mine.ravel())
        source = pixels if len(known) == len(pixels) else _nearest(mine, pixels)
        slopes = [self._slope(field, mine, axis) for axis in (0, 1)]
        flat = field.reshape(-1, 3)[source]
        down, right = (slope.reshape(-1, 2)[source] for slope in slopes)
        offsets = (np.arange(_SUB, dtype=np.float32) - (_SUB - 1) / 2) / _SUB
        dy, dx = (offset.ravel()[None, :, None] for offset in np.meshgrid(offsets, offsets, indexing="ij"))
        places = flat[:, None, :2] + dy * down[:, None] + dx * right[:, None]
        step = np.abs(down).max(1) + np.abs(right).max(1)
        return places, flat[:, 2], float(np.sort(step)[len(step) // 2]) / 2

    @staticmethod
    def _slope(field: Array, mine: Array, axis: int) -> Array:
        """Return the change of u, v from pixel to pixel along an axis, (H, W, 2); 0 across a seam or at an edge."""
        ahead = np.roll(field[..., :2], -1, axis) - field[..., :2]
        good = mine & np.roll(mine, -1, axis) & (np.abs(ahead).max(-1) < _SEAM)
        last = [slice(None)] * 2
        last[axis] = slice(-1, None)
        good[tuple(last)] = False
        ahead = ahead * good[..., None]
        behind, good_behind = np.roll(ahead, 1, axis), np.roll(good, 1, axis)
        return (ahead + behind) / np.maximum(good.astype(np.float32) + good_behind, 1)[..., None]

    def picture(self, fabrics: tuple[Fabric | None, ...], camera: Camera = Camera(), *, grid: float = 0) -> Array:
        """Compose a picture, uint8 (H, W, 3).

        Args:
            fabrics: of the garments, from the inside out.
            grid: repeat of prints on the picture's grid instead of on the cloth, px; 0: on the cloth.
        """
        light = self.stored.base.copy()
        flat, shade = light.reshape(-1, 3), self.stored.shade.reshape(-1, 3)
        for number, fabric in enumerate(fabrics):
            if fabric is None or self._coordinates[number] is None:
                continue
            pixels = self._pixels[number]
            share = self.alpha[..., number].ravel()[pixels, None] / np.float32(255)
            flat[pixels] += share * self._albedo(fabric, number, grid) * shade[pixels]
        return develop(light, camera)

    def _albedo(self, fabric: Fabric, number: int, grid: float) -> Array:
        """Return the reflectance of a garment's pixels, (P, 3)."""
        places, hem, step = self._coordinates[number]
        base = linear(fabric.colour)
        middle, half, dark = _STITCH
        soft = max(step / _SUB, 1.0)
        stitch = 1 - dark * np.clip((half - np.abs(hem - middle)) / soft + 0.5, 0, 1)
        if fabric.print is None:
            return base * stitch[:, None]
        if grid:
            width = self.alpha.shape[1]
            at = np.stack([self._pixels[number] % width, self._pixels[number] // width], axis=1).astype(np.float32)
            offset = (np.arange(_SUB, dtype=np.float32) + 0.5) / _SUB
            sub = np.stack(np.meshgrid(offset, offset), axis=-1).reshape(1, -1, 2)
            turns = (at[:, None] + sub) / np.float32(grid)
        else:
            repeat = np.float32(max(1000 * REPEATS[fabric.print], 3.4 * step))  # never finer than pixels can show
            turns = places / repeat
        texel = ((turns - np.floor(turns)) * SIDE).astype(np.int32) % SIDE
        shares = _tiles()[fabric.print][texel[..., 1], texel[..., 0]].astype(np.int32).sum(1) / np.float32(
            255 * _SUB**2
        )
        mixed = base * (1 - shares.sum(1, keepdims=True))
        mixed = mixed + linear(fabric.second) * shares[:, :1] + linear(fabric.third) * shares[:, 1:]
        return mixed * stitch[:, None]


def _nearest(mine: Array, pixels: Array) -> Array:
    """Return, for each pixel, the nearest one of a garment, by index."""
    from scipy.ndimage import distance_transform_edt

    rows, columns = distance_transform_edt(~mine, return_distances=False, return_indices=True)
    return (rows * mine.shape[1] + columns).ravel()[pixels]


@lru_cache(1)
def _tiles() -> dict[str, Array]:
    return draw_tiles()


@lru_cache(512)
def linear(colour: Rgb) -> Array:
    """Return the linear reflectance of an sRGB colour, float32 (3,)."""
    return _LINEAR[list(colour)]


_LEVELS = np.arange(256) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).round(6).astype(np.float32)


def _make_curve() -> Array:
    """Tabulate the development: a soft shoulder, the sRGB curve and a little contrast, in levels of 255."""
    light = np.linspace(0, 1, _CURVE) ** 2 * _WHITE  # denser in the dark
    light = light * (1 + light / 9.0) / (1 + 0.62 * light) * 1.12
    level = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-8) ** (1 / 2.4) - 0.055)
    level = np.clip(level, 0, 1)
    return (255 * (level - 0.02 * np.sin(2 * np.pi * level))).round(3).astype(np.float32)


_CURVE_LEVELS = _make_curve()


def develop(light: Array, camera: Camera) -> Array:
    """Turn linear light, (H, W, 3), into a picture, uint8."""
    gain = np.float32(camera.exposure / _WHITE) * np.asarray(camera.balance, np.float32)
    place = np.sqrt(np.clip(light * gain, 0, 1)) * np.float32(_CURVE - 1)
    levels = _CURVE_LEVELS[(place + np.float32(0.5)).astype(np.int32)]
    if camera.noise:
        grain = _grain()
        start = np.random.default_rng(camera.seed).integers(grain.size - levels.size)
        noise = grain[start : start + levels.size].reshape(levels.shape)
        levels = levels + noise * np.float32(camera.noise) * (np.float32(1) - np.float32(0.0016) * levels)
    return (np.clip(levels, 0, 255) + np.float32(0.5)).astype(np.uint8)


@lru_cache(1)
def _grain() -> Array:
    """Return noise of mean 0 and standard deviation 1, in steps of 1/64."""
    uniform = np.random.default_rng(_GRAIN_SEED).integers(0, 256, size=(12, 2**21), dtype=np.int32).sum(0) - 12 * 127.5
    return (np.round(uniform / 255 * 64) / 64).astype(np.float32)
