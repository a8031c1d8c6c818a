"""Scenes of both rendered worlds behind one set of names: drawings (`synthetic.fashion`) and photographs (`world`).

A scene program says of which world it is: one of a photograph names its stored shot. Nothing else in the pipeline asks.

Public: `Layout`, `PREFIXES`, `Paints`, `Rendered`, `SOURCES`, `Scene`, `describe_scene`, `edit`, `fill_flat`,
`files_of`, `is_photographic`, `lay_out`, `list_paints`, `paint`, `read_scene`, `render`, `rows`, `same_shot`,
`slot_of_kind`.
"""

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple

import numpy as np

from atelier import world
from atelier.synthetic import fashion
from atelier.synthetic.fashion.fabric import print_fabric as print_drawn
from atelier.text.instructions import RENDERED_COLOURS, RENDERED_PATTERNS
from atelier.world.fabrics import CLOTH_RGB, PATTERNS
from atelier.world.fabrics import print_fabric as print_photographed
from atelier.world.shards import find_folder, original_of

__all__ = [
    "PREFIXES", "SOURCES", "Layout", "Paints", "Rendered", "Scene", "describe_scene", "edit", "files_of", "fill_flat",
    "is_photographic", "lay_out", "list_paints", "paint", "read_scene", "render", "rows", "same_shot", "slot_of_kind",
]  # fmt: skip

Scene = fashion.Scene | world.Scene
Layout = fashion.Layout | world.Layout
Rendered = fashion.Rendered | world.Rendered
Domain = Literal["studio", "street"]

_WORLDS: dict[str, ModuleType] = {"world:": fashion, "photographs:": world}
_DOMAINS: tuple[Domain, ...] = ("studio", "street")
PREFIXES = tuple(_WORLDS)  # of a rendered source's name
SOURCES: dict[str, tuple[ModuleType, Domain]] = {
    prefix + domain: (home, domain) for prefix, home in _WORLDS.items() for domain in _DOMAINS
}  # as `prepare.seen` names them


class Paints(NamedTuple):
    """The colours and patterns that a world's renderer has."""

    colours: tuple[str, ...]
    patterns: tuple[str, ...]


_DRAWN, _PHOTOGRAPHED = Paints(RENDERED_COLOURS, RENDERED_PATTERNS), Paints(tuple(CLOTH_RGB), PATTERNS)


def is_photographic(source: str) -> bool:
    """Whether a source is the photographic world."""
    return source in SOURCES and SOURCES[source][0] is world


def files_of(source: str) -> list[Path]:
    """Return the stored files that the rows of a source are made from; none of a drawing or of an unknown source."""
    if not is_photographic(source):
        return []
    return [find_folder(), Path(str(files("atelier.world").joinpath("prints.webp")))]


def rows(source: str, count: int, seed: int, size: int, start: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the rows start, start + 1, … below `count` of one of `SOURCES`, in its published schema.

    Raises:
        UserError: the stored shots of the photographic world are missing or damaged.
    """
    home, domain = SOURCES[source]
    return home.rows(domain, count, seed, size, start=start)


def read_scene(program: str) -> Scene:
    """Read a scene program (JSON) of either world.

    Raises:
        AttributeError, KeyError, RecursionError, TypeError, ValueError: it is none.
    """
    return (world if "shot" in json.loads(program) else fashion).Scene.from_json(program)


def lay_out(scene: Scene, size: int) -> Layout:
    """Return everything of a scene but its fabrics, with exact masks, at a picture side of `size` px."""
    return _home(scene).lay_out(scene, size)


def paint(scene: Scene, layout: Layout) -> np.ndarray:
    """Fill a layout with the scene's fabrics: uint8 (H, W, 3)."""
    return _home(scene).paint(scene, layout)


def render(scene: Scene, size: int) -> Rendered:
    """Render a scene and its exact masks at a side of `size` px."""
    return _home(scene).render(scene, size)


def edit(scene: Scene, slot: str, *, colour: str | None = None, pattern: str | None = None) -> Scene:
    """Return the scene with another colour, pattern or both on the garment in `slot`; nothing else changes.

    Raises:
        ValueError: nothing is worn in the slot.
    """
    return _home(scene).edit(scene, slot, colour=colour, pattern=pattern)


def describe_scene(scene: Scene) -> str:
    """Return a caption in the data set's style: "a woman in white shorts and a red striped t-shirt"."""
    return _home(scene).describe_scene(scene)


def list_paints(scene: Scene) -> Paints:
    """Return the colours and patterns that the garments of a scene can be given."""
    return _DRAWN if _home(scene) is fashion else _PHOTOGRAPHED


def slot_of_kind(scene: Scene, kind: str) -> str | None:
    """Return the slot of the garment of a kind; None: none is worn. No scene has two of a kind."""
    return next((slot for slot, worn in scene.worn if worn.kind == kind), None)


def same_shot(first: Scene, second: Scene) -> bool:
    """Whether two photographs are of one stored shot or its twin, so that they differ in little but fabrics and cut."""
    if not (isinstance(first, world.Scene) and isinstance(second, world.Scene)):
        return False
    return original_of(first.shot) == original_of(second.shot)


def fill_flat(colour: str, pattern: str, size: int, *, photographic: bool) -> np.ndarray | None:
    """Return a fabric laid flat and evenly lit, float32 (size, size, 3) in [0, 255]; None: it has no such colour.

    Args:
        photographic: whether colour and print are those of the photographic world.

    Raises:
        KeyError, ValueError: the colour is known and the pattern is not.
    """
    known, print_fabric = (_PHOTOGRAPHED, print_photographed) if photographic else (_DRAWN, print_drawn)
    if colour not in known.colours:
        return None
    return print_fabric(colour, pattern, np.ones((size, size), np.float32), np.zeros((size, size), np.float32))


def _home(scene: Scene) -> ModuleType:
    return world if isinstance(scene, world.Scene) else fashion
