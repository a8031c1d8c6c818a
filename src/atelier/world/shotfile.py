"""The file of a shot: its layers in a few kilobytes, and the facts about it.

Light and place are lossy (WebP of the square root); coverage and coordinates are exact to 1/255 and 1 mm. Unpacking
uses Pillow and NumPy alone.
"""

import io
import json
import lzma
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt

Array = np.ndarray
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9}]
_FAR = 40  # distances to a hem are kept up to here, mm
_LEVEL = 0.22  # mean light that the person is exposed to


@dataclass(frozen=True)
class StoredShot:
    """What is unpacked; H W pixels, garments from the inside out.

    Attributes:
        facts: the plan and what is known of the shot.
        base: float (H, W, 3), linear light of everything but the clothes, times its coverage, at normal exposure.
        alpha: uint8 (H, W, 3), coverage of each garment.
        shade: float (H, W, 3), light that white cloth would send, at normal exposure.
        cloth: int16 (P, 3) of the P pixels that clothes cover: u, v and distance to the hem, mm.
        body: uint8 (H, W, 2), coverage of the person without clothes, and of the face.
    """

    facts: dict[str, Any]
    base: Array
    alpha: Array
    shade: Array
    cloth: Array
    body: Array


def pack(layers: Any, facts: dict[str, Any]) -> bytes:
    """Pack the layers of a shot (see `expose.Layers`)."""
    alpha = _bytes(layers.alpha)
    covered = alpha.any(-1)
    exposure = _exposure(layers)
    base, shade = layers.base * exposure, _spread(layers.shade * exposure, covered)
    tops = [float(np.percentile(base, 99.8)) + 1e-3, float(np.percentile(shade[covered], 99.8)) + 1e-3]
    cloth = np.round(layers.cloth[covered] * 1000)
    cloth[:, 2] = np.minimum(cloth[:, 2], _FAR)
    steps = np.diff(cloth.astype(np.int16), axis=0, prepend=np.zeros((1, 3), np.int16))
    planes = np.frombuffer(steps.T.tobytes(), np.uint8).reshape(-1, 2).T.tobytes()
    body = np.stack([_bytes(layers.body), _bytes(layers.face), np.zeros_like(alpha[..., 0])], axis=-1)
    parts = [
        _webp(_root(base, tops[0]), quality=90),
        _webp(alpha, lossless=True, exact=True),
        _webp(_root(shade, tops[1]), quality=86),
        _webp(body, lossless=True, exact=True),
        lzma.compress(planes, format=lzma.FORMAT_RAW, filters=_FILTERS),
    ]
    head = json.dumps({"facts": facts, "tops": tops, "sizes": [len(part) for part in parts]}).encode()
    return len(head).to_bytes(4, "little") + head + b"".join(parts)


def unpack(data: bytes) -> StoredShot:
    """Unpack a shot."""
    end = 4 + int.from_bytes(data[:4], "little")
    head = json.loads(data[4:end])
    parts = []
    for size in head["sizes"]:
        parts.append(data[end : end + size])
        end += size
    base, alpha, shade, body = (np.asarray(Image.open(io.BytesIO(part)).convert("RGB")) for part in parts[:4])
    planes = np.frombuffer(lzma.decompress(parts[4], format=lzma.FORMAT_RAW, filters=_FILTERS), np.uint8)
    steps = planes.reshape(2, -1).T.copy().view(np.int16).reshape(3, -1)
    cloth = np.cumsum(steps, axis=1, dtype=np.int16).T
    lights = [
        np.square(level / np.float32(255)) * np.float32(top)
        for level, top in zip((base, shade), head["tops"], strict=True)
    ]
    return StoredShot(head["facts"], lights[0], alpha, lights[1], cloth, body[..., :2])


def _bytes(share: Array) -> Array:
    return (share * 255 + 0.5).astype(np.uint8)


def _root(light: Array, top: float) -> Array:
    return _bytes(np.sqrt(np.clip(light / top, 0, 1)))


def _webp(pixels: Array, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", method=6, **options)
    return buffer.getvalue()


def _spread(values: Array, known: Array) -> Array:
    """Continue known pixels into the others, so that compression mixes in no black."""
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return values[tuple(nearest)]


def _exposure(layers: Any) -> float:
    """Return the factor that exposes the person, as dressed in grey of 35 %, to _LEVEL."""
    grey = layers.base + layers.alpha.sum(-1, keepdims=True) * layers.shade * 0.35
    person = np.clip(layers.body + layers.alpha.sum(-1), 0, 1)
    mean = (grey.mean(-1) * person).sum() / max(person.sum(), 1)
    return float(_LEVEL / (0.75 * mean + 0.25 * grey.mean()))
