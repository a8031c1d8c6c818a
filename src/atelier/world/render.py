"""Compose a scene: the picture and the exact mask of every garment. Deterministic."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from atelier.world.compose import Fabric, Shot
from atelier.world.fabrics import make_fabric
from atelier.world.programs import Garment, Scene, slots_of
from atelier.world.shards import Shards, open_world

_BAR = 12  # level of the bars at the sides
_UNSEEN = make_fabric("grey")  # of garments that the scene does not mention, since hardly a pixel shows them


@dataclass(frozen=True)
class Rendered:
    """A picture and its exact masks: garments by slot, body (skin, hair and shoes), face, background."""

    image: np.ndarray  # uint8 (H, W, 3)
    masks: dict[str, np.ndarray]  # bool (H, W), disjoint


@dataclass(frozen=True)
class Layout:
    """Everything of a scene except its fabrics; shared by all edits of a scene.

    Attributes:
        coverage: of each garment by slot, uint8 (H, W); where it is 0, no edit of the garment changes a pixel
            (at the side of the stored shots).
        masks: what covers most of each pixel, bool (H, W), disjoint.
        slots: slots of the shot's garments, from the inside out.
    """

    shot: Shot
    size: int
    coverage: dict[str, np.ndarray]
    masks: dict[str, np.ndarray]
    slots: tuple[str, ...]


def lay_out(scene: Scene, size: int, world: Shards | None = None) -> Layout:
    """Open the scene's shot and make its masks at a picture side of `size` px."""
    world = world or open_world()
    shot = world.shot(scene.shot)
    slots = tuple(slots_of(shot.stored.facts["outfit"]))
    layers = np.concatenate([shot.alpha[..., : len(slots)], shot.stored.body], axis=-1)
    layers = resize(_bar(layers, scene.bars, 0), size)
    garments = {slot: layers[..., number] for number, slot in enumerate(slots) if slot in scene.garments}
    rest = {slot: layers[..., number] for number, slot in enumerate(slots) if slot not in scene.garments}
    body, face = layers[..., -2].astype(np.int32), layers[..., -1].astype(np.int32)
    shares = garments | {"face": face, "body": body - face}
    background = 255 - sum(share.astype(np.int32) for share in (*shares.values(), *rest.values()))
    owner = np.argmax(np.stack([*shares.values(), background]), axis=0)
    masks = {name: owner == number for number, name in enumerate((*shares, "background"))}
    return Layout(shot, size, garments, masks, slots)


def paint(scene: Scene, layout: Layout) -> np.ndarray:
    """Fill a layout with the scene's fabrics and colours: uint8 (H, W, 3)."""
    worn = scene.garments
    fabrics = tuple(_fabric(worn[slot]) if slot in worn else _UNSEEN for slot in layout.slots)
    return resize(_bar(layout.shot.picture(fabrics, scene.camera), scene.bars, _BAR), layout.size)


def render(scene: Scene, size: int, world: Shards | None = None) -> Rendered:
    """Render a scene at a side of `size` px."""
    layout = lay_out(scene, size, world)
    return Rendered(paint(scene, layout), layout.masks)


def _fabric(garment: Garment) -> Fabric:
    return make_fabric(garment.colour, garment.pattern, garment.style, garment.grid)


def _bar(pixels: np.ndarray, bars: float, level: int) -> np.ndarray:
    """Cover the sides of a picture; `bars`: share of its width."""
    if not bars:
        return pixels
    width = max(1, round(bars * pixels.shape[1]))
    covered = pixels.copy()
    covered[:, :width] = covered[:, -width:] = level
    return covered


def resize(pixels: np.ndarray, size: int) -> np.ndarray:
    """Resize uint8 (H, W, k): averages of pixels to a smaller side, linear interpolation to a larger one."""
    if pixels.shape[0] == size:
        return pixels
    way = Image.Resampling.BOX if size < pixels.shape[0] else Image.Resampling.BILINEAR
    planes = [
        Image.fromarray(np.ascontiguousarray(plane)).resize((size, size), way) for plane in np.moveaxis(pixels, 2, 0)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)
