"""Render a scene: the picture and the exact mask of every layer. Deterministic."""

from dataclasses import dataclass

import numpy as np

from atelier.synthetic.fashion.backdrop import paint_backdrop
from atelier.synthetic.fashion.clothes import draw_labels
from atelier.synthetic.fashion.fabric import drape, print_fabric
from atelier.synthetic.fashion.figure import SUPERSAMPLE, Layer
from atelier.synthetic.fashion.scene import Scene

_MASKS = {
    "upper": (Layer.UPPER, Layer.UPPER_INK),
    "lower": (Layer.LOWER, Layer.LOWER_INK),
    "full": (Layer.FULL, Layer.FULL_INK),
    "skin": (Layer.SKIN,),
    "hair": (Layer.HAIR,),
    "face": (Layer.FACE, Layer.EYES, Layer.MOUTH),
    "background": (Layer.BACKGROUND,),
}
_FIXED = {Layer.EYES: (40, 34, 34), Layer.MOUTH: (176, 74, 74), Layer.SHOES: (52, 48, 50), Layer.INNER: (226, 222, 214)}


@dataclass(frozen=True)
class Rendered:
    """A picture and its exact masks: skin, hair, face, background and the garments worn (upper, lower, full)."""

    image: np.ndarray  # uint8 (H, W, 3)
    masks: dict[str, np.ndarray]  # bool (H, W), disjoint


@dataclass(frozen=True)
class Layout:
    """Everything of a scene except its fabrics; shared by all edits of a scene."""

    coverage: np.ndarray  # float32 (layers, H, W), sums to 1 per pixel
    masks: dict[str, np.ndarray]  # bool (H, W)
    drapes: dict[str, tuple[np.ndarray, np.ndarray]]  # slot → (shading, bend)
    backdrop: np.ndarray  # float32 (H, W, 3)
    light: np.ndarray  # float32 (H, W, 1)


def lay_out(scene: Scene, size: int) -> Layout:
    """Draw the scene's shapes, folds, backdrop and light at a picture side of `size` px."""
    coverage = _coverage(draw_labels(scene, size), size)
    shares = {name: sum(coverage[layer] for layer in layers) for name, layers in _MASKS.items()}
    rest = 1 - sum(shares.values())
    owner = np.argmax(np.stack([*shares.values(), rest]), axis=0)
    masks = {name: owner == index for index, name in enumerate(shares)}
    worn = scene.garments
    masks = {name: mask for name, mask in masks.items() if name in worn or name not in ("upper", "lower", "full")}
    x = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    light = scene.framing.light * (1 + 2 * scene.framing.slope * x)
    return Layout(
        coverage=coverage,
        masks=masks,
        drapes={slot: drape(masks[slot], scene.folds + index) for index, slot in enumerate(worn)},
        backdrop=paint_backdrop(scene.backdrop, size),
        light=np.broadcast_to(light[None, :, None], (size, size, 1)),
    )


def _coverage(labels: np.ndarray, size: int) -> np.ndarray:
    """Return the share of each layer in every pixel: float32 (layers, H, W), from the labels of its sub-pixels."""
    fine = np.arange(size * SUPERSAMPLE) // SUPERSAMPLE
    cells = (fine[:, None] * size + fine) * len(Layer) + labels
    counts = np.bincount(cells.ravel(), minlength=size * size * len(Layer)).reshape(size, size, len(Layer))
    return (counts.transpose(2, 0, 1) / SUPERSAMPLE**2).astype(np.float32)


def paint(scene: Scene, layout: Layout) -> np.ndarray:
    """Fill a layout with the scene's fabrics and colours: uint8 (H, W, 3)."""
    cover = layout.coverage[..., None]
    size = layout.backdrop.shape[0]
    y = np.linspace(1.04, 0.94, size, dtype=np.float32)[:, None, None]
    picture = cover[Layer.BACKGROUND] * layout.backdrop
    skin, hair = (np.asarray(colour, np.float32) for colour in (scene.person.skin, scene.person.hair))
    picture = picture + cover[Layer.SKIN] * skin * 0.97 * y + cover[Layer.FACE] * skin + cover[Layer.HAIR] * hair
    for layer, colour in _FIXED.items():
        picture = picture + cover[layer] * np.asarray(colour, np.float32)
    for slot, garment in scene.worn:
        cloth = print_fabric(garment.colour, garment.pattern, *layout.drapes[slot])
        fabric, ink = _MASKS[slot]
        picture = picture + (cover[fabric] + cover[ink] * 0.6) * cloth
    return np.clip(picture * layout.light + 0.5, 0, 255).astype(np.uint8)


def render(scene: Scene, size: int) -> Rendered:
    """Render a scene at a side of `size` px."""
    layout = lay_out(scene, size)
    return Rendered(paint(scene, layout), layout.masks)
