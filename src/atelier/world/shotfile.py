"""The file of a shot: its layers in a few kilobytes, and the facts about it.

Light and place are lossy (WebP of the square root). Coverage is exact to 1/255. Coordinates are exact to 1 mm, or to
2 mm below 192 px, where a pixel is about 14 mm of cloth. Unpacking uses Pillow and NumPy alone.

A file: the length of the head (4 bytes, little-endian), the head (JSON: facts, tops of the lights in WebP, millimetres
per step of the coordinates, sizes of the parts; LZMA), and the parts in the order of `pack`.
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
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9, "lc": 0, "lp": 0, "pb": 0}]
_FAR = 40  # distances to a hem are kept up to here, mm
_LEVEL = 0.22  # mean light that the person is exposed to
_FINE = 192  # pictures of this side and more have coordinates to 1 mm, px


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
    """Pack the layers of a shot (see `shoot.expose.Layers`)."""
    alpha = _bytes(layers.alpha)
    covered = alpha.any(-1)
    exposure = _exposure(layers)
    base, shade = layers.base * exposure, _spread(layers.shade * exposure, covered)
    tops = [_top(base.reshape(-1, 3)), _top(shade[covered])]
    step = 1 if len(covered) >= _FINE else 2
    cloth = layers.cloth * 1000
    cloth[..., 2] = np.minimum(cloth[..., 2], _FAR)
    body = np.stack([_bytes(layers.body), _bytes(layers.face), np.zeros_like(alpha[..., 0])], axis=-1)
    parts = [
        _webp(_root(base, tops[0]), quality=90),
        _webp(alpha, lossless=True, exact=True),
        _webp(_root(shade, tops[1]), quality=86),
        _webp(body, lossless=True, exact=True),
        _compress(_encode_cloth(np.round(cloth / step).astype(np.int16), covered)),
    ]
    head = {"facts": facts, "tops": tops, "step": step, "sizes": [len(part) for part in parts]}
    packed = _compress(json.dumps(head, separators=(",", ":")).encode())
    return len(packed).to_bytes(4, "little") + packed + b"".join(parts)


def read_head(data: bytes) -> tuple[dict[str, Any], int]:
    """Return the head of a packed shot, which has its facts, and where its parts start."""
    end = 4 + int.from_bytes(data[:4], "little")
    return json.loads(_decompress(data[4:end])), end


def unpack(data: bytes) -> StoredShot:
    """Unpack a shot."""
    head, end = read_head(data)
    parts = []
    for size in head["sizes"]:
        parts.append(data[end : end + size])
        end += size
    base, alpha, shade, body = (np.asarray(Image.open(io.BytesIO(part)).convert("RGB")) for part in parts[:4])
    lights = [_square(level, top) for level, top in zip((base, shade), head["tops"], strict=True)]
    cloth = _decode_cloth(_decompress(parts[4]), alpha.any(-1)) * np.int16(head["step"])
    return StoredShot(head["facts"], lights[0], alpha, lights[1], cloth, body[..., :2])


def _encode_cloth(field: Array, covered: Array) -> bytes:
    """Write coordinates, int16 (H, W, 3), as differences from the plane through the pixels left, above and above left.

    Pixels without cloth lie on that plane. Arithmetic is modulo 2¹⁶. Small negative and positive differences become
    small positive numbers; all low bytes come before all high bytes.
    """
    before = np.zeros_like(field[0])  # differences of neighbours in the row above
    residuals = np.zeros_like(field)
    columns = np.arange(field.shape[1])
    for number, (row, inside) in enumerate(zip(field, covered, strict=True)):
        drift = np.cumsum(np.where(inside[:, None], 0, before), axis=0, dtype=np.int16)
        last = np.maximum.accumulate(np.where(inside, columns, -1))
        start = np.where(last[:, None] >= 0, row[last] - drift[last], 0).astype(np.int16)
        steps = np.diff(np.where(inside[:, None], row, start + drift), axis=0, prepend=np.zeros((1, 3), np.int16))
        residuals[number], before = steps - before, steps
    kept = residuals[covered].T
    signless = ((kept << 1) ^ (kept >> 15)).astype("<u2")
    return signless.reshape(-1, 1).view(np.uint8).T.tobytes()


def _decode_cloth(data: bytes, covered: Array) -> Array:
    """Return the coordinates of the covered pixels, int16 (P, 3), in steps."""
    low, high = np.frombuffer(data, np.uint8).reshape(2, 3, -1).astype(np.uint16)
    signless = low | (high << 8)
    field = np.zeros((*covered.shape, 3), np.int16)
    field[covered] = ((signless >> 1) ^ (0 - (signless & 1))).T.astype(np.int16)
    columns = np.cumsum(field, axis=0, dtype=np.int16)
    return np.cumsum(columns, axis=1, dtype=np.int16)[covered]


def _compress(data: bytes) -> bytes:
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=_FILTERS)


def _decompress(data: bytes) -> bytes:
    return lzma.decompress(data, format=lzma.FORMAT_RAW, filters=_FILTERS)


def _bytes(share: Array) -> Array:
    return (share * 255 + 0.5).astype(np.uint8)


def _top(light: Array) -> float:
    """Return the light that the brightest level stands for."""
    return round(float(np.percentile(light, 99.8)) + 1e-3, 5)


def _root(light: Array, top: float) -> Array:
    return _bytes(np.sqrt(np.clip(light / top, 0, 1)))


def _square(level: Array, top: float) -> Array:
    """Undo `_root`, through a table."""
    return (np.square(np.arange(256, dtype=np.float32) / np.float32(255)) * np.float32(top))[level]


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
