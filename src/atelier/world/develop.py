"""The camera: turn linear light into a picture, through tables, so that every machine makes the same bytes."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

Array = np.ndarray
_CURVE = 4096  # entries of the development curve
_WHITE = 4.0  # light that the curve ends at
_GRAIN_SEED, _GRAINS = 11, 2**20  # noise of a picture is a stretch of this many values


@dataclass(frozen=True)
class Camera:
    """Development: exposure as a factor, white balance of the channels, and noise of the sensor in levels of 255.

    Exposure and balance are those of what is not cloth: a garment has its colour in the picture whatever they are.
    """

    exposure: float = 1.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise: float = 0.0
    seed: int = 0

    @property
    def gain(self) -> Array:
        """Factor of the light of each channel, float32 (3,)."""
        return np.float32(self.exposure) * np.asarray(self.balance, np.float32)


DAYLIGHT = Camera()


def _make_curve() -> Array:
    """Tabulate the development: a soft shoulder, the sRGB curve and a little contrast, in levels of 255."""
    light = np.linspace(0, 1, _CURVE) ** 2 * _WHITE  # denser in the dark
    light = light * (1 + light / 9.0) / (1 + 0.62 * light) * 1.12
    level = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-8) ** (1 / 2.4) - 0.055)
    level = np.clip(level, 0, 1)
    return (255 * (level - 0.02 * np.sin(2 * np.pi * level))).round(3).astype(np.float32)


_LEVELS = _make_curve()


def _make_light() -> Array:
    """Tabulate the light that is developed to each level, float32 (256,)."""
    rising = _LEVELS[: int(_LEVELS.argmax()) + 1]
    places = np.interp(np.arange(256), rising, np.arange(len(rising))) / (_CURVE - 1)
    return (places**2 * _WHITE).round(5).astype(np.float32)


LIGHT = _make_light()  # level → light


def develop(light: Array, camera: Camera) -> Array:
    """Turn linear light, float32 (H, W, 3), into a picture, uint8; of the camera only the noise is used."""
    place = np.sqrt(np.clip(light * np.float32(1 / _WHITE), 0, 1)) * np.float32(_CURVE - 1)
    levels = _LEVELS[(place + np.float32(0.5)).astype(np.int32)]
    if camera.noise:
        grain = _grain()
        start = np.random.default_rng(camera.seed).integers(max(grain.size - levels.size, 1))
        noise = np.resize(grain[start : start + levels.size], levels.shape)
        levels = levels + noise * np.float32(camera.noise) * (np.float32(1) - np.float32(0.0016) * levels)
    return (np.clip(levels, 0, 255) + np.float32(0.5)).astype(np.uint8)


@lru_cache(1)
def _grain() -> Array:
    """Return noise of mean 0 and standard deviation 1, in steps of 1/64, float32 (_GRAINS,)."""
    draws = np.random.default_rng(_GRAIN_SEED).integers(0, 256, size=(12, _GRAINS), dtype=np.uint8)
    total = draws.sum(0, dtype=np.int32) - 12 * 127.5
    return (np.round(total / 256 * 64) / 64).astype(np.float32)
