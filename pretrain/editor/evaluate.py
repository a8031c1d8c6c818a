"""Evaluate the editor, its autoencoder, CLIP and segmenter on scenes that none of them was trained on.

    python -m pretrain.editor.evaluate --base models/base --images docs/models/images --report …

Writes the sheets of docs/models/editor.md: the first forty reconstructions and edits of held-out scenes that a fixed
seed draws, not selected.

Legend: B batch, H W pixels.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image

from atelier.common import command
from atelier.common.iterables import batched
from atelier.common.options import SCALE
from atelier.images.tensors import to_pixels, to_png, to_tensor
from atelier.masks.segformer import Segmenter, find_garments, load_segmenter
from atelier.metrics.clip import ClipScorer, directional, similarity
from atelier.metrics.leakage import change_map, right_garment
from atelier.metrics.pixel import mean_over, psnr, squared_error
from atelier.models.base import decode_latents, encode_images
from atelier.models.instruct_pix2pix import Editor, load_editor
from atelier.sampling.edit import edit_all
from atelier.synthetic import fashion
from atelier.text.instructions import RENDERED_COLOURS, RENDERED_PATTERNS, instruct
from pretrain.common.corpus import SLOTS
from pretrain.common.options import input_option, threads_option
from pretrain.editor.corpus import spill

SHOWN = 40  # images on a sheet
CHOICES = {"colour": RENDERED_COLOURS, "pattern": RENDERED_PATTERNS}


def held_out_scenes(count: int) -> list[fashion.Scene]:
    """Sample scenes from a seed of their own, studio and street in turn, held-out fabrics among them."""
    generators = [np.random.default_rng([99, index]) for index in range(count)]
    return [fashion.sample_outfit(rng, ("studio", "street")[i % 2], held_out=True) for i, rng in enumerate(generators)]


def draw_change(rng: np.random.Generator, scene: fashion.Scene, factor: str) -> tuple[str, str]:
    """Choose one garment, by its slot, and another colour or pattern for it."""
    slot = list(scene.garments)[int(rng.integers(len(scene.garments)))]
    worn = getattr(scene.garments[slot], factor)
    return slot, str(rng.choice([value for value in CHOICES[factor] if value != worn]))


def lay_in_grid(pictures: np.ndarray, columns: int, zoom: int = 2) -> Image.Image:
    """Arrange images uint8 (N, H, W, 3) row by row, enlarged without smoothing."""
    rows = [np.concatenate(list(row), 1) for row in batched(pictures, columns)]
    sheet = Image.fromarray(np.concatenate(rows, 0))
    return sheet.resize((sheet.width * zoom, sheet.height * zoom), Image.Resampling.NEAREST)


def interleave(*series: np.ndarray) -> np.ndarray:
    """Interleave the first SHOWN images of each series, uint8 (B, H, W, 3): one of each, then the next of each."""
    stacked = np.stack([pictures[:SHOWN] for pictures in series], 1)
    return stacked.reshape(-1, *stacked.shape[2:])


def as_tensor(masks: Sequence[np.ndarray]) -> torch.Tensor:
    """Stack bool masks (H, W) to float32 (B, 1, H, W)."""
    return torch.from_numpy(np.stack(masks)).float()[:, None]


def evaluate_autoencoder(editor: Editor, scenes: list[fashion.Scene], size: int, sheet: Path) -> dict[str, float]:
    """Return the reconstruction's PSNR in dB, over the whole image and inside the garments."""
    rendered = [fashion.render(scene, size) for scene in scenes]
    pictures = to_tensor([one.image for one in rendered])
    latents = [encode_images(editor, part) * editor.scaling_factor for part in pictures.split(32)]
    decoded = torch.cat([decode_latents(editor, part) for part in latents])
    worn = as_tensor([np.any([one.masks[slot] for slot in SLOTS if slot in one.masks], 0) for one in rendered])
    lay_in_grid(interleave(to_pixels(pictures), to_pixels(decoded)), columns=16).save(sheet)
    return {
        "psnr": psnr(squared_error(pictures, decoded)).mean().item(),
        "psnr_inside_garments": psnr(mean_over((pictures - decoded).square(), worn)).mean().item(),
    }


def evaluate_naming(scorer: ClipScorer, scenes: list[fashion.Scene], size: int) -> dict[str, float]:
    """Return how often CLIP picks an image's own caption among those that differ in one word."""
    hits: dict[str, list[bool]] = {}
    for scene in scenes:
        image = scorer.image_features(to_tensor([fashion.render(scene, size).image]))
        for slot, garment in scene.worn:
            for field, choices in {**CHOICES, "kind": SLOTS[slot]}.items():
                if len(choices) == 1:
                    continue  # a dress is the only garment of its slot
                dressed = [replace(garment, **{field: choice}) for choice in choices]
                worn = [tuple((scene.garments | {slot: other}).items()) for other in dressed]
                captions = [fashion.describe_scene(replace(scene, worn=garments)) for garments in worn]
                best = int((image @ scorer.text_features(captions).T).argmax())
                right = choices[best] == getattr(garment, field)
                name = "garment" if field == "kind" else field
                hits.setdefault(f"{name}_accuracy", []).append(right)
                if field == "kind" and slot == "upper":  # from behind, tops are hard to distinguish
                    hits.setdefault(f"top_accuracy_{scene.pose.view}", []).append(right)
    return {name: float(np.mean(found)) for name, found in hits.items()}


def wrong_edits(scene: fashion.Scene, slot: str, factor: str, value: str, size: int) -> dict[str, np.ndarray]:
    """Render the exact edit and wrong ones: images uint8 (H, W, 3) by name, "exact" first.

    "wrong_garment" is missing if there is no other garment or it already looks as requested.
    """
    exact, layout = fashion.edit(scene, slot, **{factor: value}), fashion.lay_out(scene, size)
    rng = np.random.default_rng([98, scene.folds])
    seen = (scene.garments[slot].pattern, exact.garments[slot].pattern)
    other = str(rng.choice([pattern for pattern in RENDERED_PATTERNS if pattern not in seen]))
    target = fashion.paint(exact, layout)
    pictures = {
        "exact": target,
        "wrong_pattern": fashion.paint(fashion.edit(exact, slot, pattern=other), layout),
        "flooded": spill(target, exact, layout, slot, rng),
    }
    for rest in set(scene.garments) - {slot}:
        there = fashion.edit(scene, rest, **{factor: value})
        if there != scene:
            pictures["wrong_garment"] = fashion.paint(there, layout)
    return pictures


def evaluate_ranking(scorer: ClipScorer, scenes: list[fashion.Scene], size: int) -> dict[str, float]:
    """Return how often the exact target scores above a wrong garment, a wrong pattern and a flooded image."""
    wins: dict[str, list[float]] = {}
    for index, scene in enumerate(scenes):
        factor = list(CHOICES)[index % 2]
        slot, value = draw_change(np.random.default_rng([98, index]), scene, factor)
        pictures = wrong_edits(scene, slot, factor, value, size)
        source, *edited = scorer.image_features(to_tensor([fashion.render(scene, size).image, *pictures.values()]))
        captions = [fashion.describe_scene(scene), fashion.describe_scene(fashion.edit(scene, slot, **{factor: value}))]
        before, after = scorer.text_features(captions)
        for name, feature in zip(pictures, edited, strict=True):
            direction = directional(*(f[None] for f in (source, feature, before, after))).item()
            plain = similarity(feature, after).item()
            if name == "exact":
                exact_direction, exact_plain = direction, plain
                wins.setdefault("exact_direction", []).append(direction)
            else:
                wins.setdefault(f"direction_above_{name}", []).append(exact_direction > direction)
                wins.setdefault(f"similarity_above_{name}", []).append(exact_plain > plain)
    return {name: float(np.mean(values)) for name, values in wins.items()}


@dataclass(frozen=True)
class HeldOutEdit:
    """An edit that no model was trained on, with its exact target."""

    source: np.ndarray  # uint8 (H, W, 3), and so is target
    target: np.ndarray
    instruction: str
    named: np.ndarray  # bool (H, W): the garment that the instruction names
    other: np.ndarray  # bool (H, W): the other garment, empty where there is none


def draw_edit(scene: fashion.Scene, index: int, size: int) -> HeldOutEdit:
    """Draw one edit of a scene: a colour for an even index, a pattern for an odd one."""
    factor = list(CHOICES)[index % 2]
    slot, value = draw_change(np.random.default_rng([97, index]), scene, factor)
    layout = fashion.lay_out(scene, size)
    rest = [layout.masks[other] for other in scene.garments if other != slot]
    return HeldOutEdit(
        source=fashion.paint(scene, layout),
        target=fashion.paint(fashion.edit(scene, slot, **{factor: value}), layout),
        instruction=instruct(random.Random(index), scene.garments[slot].kind, **{factor: value}),
        named=layout.masks[slot],
        other=np.any(rest, 0) if rest else np.zeros((size, size), bool),
    )


def evaluate_edits(editor: Editor, edits: list[HeldOutEdit], sheet: Path, **sampling: float) -> dict[str, float]:
    """Compare edits with their exact targets; changes are in grey levels (0 to 255) per pixel."""
    pngs, texts = [to_png(one.source) for one in edits], [one.instruction for one in edits]
    edited = np.stack(list(edit_all(editor, pngs, texts, list(range(len(edits))), batch_size=32, **sampling)))
    sources, targets = np.stack([one.source for one in edits]), np.stack([one.target for one in edits])
    lay_in_grid(interleave(sources, targets, edited), columns=12).save(sheet)
    source, exact, result = (to_tensor(pictures) for pictures in (sources, targets, edited))
    named, other = as_tensor([one.named for one in edits]), as_tensor([one.other for one in edits])
    change = change_map(source, result)
    return {
        "change_inside": 255 * mean_over(change, named).nanmean().item(),
        "change_outside": 255 * mean_over(change, 1 - named).nanmean().item(),
        "right_garment": right_garment(change, named, other).nanmean().item(),
        "psnr_to_exact": psnr(squared_error(exact, result)).mean().item(),
        "psnr_of_copy": psnr(squared_error(exact, source)).mean().item(),
    }


def evaluate_segmenter(segmenter: Segmenter, scenes: list[fashion.Scene], size: int) -> dict[str, float]:
    """Return the intersection over union of predicted and exact garments, per slot, over all images."""
    samples = []
    for scene in scenes:
        rendered = fashion.render(scene, size)
        samples += [(rendered.image, garment.kind, slot, rendered.masks[slot]) for slot, garment in scene.worn]
    pictures, kinds, slots, exact = (np.array(column) for column in zip(*samples, strict=True))
    found = np.stack(find_garments(segmenter, pictures, list(kinds)))
    of_slot = {slot: slots == slot for slot in SLOTS}
    both = {slot: (found & exact)[rows].sum() for slot, rows in of_slot.items()}
    either = {slot: (found | exact)[rows].sum() for slot, rows in of_slot.items()}
    return {f"iou_{slot}": float(both[slot] / either[slot]) for slot in SLOTS}


@command.stage
@input_option("base", "Folder of the models.")
@command.path_option("images", "Folder for the sheets.")
@command.path_option("report", "JSON of the results.")
@click.option("--scenes", type=click.IntRange(SHOWN, 1_000_000), default=400, help="Held-out scenes.")
@click.option("--steps", type=click.IntRange(1, 1000), default=2, help="Sampling steps of an edit.")
@click.option("--guidance-text", type=SCALE, default=1.2, help="Guidance scale of the text.")
@click.option("--guidance-image", type=SCALE, default=1.0, help="Guidance scale of the image.")
@threads_option
def main(
    base: Path, images: Path, report: Path, scenes: int, steps: int, guidance_text: float, guidance_image: float
) -> None:
    """Evaluate the models and write the report and the sheets."""
    images.mkdir(parents=True, exist_ok=True)
    drawn = held_out_scenes(scenes)
    editor = load_editor(base / "editor", device="cpu")
    scorer = ClipScorer.load(str(base / "clip"), "cpu")
    segmenter = load_segmenter(str(base / "segmenter"), torch.device("cpu"))
    size = editor.unet.config.sample_size * editor.latent_stride
    edits = [draw_edit(scene, index, size) for index, scene in enumerate(drawn[:160])]
    sampling = {"steps": steps, "guidance_text": guidance_text, "guidance_image": guidance_image}
    found = {
        "autoencoder": evaluate_autoencoder(editor, drawn[:200], size, images / "base-reconstructions.png"),
        "scoring": evaluate_naming(scorer, drawn, size) | evaluate_ranking(scorer, drawn, size),
        "segmenter": evaluate_segmenter(segmenter, drawn[:200], size),
        "editor": evaluate_edits(editor, edits, images / "base-edits.png", **sampling),
    }
    rounded = {part: {name: round(value, 4) for name, value in values.items()} for part, values in found.items()}
    text = json.dumps(rounded, indent=2) + "\n"
    report.write_text(text)
    click.echo(text, nl=False)


if __name__ == "__main__":
    main()
