"""Hair styles: each grows the strands of a head, from the roots on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shoot.hair import DOWN, Growth, Roots, Scalp, clump, curl
from shoot.meshes import unit

Array = np.ndarray
COLOURS = {
    "black": (0.012, 0.010, 0.010),
    "dark": (0.030, 0.018, 0.012),
    "brown": (0.090, 0.045, 0.022),
    "auburn": (0.170, 0.055, 0.022),
    "blond": (0.420, 0.270, 0.120),
    "grey": (0.360, 0.350, 0.340),
}


@dataclass(frozen=True)
class Strands:
    """Strands of one thickness."""

    points: Array  # (n, k, 3), m
    radius: float  # at the root, m


@dataclass(frozen=True)
class _Head:
    scalp: Scalp
    roots: Roots
    rng: np.random.Generator

    @property
    def count(self) -> int:
        return len(self.roots.place)

    def grow(
        self, first: Array, length: Array, growth: Growth, flow: Array, gravity: Callable[[float], float]
    ) -> Array:
        return self.scalp.grow(
            self.roots.place, first, length, growth, lambda place, share, arc: flow + DOWN * gravity(share)
        )


def grow_hair(scalp: Scalp, style: str, rng: np.random.Generator) -> list[Strands]:
    """Grow the hair of one head in a style of `plan.HAIR_OF_WOMEN` or `plan.HAIR_OF_MEN`."""
    if style == "bald":
        return []
    return _STYLES[style](_Head(scalp, scalp.roots(10_000, rng), rng))


def _buzz(head: _Head) -> list[Strands]:
    rng, length = head.rng, np.full(head.count, head.rng.uniform(0.004, 0.009))
    first = head.roots.normal + rng.normal(0, 0.25, (head.count, 3))
    return [Strands(head.grow(first, length, Growth(2, clear=0.001), 0 * first, lambda share: 0.2), 0.00035)]


def _cut_short(low: float, high: float, lift: float, spread: float, locks: tuple[int, float], hug: float) -> Callable:
    """Return a style that is `low` m long at the sides and `high` on top."""

    def grow(head: _Head) -> list[Strands]:
        rng, local, side = head.rng, head.roots.local, head.rng.choice([-1, 1])
        top = np.clip((local[:, 2] - 0.035) / 0.05, 0, 1)
        whole = (low + (high - low) * top) * rng.uniform(0.8, 1.2) * rng.uniform(0.75, 1.1, head.count)
        length = whole * np.clip(0.35 + head.roots.inside / 0.012, 0.35, 1)
        forward = np.where(local[:, 2] > 0.05, -0.6, 6 * (local[:, 1] - 0.06))
        flow = np.stack([3 * local[:, 0] + 0.15 * side, forward, np.where(local[:, 2] > 0.05, -0.15, -0.8)], axis=1)
        flow = head.scalp.turned(unit(flow))
        first = head.roots.normal * (lift * (0.4 + 0.6 * top))[:, None] + 0.8 * flow
        first = first + rng.normal(0, spread, (head.count, 3))
        clear = 0.0015 + 0.004 * top + 0.002 * rng.random(head.count)
        strands = head.grow(first, length, Growth(6, clear=clear, hug=hug), flow, lambda share: 0.3 * share)
        return [Strands(clump(strands, *locks, rng), 0.00042)]

    return grow


def _quiff(head: _Head) -> list[Strands]:
    rng, local, side = head.rng, head.roots.local, head.rng.choice([-1, 1])
    top = np.clip((local[:, 2] - 0.04) / 0.04, 0, 1)
    length = (0.012 + 0.040 * top) * rng.uniform(0.8, 1.2) * np.clip(0.4 + head.roots.inside / 0.012, 0.4, 1)
    flow = np.stack([0.3 * side + 3 * local[:, 0] * (1 - top), 0.55 - 0.2 * (1 - top), 1.1 * top - 0.8], axis=1)
    flow = head.scalp.turned(unit(flow))
    first = head.roots.normal * (0.35 + 0.75 * top)[:, None] + 0.6 * flow + rng.normal(0, 0.12, (head.count, 3))
    strands = head.grow(first, length, Growth(7, clear=0.002 + 0.004 * top), flow, lambda share: 0.2 * share)
    return [Strands(clump(strands, 350, 0.45, rng), 0.00042)]


def _side_part(head: _Head) -> list[Strands]:
    rng, local, side = head.rng, head.roots.local, head.rng.choice([-1, 1])
    top = np.clip((local[:, 2] - 0.03) / 0.05, 0, 1)
    length = (0.018 + 0.062 * top) * rng.uniform(0.85, 1.1) * np.clip(0.4 + head.roots.inside / 0.012, 0.4, 1)
    away = np.where((local[:, 0] - 0.028 * side) * side > 0, side, -side)
    flow = np.stack(
        [away * (0.4 + 6 * np.abs(local[:, 0])), np.where(local[:, 1] < -0.02, -0.2, 0.4), 0 * top - 0.3], axis=1
    )
    flow = head.scalp.turned(unit(flow))
    first = head.roots.normal * (0.2 + 0.4 * top)[:, None] + 0.8 * flow + rng.normal(0, 0.08, (head.count, 3))
    growth = Growth(8, clear=0.002 + 0.004 * top, hug=0.75)
    return [Strands(clump(head.grow(first, length, growth, flow, lambda share: 0.3 * share), 400, 0.5, rng), 0.00042)]


def _curls(length: float, radius: float, turns: float, fall: float) -> Callable:
    def grow(head: _Head) -> list[Strands]:
        rng = head.rng
        whole = length * rng.uniform(0.8, 1.2) * rng.uniform(0.7, 1.1, head.count)
        whole = whole * np.clip(0.4 + head.roots.inside / 0.02, 0.4, 1)
        first = head.roots.normal + rng.normal(0, 0.45, (head.count, 3))
        radial = head.scalp.turned(unit(head.roots.local))
        strands = head.grow(first, whole, Growth(12, clear=0.003), radial, lambda share: fall)
        return [Strands(curl(clump(strands, 420, 0.55, rng), radius, turns, rng), 0.00055)]

    return grow


def _hanging(length: tuple[float, float], wave: float) -> Callable:
    """Return a style that hangs to `length` m below the middle of the head, in waves of an amplitude, m."""

    def grow(head: _Head) -> list[Strands]:
        rng, local = head.rng, head.roots.local
        side = np.where(local[:, 0] > rng.uniform(-0.01, 0.035) * rng.choice([-1, 1]), 1.0, -1.0)
        back = local[:, 1] > 0.06
        flow = np.stack(
            [np.where(back, 0.25, 0.9) * side, np.where(back, 0.5, 0.4), np.where(back, -0.5, -0.25)], axis=1
        )
        flow = head.scalp.turned(unit(flow))
        tip = head.scalp.place(np.zeros(3))[2] - rng.uniform(*length)
        whole = np.clip(1.12 * (head.roots.place[:, 2] - tip) + 0.02, 0.05, 0.8) * rng.uniform(0.93, 1.03, head.count)
        growth = Growth(26, 0.6, 0.002 + 0.007 * rng.random(head.count) ** 2, hug=0.7, reach=0.14, parted=True)
        first = 0.2 * head.roots.normal + 0.9 * flow + rng.normal(0, 0.06, (head.count, 3))

        def pull(place: Array, share: float, arc: Array) -> Array:
            return flow * (2.0 * np.clip(1 - arc / 0.06, 0, 1))[:, None] + DOWN * (0.6 + 2.2 * min(1, share * 6))

        strands = clump(head.scalp.grow(head.roots.place, first, whole, growth, pull), 260, 0.6, rng)
        along = np.linspace(0, 1, strands.shape[1])
        across = unit(np.cross(head.roots.normal, DOWN) + 1e-6)
        phase = (along * whole[:, None]) * (70 if wave > 0.005 else 40) + 9 * np.arctan2(local[:, 0], local[:, 1])[
            :, None
        ]
        swing = wave * np.clip(3 * along - 0.5, 0, 1) * np.sin(phase)
        loose = 0.0015 * rng.normal(0, 1, (head.count, 1, 3)) * along[None, :, None]
        return [Strands(strands + swing[..., None] * across[:, None] + loose, 0.00052)]

    return grow


def _tied(head: _Head, at: tuple[float, float, float]) -> tuple[Array, Strands]:
    """Comb the hair to a tie, given from the middle of the head; return the tie's place and the strands."""
    rng, tie = head.rng, head.scalp.place(np.array(at))
    to = tie - head.roots.place
    first = 0.25 * head.roots.normal + unit(to) + rng.normal(0, 0.03, (head.count, 3))
    growth = Growth(16, 0.6, 0.002 + 0.003 * rng.random(head.count), hug=0.5)
    length = 1.12 * np.linalg.norm(to, axis=1)
    strands = head.scalp.grow(head.roots.place, first, length, growth, lambda place, *_: 2 * unit(tie - place))
    return tie, Strands(clump(strands, 300, 0.4, rng), 0.0005)


def _pony(head: _Head) -> list[Strands]:
    rng, count = head.rng, 2600
    tie, combed = _tied(head, (0, 0.105, rng.choice([0.065, 0.02, -0.02])))
    back = head.scalp.turned(np.array([0, 1.0, 0]))
    start = tie + rng.normal(0, 0.007, (count, 3))
    first = head.scalp.turned(np.array([0, 0.8, 0.25])) + rng.normal(0, 0.2, (count, 3))
    length = rng.uniform(0.2, 0.4) * rng.uniform(0.8, 1.05, count)
    growth = Growth(22, 0.8, 0.004 + 0.012 * rng.random(count))
    tail = head.scalp.grow(start, first, length, growth, lambda place, share, arc: 1.6 * DOWN + 0.2 * back)
    return [combed, Strands(clump(tail, 60, 0.6, rng), 0.0006)]


def _bun(head: _Head) -> list[Strands]:
    rng, count, points = head.rng, 2200, 26
    high = rng.random() < 0.5
    tie, combed = _tied(head, (0, 0.095, 0.075) if high else (0, 0.112, -0.015))
    size, centre = rng.uniform(0.032, 0.042), tie + head.scalp.turned(np.array([0, 0.016, 0.010 if high else 0.0]))
    around = rng.uniform(0, 2 * np.pi, (count, 1)) + np.linspace(0, 3.6, points)
    across = rng.uniform(-1.35, 1.35, (count, 1)) + 0.3 * np.sin(2 * around + 1)
    radius = size * (0.9 + 0.12 * rng.random((count, 1))) * (1 + 0.06 * np.sin(3 * around + 4 * across))
    ball = [np.cos(around) * np.cos(across), 0.8 * np.sin(across), np.sin(around) * np.cos(across)]
    coil = centre + head.scalp.turned(np.stack(ball, axis=-1) * radius[..., None])
    return [combed, Strands(coil, 0.0007)]


_STYLES: dict[str, Callable[[_Head], list[Strands]]] = {
    "buzz": _buzz,
    "short": _cut_short(0.014, 0.038, 0.75, 0.12, (500, 0.4), 0.35),
    "crop": _cut_short(0.018, 0.048, 1.0, 0.40, (260, 0.65), 0.0),
    "side part": _side_part,
    "quiff": _quiff,
    "afro": _curls(0.055, 0.004, 1.7, 0.0),
    "curly": _curls(0.048, 0.006, 1.5, 0.9),
    "long": _hanging((0.30, 0.44), 0.003),
    "wavy": _hanging((0.26, 0.40), 0.009),
    "bob": _hanging((0.13, 0.19), 0.003),
    "bun": _bun,
    "pony": _pony,
}
