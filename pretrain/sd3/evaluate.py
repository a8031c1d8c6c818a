"""Evaluate the SD3 model, and how well deformity is detected, on images of other seeds.

    python -m pretrain.sd3.evaluate --corpus pretrain/sd3/corpus --base pretrain/sd3/base \
        --image docs/models/images/flow-painter.png --report pretrain/sd3/metrics.json
"""

import json
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image

from atelier.common import command
from atelier.common.rng import derive_seed
from atelier.images.contact_sheet import SheetRow, contact_sheet
from atelier.images.tensors import to_pixels, to_tensor
from atelier.metrics.anatomy import Proportions, faults_of, find_parts, learn_proportions
from atelier.models.base import decode_latents, to_latents
from atelier.models.loading import load_model
from atelier.models.text_to_image import TextToImage
from atelier.sampling.text_to_image import generate
from atelier.synthetic.poses import FAULTS, PARTS, POSES, UPRIGHT, Mannequin, sample_mannequin
from pretrain.common.corpus import read_shots
from pretrain.common.options import input_option, threads_option
from pretrain.sd3.text_encoders import T5_TOKENS

SEED, COUNT, SHOWN = 45, 100, 6  # COUNT images of each pose and of each fault
SAMPLING = {"steps": 16, "guidance": 1.5, "batch_size": 20}
KINDS = {"upright": UPRIGHT, "lying": ("lying",)}


def shots(purpose: str, poses: Sequence[str], fault: str = "") -> list[Mannequin]:
    """Render COUNT people in these poses in turn; `purpose` is part of the seed."""
    seeds = [derive_seed(SEED, purpose, *poses, fault, number) for number in range(COUNT)]
    return [sample_mannequin(seed, poses[number % len(poses)], fault=fault) for number, seed in enumerate(seeds)]


def decode_again(model: TextToImage, pictures: torch.Tensor) -> torch.Tensor:
    """Encode and decode images (N, 3, S, S) with the autoencoder."""
    return torch.cat([decode_latents(model, to_latents(model, part)) for part in pictures.split(32)])


def flagged(segmenter: str, pictures: torch.Tensor, proportions: Proportions) -> float:
    """Return the share of images (N, 3, S, S) with a fault."""
    return float(np.mean([bool(faults_of(parts, proportions)) for parts in find_parts(segmenter, pictures)]))


def evaluate_detection(model: TextToImage, segmenter: str) -> tuple[dict, dict[str, Proportions]]:
    """Return the shares of correct and deformed renders that are flagged, and the proportions used."""
    found, proportions = {}, {}
    for kind, poses in KINDS.items():
        pictures = to_tensor([one.pixels for one in shots("proportions", poses)])
        pictures[::2] = decode_again(model, pictures[::2])
        proportions[kind] = learn_proportions(list(find_parts(segmenter, pictures)))
        correct = shots("correct", poses)
        x = to_tensor([one.pixels for one in correct])
        parts = find_parts(segmenter, x)
        truth = np.stack([one.parts for one in correct])
        both = [((parts == i) & (truth == i)).sum() / ((parts == i) | (truth == i)).sum() for i in range(len(PARTS))]
        found[kind] = {
            "overlap": {name: float(value) for name, value in zip(PARTS, both, strict=True)},
            "flagged_correct": flagged(segmenter, x, proportions[kind]),
            "flagged_correct_decoded": flagged(segmenter, decode_again(model, x), proportions[kind]),
        }
        for fault in FAULTS:
            wrong = to_tensor([one.pixels for one in shots("wrong", poses, fault)])
            found[kind][f"flagged_{fault}"] = flagged(segmenter, wrong, proportions[kind])
    return found, proportions


def rounded(value: object) -> object:
    """Round nested numbers to four decimals."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return round(value, 4) if isinstance(value, float) else value


@command.stage
@input_option("corpus", "Folder of the corpus of poses.")
@input_option("base", "Folder of the models.")
@command.path_option("image", "PNG file for the sheet.")
@threads_option
@command.path_option("report", "JSON of the results.")
def main(corpus: Path, base: Path, image: Path, report: Path) -> None:
    """Evaluate, and draw a sheet: correct renders of each pose and images generated from their prompts."""
    images, _, trained = read_shots(corpus)
    model, segmenter = load_model(base / "flow-painter", t5_tokens=T5_TOKENS), str(base / "body-parts")
    held = to_tensor(images[trained:])
    errors = (decode_again(model, held) - held).square().mean((1, 2, 3))
    detection, proportions = evaluate_detection(model, segmenter)
    found = {"pictures": COUNT, "autoencoder_psnr_db": float((-10 * errors.log10()).mean()), "measure": detection}
    rows, found["deformed_painted"] = [], {}
    for pose in POSES:
        rendered = shots("painted", (pose,))
        generated = generate(model, [one.prompt for one in rendered], list(range(COUNT)), **SAMPLING)
        kind = "lying" if pose == "lying" else "upright"
        found["deformed_painted"][pose] = flagged(segmenter, generated, proportions[kind])
        rows.append(SheetRow([pose, "", "rendered"], [one.pixels for one in rendered[:SHOWN]]))
        rows.append(SheetRow([pose, "", "painted"], list(to_pixels(generated)[:SHOWN])))
    report.write_text(json.dumps(rounded(found), indent=2) + "\n")
    image.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(contact_sheet([str(number + 1) for number in range(SHOWN)], rows)).save(image)
    click.echo(json.dumps(found["deformed_painted"]))


if __name__ == "__main__":
    main()
