"""Compose pictures of stored shots: any colour and print on each garment, exactly, and the camera's development.

Only sums, products, quotients, square roots and tables are used, which give the same bytes on every machine.

A garment's colour is what the median of its pixels has in the picture: its shade is divided by its median over the
garment's pixels, and the light that is developed to the colour is multiplied by that. So the named colour is found
again whatever the light in a shot, and folds keep their contrast.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import distance_transform_edt

from atelier.world.develop import DAYLIGHT, LIGHT, Camera, develop
from atelier.world.logos import Logo, place_logo
from atelier.world.prints import PRINTS, SIDE, tiles
from atelier.world.shotfile import StoredShot

Array = np.ndarray
Rgb = tuple[int, int, int]
_SUB = 3  # samples per pixel side inside of prints
_SEAM = 60  # a larger difference of neighbours' coordinates is a seam, mm
_STITCH = (18, 2.2, 0.22)  # a line of stitches: distance from the hem, half its width, mm; how much darker
_FINEST = 3.4  # a print repeats after this many pixels at least
_KNEE, _ROOM = np.float32(0.9), np.float32(0.55)  # light of cloth above this is compressed into so much more
_DIMMEST = 0.02  # a garment's median shade counts as this at least


@dataclass(frozen=True)
class Fabric:
    """What a garment is made of: sRGB colours, and a print, one of `prints.PRINTS`; None: plain.

    grid: a step of prints on the picture's grid instead of on the cloth, as a share of its side; 0: on the cloth.
    """

    colour: Rgb
    print: str | None = None
    second: Rgb = (245, 240, 235)
    third: Rgb = (30, 28, 32)
    grid: float = 0.0


@dataclass(frozen=True)
class _Worn:
    """A garment in a shot, of whose P pixels some are shared with other garments.

    Attributes:
        pixels: indices into the flattened picture, (P,).
        share: how much of a pixel it covers, (P, 1).
        light: shade over the median shade of the garment, less above 1, (P, 3).
        places: u, v; (2, P), mm.
        slopes: change of u, v from pixel to pixel, down and right, (2, 2, P), mm.
        stitch: how much of the light a line of stitches leaves, (P, 1).
        step: mm of cloth per pixel, the median.
    """

    pixels: Array
    share: Array
    light: Array
    places: Array
    slopes: Array
    stitch: Array
    step: float


class Shot:
    """A stored shot, with what every picture of it needs."""

    def __init__(self, stored: StoredShot, shades: Sequence[Sequence[float] | None] = ()) -> None:
        """Prepare a shot.

        Args:
            shades: median shade of each garment, by which its colour is set, e.g. that of the shot of which this is a
                twin; None: this shot's own.
        """
        self.stored = stored
        self.alpha = stored.alpha
        self.shades: list[Sequence[float] | None] = [*shades, *[None] * (3 - len(shades))]
        covered = stored.alpha.any(-1)
        shown = stored.alpha.argmax(-1)  # whose coordinates a pixel has
        field = np.zeros((*covered.shape, 3), np.float32)
        field[covered] = stored.cloth
        self._worn = [self._wear(number, field, covered & (shown == number)) for number in range(3)]

    def _wear(self, number: int, field: Array, mine: Array) -> _Worn | None:
        """Prepare a garment; None: it is not seen."""
        alpha = self.alpha[..., number]
        if not mine.any():  # its few pixels are mostly others': their coordinates have to do
            mine = alpha > 0
        if not mine.any():
            return None
        rows, columns = (np.flatnonzero(alpha.any(axis)) for axis in (1, 0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        inside, mine, field = alpha[box] > 0, mine[box], field[box]
        known = np.flatnonzero(inside) if (mine == inside).all() else _nearest(mine, inside)
        u, v, hem = field.reshape(-1, 3)[known].T.copy()
        places = field[..., :2].transpose(2, 0, 1)
        slopes = np.stack([_slope(places, mine, axis).reshape(2, -1)[:, known] for axis in (1, 2)])
        steps = np.abs(slopes).max(1).sum(0)
        step = float(np.sort(steps)[len(steps) // 2]) / 2
        share = alpha[box][inside][:, None] / np.float32(255)
        shade = self.stored.shade[box][inside]
        middle, half, dark = map(np.float32, _STITCH)
        soft = np.float32(max(step / _SUB, 1.0))
        stitch = 1 - dark * np.clip((half - np.abs(hem - middle)) / soft + np.float32(0.5), 0, 1)
        if self.shades[number] is None:
            self.shades[number] = np.maximum(_median(shade, share), np.float32(_DIMMEST)).round(5).tolist()
        ratio = shade / np.asarray(self.shades[number], np.float32)
        ratio = np.minimum(ratio, (ratio + np.sqrt(ratio)) / 2)
        pixels = np.flatnonzero(alpha)
        return _Worn(pixels, share, ratio, np.stack([u, v]), slopes, stitch[:, None], step)

    def picture(
        self, fabrics: tuple[Fabric | None, ...], camera: Camera = DAYLIGHT, logos: tuple[Logo, ...] = ()
    ) -> Array:
        """Compose a picture, uint8 (H, W, 3).

        Args:
            fabrics: of the garments, from the inside out; None: not composed, black.
            logos: on the garments, each over those before it.
        """
        light = self.stored.base * camera.gain
        flat = light.reshape(-1, 3)
        for number, (fabric, worn) in enumerate(zip(fabrics, self._worn, strict=False)):
            if fabric is not None and worn is not None:
                sent = self._reflect(fabric, worn)
                for logo in logos:
                    if logo.layer == number:
                        colour, cover = place_logo(logo, worn.places, worn.slopes, worn.step, LIGHT)
                        sent = sent * (1 - cover) + colour
                flat[worn.pixels] += worn.share * _roll_off(sent * worn.light)
        return develop(light, camera)

    def logo_coverage(self, logo: Logo) -> Array:
        """Return how much of each pixel a logo covers, float32 (H, W)."""
        covered, worn = np.zeros(self.alpha.shape[:2], np.float32), self._worn[logo.layer]
        if worn is not None:
            _, cover = place_logo(logo, worn.places, worn.slopes, worn.step, LIGHT)
            covered.reshape(-1)[worn.pixels] = (worn.share * cover)[:, 0]
        return covered

    def logo_share(self, logo: Logo) -> float:
        """Return how much of a logo is seen, about 0 to 1: its area on the cloth over the area of the whole."""
        worn = self._worn[logo.layer]
        if worn is None:
            return 0.0
        _, cover = place_logo(logo, worn.places, worn.slopes, worn.step, LIGHT)
        (down_u, right_u), (down_v, right_v) = worn.slopes.transpose(1, 0, 2)
        seen = (cover * worn.share)[:, 0] * np.abs(down_u * right_v - down_v * right_u)  # mm²
        height, width = logo.picture.shape[:2]
        return float(seen.sum() / (1e6 * logo.width**2 * height / width))

    def _reflect(self, fabric: Fabric, worn: _Worn) -> Array:
        """Return the light that a garment's pixels send where its shade is the median, (P, 3) or (1, 3)."""
        base = LIGHT[list(fabric.colour)]
        if fabric.print is None:
            return base * worn.stitch
        shares = self._on_grid(fabric, worn) if fabric.grid else self._on_cloth(fabric, worn)
        second, third = (shares[:, k : k + 1] for k in (0, 1))
        mixed = base * (1 - second - third) + LIGHT[list(fabric.second)] * second + LIGHT[list(fabric.third)] * third
        return mixed * worn.stitch

    @staticmethod
    def _on_cloth(fabric: Fabric, worn: _Worn) -> Array:
        """Return the shares of second and third colour of a garment's pixels, (P, 2), of a print that follows it."""
        repeat = np.float32(max(PRINTS[fabric.print].repeat, _FINEST * worn.step))  # as fine as pixels can show
        places, (down, right) = worn.places / repeat, worn.slopes / repeat
        return _average(fabric.print, (places + dy * down + dx * right for dy, dx in _OFFSETS), len(worn.pixels))

    def _on_grid(self, fabric: Fabric, worn: _Worn) -> Array:
        """Return the shares of a print on the picture's grid, (P, 2)."""
        width = self.alpha.shape[1]
        repeat = np.float32(fabric.grid * width * PRINTS[fabric.print].units)
        at = np.stack([worn.pixels % width, worn.pixels // width]).astype(np.float32) + np.float32(0.5)
        steps = (((at + np.array([[dx], [dy]], np.float32)) / repeat) for dy, dx in _OFFSETS)
        return _average(fabric.print, steps, len(worn.pixels))


def _roll_off(light: Array) -> Array:
    """Compress bright light, so that white cloth keeps its folds; it stays below what is developed to 255."""
    over = np.maximum(light - _KNEE, 0)
    return light - over + over / (1 + over / _ROOM)


_OFFSETS = [
    (np.float32(down / _SUB), np.float32(right / _SUB))
    for down in range(-(_SUB // 2), _SUB // 2 + 1)
    for right in range(-(_SUB // 2), _SUB // 2 + 1)
]


def _average(name: str, places: Iterable[Array], count: int) -> Array:
    """Average a tile at some places, each (2, P) in repeats: the shares of second and third colour, (P, 2)."""
    tile = _flat_tile(name)
    total = np.zeros((count, 2), np.int32)
    for place in places:
        column, row = ((place - np.floor(place)) * SIDE).astype(np.int32) % SIDE
        total += tile[row * SIDE + column]
    return total / np.float32(255 * len(_OFFSETS))


@lru_cache(32)
def _flat_tile(name: str) -> Array:
    return tiles()[name].reshape(-1, 2).astype(np.int32)


def _median(shade: Array, share: Array) -> Array:
    """Return the median shade of the pixels that a garment mostly covers, or else of all, float32 (3,)."""
    mostly = share[:, 0] >= np.float32(0.99)
    chosen = shade[mostly] if mostly.sum() >= 12 else shade
    return np.sort(chosen, axis=0)[len(chosen) // 2]


def _slope(places: Array, mine: Array, axis: int) -> Array:
    """Return the change of u, v, (2, H, W), from pixel to pixel along an axis; 0 across a seam or at an edge."""
    ahead, behind = ((..., *[slice(start, end) if k == axis else slice(None) for k in (1, 2)])
                     for start, end in ((1, None), (None, -1)))  # fmt: skip
    steps = places[ahead] - places[behind]
    good = mine[ahead] & mine[behind] & (np.abs(steps[0]) < _SEAM) & (np.abs(steps[1]) < _SEAM)
    total, count = np.zeros(places.shape, np.float32), np.zeros(mine.shape, np.float32)
    for there in (ahead, behind):
        total[there] += steps * good
        count[there] += good
    return total / np.maximum(count, 1)


def _nearest(mine: Array, inside: Array) -> tuple[Array, Array]:
    """Return, for each pixel inside, the nearest one of a garment, as indices into the flattened picture."""
    rows, columns = distance_transform_edt(~mine, return_distances=False, return_indices=True)
    return rows[inside] * mine.shape[1] + columns[inside]
