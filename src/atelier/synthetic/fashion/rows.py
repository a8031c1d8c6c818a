"""Rendered rows in the published schemas, so that rendered and real data go through the same loaders.

The domain studio has the schema of deepFashion-with-masks (images, gender, pose, cloth_type, pid, caption, mask,
mask_overlay), street that of Fashionpedia (image_id, image, width, height, objects). Both have two further columns,
`scene` and `person_id`.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from PIL import Image

from atelier.synthetic.fashion.render import render
from atelier.synthetic.fashion.sample import sample_garment, sample_person, sample_scene, sample_type
from atelier.synthetic.fashion.scene import Scene, describe_scene

VARIANTS, SHOTS = 4, ("front", "back")  # of a DeepFashion item: colour variants, and shots of each
CLOTH_TYPES = {"t-shirt": "Tees_Tanks", "shirt": "Shirts_Polos", "jacket": "Jackets_Coats", "dress": "Dresses",
               "skirt": "Skirts", "trousers": "Pants", "shorts": "Shorts"}  # fmt: skip
FASHIONPEDIA = {"shirt": 0, "t-shirt": 1, "jacket": 4, "trousers": 6, "shorts": 7, "skirt": 8, "dress": 10}
_STREAM = {"studio": 1, "street": 2}


def rows(
    domain: Literal["studio", "street"], count: int, seed: int, size: int, start: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield the rows start, start + 1, … below `count` of a domain.

    A row depends only on the seed and its number.

    No two items share a person (each has two), so that a split by item is also a split by person.
    """
    per_item = VARIANTS * len(SHOTS) if domain == "studio" else 1
    for index in range(start, count):
        item, place = divmod(index, per_item)
        variant, shot = divmod(place, len(SHOTS))
        scene, pose = _scene(domain, seed, item, variant, shot)
        yield _studio_row(scene, item, pose, size) if domain == "studio" else _street_row(scene, item, size)


def _scene(domain: str, seed: int, item: int, variant: int, shot: int) -> tuple[Scene, str]:
    of_item = np.random.default_rng([seed, _STREAM[domain], item])
    garment_type, cut = sample_type(of_item), round(float(of_item.random()), 3)
    people = [sample_person(of_item, f"{domain}-{item:05d}-{which}") for which in "ab"]
    of_photo = np.random.default_rng([seed, _STREAM[domain], item, variant, shot])
    of_variant = np.random.default_rng([seed, _STREAM[domain], item, variant])
    fabric = sample_garment(of_variant, garment_type, held_out=True)
    worn = replace(fabric, cut=cut)
    view = SHOTS[shot] if domain == "studio" else ("front", "front", "side", "back")[int(of_photo.integers(4))]
    person = people[int(of_variant.integers(2))]
    scene = sample_scene(of_photo, domain, person, worn, view=view, held_out=True)
    return scene, f"{variant + 1:02d}_{shot + 1}_{view}"


def _studio_row(scene: Scene, item: int, pose: str, size: int) -> dict[str, Any]:
    rendered = render(scene, size)
    garment_type = scene.garments[scene.item].kind
    mask = rendered.masks[scene.item]
    overlay = np.where(mask[..., None], rendered.image, rendered.image // 3)
    return {
        "images": Image.fromarray(rendered.image),
        "gender": "WOMEN" if scene.gender == "woman" else "MEN",
        "pose": pose,
        "cloth_type": CLOTH_TYPES[garment_type],
        "pid": f"id_{item:08d}",
        "caption": describe_scene(scene),
        "mask": Image.fromarray(mask.astype(np.uint8) * 255),
        "mask_overlay": Image.fromarray(overlay),
        "scene": scene.to_json(),
        "person_id": scene.person.person_id,
    }


def _street_row(scene: Scene, item: int, size: int) -> dict[str, Any]:
    rendered = render(scene, size)
    objects: dict[str, list] = {"bbox_id": [], "category": [], "bbox": [], "area": []}
    for number, (slot, garment) in enumerate(scene.worn):
        ys, xs = np.nonzero(rendered.masks[slot])
        if len(xs) == 0:
            continue
        objects["bbox_id"].append(item * 10 + number)
        objects["category"].append(FASHIONPEDIA[garment.kind])
        objects["bbox"].append([float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)])
        objects["area"].append(len(xs))
    return {
        "image_id": item,
        "image": Image.fromarray(rendered.image),
        "width": size,
        "height": size,
        "objects": objects,
        "scene": scene.to_json(),
        "person_id": scene.person.person_id,
    }
