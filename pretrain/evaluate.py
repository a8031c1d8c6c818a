"""Evaluate the photographic editor, its autoencoder, CLIP and segmenter on outfits that none of them was trained on.

    python -m pretrain.evaluate --base models/base/photographs --images docs/models/images --report …

Writes sheets of the first forty reconstructions and edits that a fixed seed draws, not selected. The wrong pictures
that the CLIP has to rank below the exact target are made here; it was trained on none of their kind.
"""

import json
import random
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch

from atelier.common import command
from atelier.common.files import write_json
from atelier.common.options import SCALE
from atelier.images.tensors import to_pixels, to_tensor
from atelier.metrics.clip import ClipScorer, directional, similarity
from atelier.metrics.pixel import mean_over, psnr, squared_error
from atelier.models.base import decode_latents, encode_images
from atelier.models.instruct_pix2pix import Editor, load_editor
from atelier.text.instructions import RENDERED_COLOURS, RENDERED_PATTERNS, correct_articles, instruct
from atelier.world import Scene, describe_scene, edit, lay_out, paint, render, sample_outfit
from atelier.world.fabrics import CLOTH_RGB, PATTERNS
from pretrain.common.options import input_option, threads_option
from pretrain.editor.evaluate import HeldOutEdit, as_tensor, evaluate_edits, interleave, lay_in_grid

SHOWN = 40  # scenes whose reconstructions and edits are shown
CHOICES = {"colour": RENDERED_COLOURS, "pattern": RENDERED_PATTERNS}  # of edits
NAMED = {"colour": tuple(CLOTH_RGB), "pattern": PATTERNS}  # that a caption chooses among
TOPS, LOWER = ("t-shirt", "shirt", "blouse", "tank top", "sweater"), ("trousers", "shorts", "skirt")
KINDS_OF = {"upper": (*TOPS, "jacket"), "inner": TOPS, "lower": LOWER}  # a dress is the only garment of its slot
FLOOD = 0.5  # weight of the new colour in what is flooded


def held_out_scenes(count: int) -> list[Scene]:
    """Sample scenes of the studies' outfits from a seed of their own, studio and street in turn."""
    generators = [np.random.default_rng([99, index]) for index in range(count)]
    return [
        sample_outfit(rng, ("studio", "street")[index % 2], held_out=True, part="study")
        for index, rng in enumerate(generators)
    ]


def draw_change(rng: np.random.Generator, scene: Scene, factor: str) -> tuple[str, str]:
    """Choose one garment, by its slot, and another colour or print for it."""
    slot = scene.item if rng.random() < 0.7 else list(scene.garments)[int(rng.integers(len(scene.garments)))]
    worn = getattr(scene.garments[slot], factor)
    return slot, str(rng.choice([value for value in CHOICES[factor] if value != worn]))


def evaluate_autoencoder(editor: Editor, scenes: list[Scene], size: int, sheet: Path) -> dict[str, float]:
    """Return the reconstruction's PSNR in dB, over the whole image and inside the garments."""
    rendered = [render(scene, size) for scene in scenes]
    pictures = to_tensor([one.image for one in rendered])
    latents = [encode_images(editor, part) * editor.scaling_factor for part in pictures.split(32)]
    decoded = torch.cat([decode_latents(editor, part) for part in latents])
    worn = as_tensor(
        [np.any([one.masks[slot] for slot in scene.garments], 0) for one, scene in zip(rendered, scenes, strict=True)]
    )
    lay_in_grid(interleave(to_pixels(pictures), to_pixels(decoded)), columns=16, zoom=1).save(sheet)
    return {
        "psnr": psnr(squared_error(pictures, decoded)).mean().item(),
        "psnr_inside_garments": psnr(mean_over((pictures - decoded).square(), worn)).nanmean().item(),
    }


def evaluate_naming(scorer: ClipScorer, scenes: list[Scene], size: int) -> dict[str, float]:
    """Return how often CLIP picks the own caption among those with another colour, print or kind of the item."""
    hits: dict[str, list[bool]] = {}
    for scene in scenes:
        image = scorer.image_features(to_tensor([render(scene, size).image]))
        garment = scene.garments[scene.item]
        for field, choices in {**NAMED, "name": KINDS_OF.get(scene.item, ())}.items():
            if len(choices) < 2:
                continue
            dressed = [replace(garment, **{field: choice}) for choice in choices]
            worn = [tuple((scene.garments | {scene.item: other}).items()) for other in dressed]
            captions = [describe_scene(replace(scene, worn=garments)) for garments in worn]
            best = int((image @ scorer.text_features(captions).T).argmax())
            right = choices[best] == ((garment.name or garment.kind) if field == "name" else getattr(garment, field))
            hits.setdefault({"name": "garment", "pattern": "print"}.get(field, field) + "_accuracy", []).append(right)
    return {name: float(np.mean(found)) for name, found in hits.items()}


def wrong_edits(scene: Scene, slot: str, factor: str, value: str, size: int) -> dict[str, np.ndarray]:
    """Render the exact edit and wrong ones: images uint8 (H, W, 3) by name, "exact" first.

    "wrong_garment" is missing if there is no other garment or it already looks as requested. What is flooded is all of
    the picture outside the garment, tinted with the garment's new colour.
    """
    exact, layout = edit(scene, slot, **{factor: value}), lay_out(scene, size)
    target, mask = paint(exact, layout), layout.masks[slot]
    seen = (scene.garments[slot].pattern, exact.garments[slot].pattern)
    other = next(pattern for pattern in RENDERED_PATTERNS[1:] if pattern not in seen)
    colour = np.array(CLOTH_RGB[exact.garments[slot].colour])
    tinted = (target * (1 - FLOOD) + colour * FLOOD + 0.5).astype(np.uint8)
    pictures = {
        "exact": target,
        "wrong_print": paint(edit(exact, slot, pattern=other), layout),
        "flooded": np.where(mask[..., None], target, tinted),
    }
    for rest in set(scene.garments) - {slot}:
        there = edit(scene, rest, **{factor: value})
        if there != scene:
            pictures["wrong_garment"] = paint(there, layout)
    return pictures


def evaluate_ranking(scorer: ClipScorer, scenes: list[Scene], size: int) -> dict[str, float]:
    """Return how often the exact target scores above a wrong garment, a wrong print and a flooded image."""
    wins: dict[str, list[float]] = {}
    for index, scene in enumerate(scenes):
        factor = list(CHOICES)[index % 2]
        slot, value = draw_change(np.random.default_rng([98, index]), scene, factor)
        pictures = wrong_edits(scene, slot, factor, value, size)
        source, *edited = scorer.image_features(to_tensor([render(scene, size).image, *pictures.values()]))
        before, after = scorer.text_features(
            [describe_scene(scene), describe_scene(edit(scene, slot, **{factor: value}))]
        )
        scores = {
            name: (directional(*(f[None] for f in (source, one, before, after))).item(), similarity(one, after).item())
            for name, one in zip(pictures, edited, strict=True)
        }
        wins.setdefault("exact_direction", []).append(scores["exact"][0])
        for name in set(scores) - {"exact"}:
            for place, kind in enumerate(("direction", "similarity")):
                wins.setdefault(f"{kind}_above_{name}", []).append(scores["exact"][place] > scores[name][place])
    return {name: float(np.mean(values)) for name, values in sorted(wins.items())}


def draw_edit(scene: Scene, index: int, size: int) -> HeldOutEdit:
    """Draw one edit of a scene: a colour for an even index, a print for an odd one."""
    factor = list(CHOICES)[index % 2]
    slot, value = draw_change(np.random.default_rng([97, index]), scene, factor)
    layout = lay_out(scene, size)
    rest = [layout.masks[other] for other in scene.garments if other != slot]
    said = instruct(random.Random(index), scene.garments[slot].kind, **{factor: value})
    return HeldOutEdit(
        source=paint(scene, layout),
        target=paint(edit(scene, slot, **{factor: value}), layout),
        instruction=correct_articles(said),
        named=layout.masks[slot],
        other=np.any(rest, 0) if rest else np.zeros((size, size), bool),
    )


@command.stage
@click.option("--scenes", type=click.IntRange(SHOWN, 1_000_000), default=400, help="Scenes to measure on.")
@click.option("--steps", type=click.IntRange(1, 1000), default=2, help="Sampling steps of the edits.")
@click.option("--scales", type=(SCALE, SCALE), default=(1.2, 1.0), help="Guidance scales of text and source.")
@command.path_option("report", "JSON for the results.")
@command.path_option("images", "Folder for the sheets of edits and reconstructions.")
@input_option("base", "Folder of editor, clip and segmenter.")
@threads_option
def main(base: Path, images: Path, report: Path, scenes: int, steps: int, scales: tuple[float, float]) -> None:
    """Measure the models, and write the report and the sheets."""
    images.mkdir(parents=True, exist_ok=True)
    drawn = held_out_scenes(scenes)
    editor = load_editor(base / "editor", device="cpu")
    scorer = ClipScorer.load(str(base / "clip"), "cpu")
    size = editor.unet.config.sample_size * editor.latent_stride
    edits = [draw_edit(scene, index, size) for index, scene in enumerate(drawn[:160])]
    sampling = {"steps": steps, "guidance_text": scales[0], "guidance_image": scales[1]}
    segmenter = json.loads((base / "segmenter" / "config.json").read_text(encoding="utf-8"))
    found = {
        "autoencoder": evaluate_autoencoder(editor, drawn[:200], size, images / "photograph-reconstructions.webp"),
        "scoring": evaluate_naming(scorer, drawn, size) | evaluate_ranking(scorer, drawn[:160], size),
        "segmenter": {name: scores["mean"] for name, scores in segmenter["overlaps"].items()},
        "editor": evaluate_edits(editor, edits, images / "photograph-edits.webp", **sampling),
    }
    for values in found.values():
        values.update({name: round(value, 4) for name, value in values.items()})
    write_json(report, found)
    click.echo(report.read_text(encoding="utf-8"), nl=False)


if __name__ == "__main__":
    main()
