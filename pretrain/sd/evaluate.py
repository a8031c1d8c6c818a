"""Evaluate the text-to-image model and its CLIP on held-out captions.

    python -m pretrain.sd.evaluate --corpus pretrain/sd/corpus --base pretrain/sd/base \
        --image docs/models/images/painter.png --report pretrain/sd/metrics.json
"""

import json
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image

from atelier.common import command
from atelier.images.contact_sheet import SheetRow, contact_sheet
from atelier.images.tensors import to_pixels, to_tensor
from atelier.metrics.clip import ClipScorer
from atelier.models.base import decode_latents, to_latents
from atelier.models.loading import load_model
from atelier.sampling.text_to_image import generate
from atelier.synthetic.products import COLOURS
from pretrain.common.corpus import read_shots
from pretrain.common.options import input_option, threads_option

SAMPLING = {"steps": 8, "guidance": 3.0}
COUNT, SHOWN = 240, 10


def name_colours(clip: ClipScorer, images: torch.Tensor, shots: list[dict]) -> float:
    """Return the share of images (B, 3, H, W) for which CLIP prefers the caption's colour to the nine others."""
    features, hits = clip.image_features(images), []
    for feature, shot in zip(features, shots, strict=True):
        texts = clip.text_features([shot["prompt"].replace(shot["colour"], colour, 1) for colour in COLOURS])
        hits.append(COLOURS[int((texts @ feature).argmax())] == shot["colour"])
    return float(np.mean(hits))


@command.stage
@input_option("corpus", "Folder of the products' corpus.")
@input_option("base", "Folder of the models.")
@command.path_option("image", "PNG file for the sheet.")
@command.path_option("report", "JSON of the results.")
@threads_option
def main(corpus: Path, base: Path, image: Path, report: Path) -> None:
    """Generate from held-out captions, and compare CLIP's scores of generated and rendered images."""
    images, shots, trained = read_shots(corpus)
    held = [i for i in range(trained, len(shots)) if shots[i]["colour"]][:COUNT]
    model, clip = load_model(base / "painter"), ClipScorer.load(str(base / "painter-clip"))
    rendered, chosen = to_tensor(images[held]), [shots[i] for i in held]
    again = torch.cat([decode_latents(model, to_latents(model, part)) for part in rendered.split(32)])
    generated = generate(model, [shot["prompt"] for shot in chosen], held, **SAMPLING, batch_size=16)
    errors = (again - rendered).square().mean((1, 2, 3))
    texts = clip.text_features([shot["prompt"] for shot in chosen])
    found = {
        "captions": len(held),
        "autoencoder_psnr_db": float((-10 * errors.log10()).mean()),
        "colour_named_photographs": name_colours(clip, rendered, chosen),
        "colour_named_painted": name_colours(clip, generated, chosen),
        "clip_similarity_photographs": float((clip.image_features(rendered) * texts).sum(-1).mean()),
        "clip_similarity_painted": float((clip.image_features(generated) * texts).sum(-1).mean()),
    }
    report.write_text(json.dumps({key: round(value, 4) for key, value in found.items()}, indent=2) + "\n")
    pixels, encoded = to_pixels(generated), to_pixels(again)
    rows = [SheetRow([shots[i]["prompt"]], [images[i], encoded[n], pixels[n]]) for n, i in enumerate(held[:SHOWN])]
    Image.fromarray(contact_sheet(["photograph", "encoded, decoded", "painted"], rows)).save(image)
    click.echo(json.dumps(found))


if __name__ == "__main__":
    main()
