"""Composed rows in the published schemas, so that composed and real data go through the same loaders.

The domain studio has the schema of deepFashion-with-masks (images, gender, pose, cloth_type, pid, caption, mask,
mask_overlay), street that of Fashionpedia (image_id, image, width, height, objects). Both have two further columns,
`scene` and `person_id`.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from PIL import Image

from atelier.common.errors import UserError
from atelier.images.boxes import box_of
from atelier.world.programs import Scene, describe_scene
from atelier.world.render import Rendered, render
from atelier.world.sample import make_scene, sample_item, sample_worn
from atelier.world.shards import LEAST, Shards, ShotItem, open_world, part_of

VARIANTS, SHOTS = 4, ("first", "second")  # of a DeepFashion item: colour variants, and shots of each
CLOTH_TYPES = {"t-shirt": "Tees_Tanks", "shirt": "Shirts_Polos", "jacket": "Jackets_Coats", "dress": "Dresses",
               "skirt": "Skirts", "trousers": "Pants", "shorts": "Shorts", "sweater": "Sweaters"}  # fmt: skip
FASHIONPEDIA = {"shirt": 0, "t-shirt": 1, "sweater": 2, "jacket": 4, "trousers": 6, "shorts": 7, "skirt": 8,
                "dress": 10}  # fmt: skip
_STREAM = {"studio": 1, "street": 2}


def rows(
    domain: Literal["studio", "street"], count: int, seed: int, size: int, start: int = 0, world: Shards | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows start, start + 1, … below `count` of a domain, of the outfits that are the studies' (`part_of`).

    A row depends only on the seed, its number and the stored shots. When all outfits had their turn, they have another
    in other fabrics. A studio outfit has VARIANTS variants of fabrics a turn, each in two of its shots; a row of the
    street shows an outfit once.

    Raises:
        UserError: there are no stored shots, or none of the domain.
    """
    world = world or open_world()
    items = _items(world, domain)
    if not items:
        raise UserError(f"{world.folder}: no outfit of the domain {domain} is stored for studies")
    per_item = VARIANTS * len(SHOTS) if domain == "studio" else 1
    for index in range(start, count):
        number, place = divmod(index, per_item)
        turn, number = divmod(number, len(items))
        item = items[number]
        if domain == "studio":
            variant, shot = divmod(place, len(SHOTS))
            variant += turn * VARIANTS
            scene = make_row_scene(world, item, seed, variant, (variant + shot) % len(item.shots))
            pose = f"{variant + 1:02d}_{shot + 1}_{scene.view}"
            yield _studio_row(scene, render(scene, size, world), item.number, pose)
        else:
            scene = make_row_scene(world, item, seed, turn, turn % len(item.shots))
            yield _street_row(scene, render(scene, size, world), index)


def make_row_scene(world: Shards, item: ShotItem, seed: int, variant: int, shot: int) -> Scene:
    """Make the scene of a variant of an outfit's fabrics in one of its shots."""
    stream = [seed, _STREAM[item.domain], item.number]
    name = item.shots[shot]
    slot = sample_item(np.random.default_rng(stream), [world.facts[one] for one in item.shots])
    worn = sample_worn(np.random.default_rng([*stream, variant]), world.facts[name], held_out=True)
    return make_scene(world, name, worn, slot, np.random.default_rng([*stream, variant, shot]))


@lru_cache(8)
def _items(world: Shards, domain: str) -> list[ShotItem]:
    """Return the studies' outfits of a domain: in the studio those with LEAST shots, if any has."""
    items = [item for item in world.items(domain) if part_of(item.number, domain) == "study"]
    return [item for item in items if domain != "studio" or len(item.shots) >= LEAST] or items


def _studio_row(scene: Scene, rendered: Rendered, item: int, pose: str) -> dict[str, Any]:
    mask = rendered.masks.get(scene.item, np.zeros(rendered.image.shape[:2], bool))
    overlay = np.where(mask[..., None], rendered.image, rendered.image // 3)
    kind = scene.garments[scene.item].kind
    return {
        "images": Image.fromarray(rendered.image),
        "pid": f"id_{item:08d}",
        "caption": describe_scene(scene),
        "gender": "WOMEN" if scene.gender == "woman" else "MEN",
        "pose": pose,
        "cloth_type": CLOTH_TYPES[kind],
        "mask": Image.fromarray(mask.astype(np.uint8) * 255),
        "mask_overlay": Image.fromarray(overlay),
        "scene": scene.to_json(),
        "person_id": scene.person.person_id,
    }


def _street_row(scene: Scene, rendered: Rendered, index: int) -> dict[str, Any]:
    objects: dict[str, list] = {"bbox_id": [], "category": [], "bbox": [], "area": []}
    for number, (slot, garment) in enumerate(scene.worn):
        mask = rendered.masks[slot]
        if mask.any():
            objects["bbox_id"].append(index * 10 + number)
            objects["category"].append(FASHIONPEDIA[garment.kind])
            objects["bbox"].append(box_of(mask))
            objects["area"].append(int(mask.sum()))
    height, width = rendered.image.shape[:2]
    return {
        "image_id": index,
        "image": Image.fromarray(rendered.image),
        "width": width,
        "height": height,
        "objects": objects,
        "scene": scene.to_json(),
        "person_id": scene.person.person_id,
    }
