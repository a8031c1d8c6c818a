"""Print a plain garment in a picture: a print laid over its mask, shaded by the garment's own folds and light.

Light is linear sRGB. The garment's shade is its luminance over the median luminance inside of the mask, which is 1
where the garment has its own colour, and multiplies the colours of the print. No shape is known, so the print lies flat
on the picture, at an angle, and only bends a little where the shade says that cloth turns away.
"""

import math
import random
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter

from atelier.world.fabrics import Fabric, make_fabric
from atelier.world.prints import PRINTS, SIDE, tiles

STEPS = (0.045, 0.085)  # size of a print's step, share of the picture's side
TILT = 18.0  # largest angle of a print, degrees
BEND = 0.35  # how far a print is moved where the shade differs by 1, in steps
SHADES = (0.15, 1.8)  # range of the shade
_SUB = 3  # samples per pixel side
_LUMA = np.array([0.2126, 0.7152, 0.0722])  # of linear sRGB, ITU-R BT.709
_KNEE = 0.85  # light above it is compressed, so that white keeps its folds


@dataclass(frozen=True)
class Lay:
    """How a print lies: size of its step, share of the picture's side; angle, degrees; and origin, in repeats."""

    step: float
    angle: float
    origin: tuple[float, float]

    @classmethod
    def draw(cls, rng: random.Random) -> "Lay":
        """Draw size, angle and origin."""
        return cls(rng.uniform(*STEPS), rng.uniform(-TILT, TILT), (rng.random(), rng.random()))


def print_cloth(
    pixels: np.ndarray, mask: np.ndarray, colour: str | None, worn: str, pattern: str, lay: Lay
) -> np.ndarray:
    """Give the plain garment inside a mask a print; all other pixels stay unchanged.

    Args:
        pixels: uint8 (H, W, 3).
        mask: bool (H, W), not empty.
        colour: ground of the print, a colour of `fabrics.CLOTH_RGB`; None: what the garment shows.
        worn: name of the colour that it shows, one of `fabrics.CLOTH_RGB`.
        pattern: a pattern of `fabrics.PATTERNS`, not solid.

    Raises:
        ValueError: there is no such colour or pattern.
    """
    light = _to_light(pixels[mask])
    fabric = make_fabric(colour or worn, pattern)
    if colour is None:
        fabric = replace(fabric, colour=tuple(np.median(pixels[mask], axis=0).tolist()))
    luminance = light @ _LUMA
    shade = np.clip(luminance / max(float(np.median(luminance)), 1e-4), *SHADES)
    field = np.ones(mask.shape)
    field[mask] = shade
    second, third = _shares(fabric, mask, _smooth(field, mask), lay)
    ground, accent, further = (
        _to_light(np.array([one], float))[0] for one in (fabric.colour, fabric.second, fabric.third)
    )
    mixed = ground * (1 - second - third) + accent * second + further * third
    printed = pixels.copy()
    printed[mask] = _to_levels(_roll_off(mixed * shade[:, None]))
    return printed


def _shares(fabric: Fabric, mask: np.ndarray, shade: np.ndarray, lay: Lay) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of the second and the third colour of the masked pixels, (P, 1) each."""
    drawn, tile = PRINTS[fabric.print], tiles()[fabric.print].astype(np.float64) / 255
    repeat = lay.step * mask.shape[1] * drawn.units
    y, x = (place + 0.5 for place in np.nonzero(mask))
    bend = BEND * lay.step * mask.shape[1] * (shade[mask] - 1)
    cos, sin = math.cos(math.radians(lay.angle)), math.sin(math.radians(lay.angle))
    total = np.zeros((len(x), 2))
    offsets = [(place - (_SUB - 1) / 2) / _SUB for place in range(_SUB)]
    for down in offsets:
        for right in offsets:
            across, along = x + right + bend, y + down + bend
            u = (cos * across + sin * along) / repeat + lay.origin[0]
            v = (cos * along - sin * across) / repeat + lay.origin[1]
            total += tile[(v % 1 * SIDE).astype(int) % SIDE, (u % 1 * SIDE).astype(int) % SIDE]
    shares = total / _SUB**2
    return shares[:, :1], shares[:, 1:]


def _smooth(field: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Blur a field inside of a mask, by 1/64 of the picture's side, without what lies outside."""
    sigma = mask.shape[1] / 64
    weight = gaussian_filter(mask.astype(float), sigma)
    return gaussian_filter(field * mask, sigma) / np.maximum(weight, 1e-6)


def _roll_off(light: np.ndarray) -> np.ndarray:
    """Compress light above _KNEE into what is left below 1."""
    over, room = np.maximum(light - _KNEE, 0), 1 - _KNEE
    return light - over + over / (1 + over / room)


def _to_light(levels: np.ndarray) -> np.ndarray:
    """Return the linear light of sRGB levels of 255."""
    share = levels / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def _to_levels(light: np.ndarray) -> np.ndarray:
    """Return the sRGB levels, uint8, of linear light."""
    share = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return np.clip(share * 255 + 0.5, 0, 255).astype(np.uint8)
