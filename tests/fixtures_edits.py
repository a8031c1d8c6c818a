"""Rendered probes with edits whose quality is known: a `baseline` that floods the picture and a `finetuned` that nearly
gives the exact target. What evaluation and reports are tested with."""

from dataclasses import dataclass

import numpy as np
import pytest

from atelier.boxes import box_of, scale_box
from atelier.images import to_png
from atelier.instructions import PROMPTS
from atelier.records import Edit, Probe, Zones
from atelier.world import COLOURS_RGB, Scene, describe_scene, edit, render, sample_outfit

SIZE = 64


@dataclass(frozen=True)
class Study:
    """Rows as the stages before `evaluate` leave them."""

    probes: list[Probe]
    zones: list[Zones]
    edits: dict[str, list[Edit]]


def _scenes(domain: str, count: int) -> list[Scene]:
    """Scenes whose upper garment is none of what the prompts ask for, so that every prompt changes something."""
    rng = np.random.default_rng({"seen": 1, "unseen": 2}[domain])
    scenes: list[Scene] = []
    while len(scenes) < count:
        scene = sample_outfit(rng, {"seen": "studio", "unseen": "street"}[domain])
        upper = scene.garments.get("upper")
        if upper and upper.pattern not in ("stripes", "floral") and upper.colour not in ("red", "blue"):
            scenes.append(scene)
    return scenes


def _flood(source: np.ndarray, factor: str, value: str) -> np.ndarray:
    """The whole picture tinted in the colour asked for, or striped all over."""
    if factor == "colour":
        return (source * 0.4 + np.array(COLOURS_RGB[value]) * 0.6).astype(np.uint8)
    bars = (np.arange(len(source)) // 4 % 2 == 0)[:, None, None]
    return np.where(bars, source * 0.4 + 140, source).astype(np.uint8)


def build_study(domains: tuple[str, ...] = ("seen", "unseen"), pictures: int = 6) -> Study:
    """`pictures` rendered sources per domain under the paper's four prompts."""
    study = Study([], [], {"baseline": [], "finetuned": []})
    for domain in domains:
        for number, scene in enumerate(_scenes(domain, pictures)):
            source = render(scene, SIZE)
            mask = source.masks["upper"]
            for prompt, (factor, value) in PROMPTS.items():
                wanted = edit(scene, "upper", **{factor: value})
                target = render(wanted, SIZE).image
                rng = np.random.default_rng(number)
                near = np.clip(target + rng.normal(0, 3, target.shape), 0, 255).astype(np.uint8)
                probe_id = f"{domain}-{number:02d}-{factor}-{value}"
                exact = to_png(mask.astype(np.uint8) * 255)
                lower = source.masks.get("lower")
                study.probes.append(
                    Probe(
                        probe_id=probe_id, domain=domain, source_id=f"{domain}-{number:02d}", item_id="", person_id="",
                        prompt=prompt, garment=scene.garments["upper"].kind, factor=factor, value=value,
                        source_caption=describe_scene(scene), target_caption=describe_scene(wanted),
                        source=to_png(source.image), mask=exact, box=None, target=to_png(target), exact_mask=exact,
                        other_mask=None if lower is None else to_png(lower.astype(np.uint8) * 255),
                        face_mask=to_png(source.masks["face"].astype(np.uint8) * 255),
                        noop=f"make the shirt {scene.garments['upper'].colour}",
                    )
                )  # fmt: skip
                study.zones.append(Zones(probe_id, exact, scale_box(box_of(mask), 1.15, SIZE, SIZE), "given"))
                made = {"baseline": _flood(source.image, factor, value), "finetuned": near}
                for model, pixels in made.items():
                    study.edits[model].append(Edit(probe_id, model, "edit", 1.2, 1.0, to_png(pixels)))
    return study


@pytest.fixture(scope="session")
def study() -> Study:
    return build_study()
