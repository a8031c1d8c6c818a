"""What the text-to-image base and its CLIP can do, on held-out captions.

    python -m pretrain.sd.evaluate --corpus pretrain/sd/corpus --base pretrain/sd/base \
        --picture docs/models/images/painter.png --report pretrain/sd/metrics.json
"""

import json
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image

from atelier.images.contact_sheet import SheetRow, contact_sheet
from atelier.images.tensors import to_pixels, to_tensor
from atelier.metrics.clip import ClipScorer
from atelier.models.base import decode_latents, to_latents
from atelier.models.loading import load_model
from atelier.sampling.text_to_image import generate
from atelier.synthetic.products import COLOURS
from pretrain.sd.corpus import read

SAMPLING = {"steps": 8, "guidance": 3.0}
COUNT, SHOWN = 240, 10


def name_colours(clip: ClipScorer, pictures: torch.Tensor, shots: list[dict]) -> float:
    """Share of pictures (B, 3, H, W) whose caption's colour CLIP prefers to the nine others in its place."""
    features, hits = clip.image_features(pictures), []
    for feature, shot in zip(features, shots, strict=True):
        texts = clip.text_features([shot["prompt"].replace(shot["colour"], colour, 1) for colour in COLOURS])
        hits.append(COLOURS[int((texts @ feature).argmax())] == shot["colour"])
    return float(np.mean(hits))


@click.command()
@click.option("--corpus", "folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--base", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--picture", type=click.Path(path_type=Path), required=True)
@click.option("--report", type=click.Path(path_type=Path), required=True)
def main(folder: Path, base: Path, picture: Path, report: Path) -> None:
    """Paint held-out captions, and see what CLIP makes of the pictures and of photographs."""
    images, shots, trained = read(folder)
    held = [i for i in range(trained, len(shots)) if shots[i]["colour"]][:COUNT]
    model, clip = load_model(base / "painter"), ClipScorer.load(str(base / "painter-clip"))
    photographs, chosen = to_tensor(images[held]), [shots[i] for i in held]
    again = torch.cat([decode_latents(model, to_latents(model, part)) for part in photographs.split(32)])
    painted = generate(model, [shot["prompt"] for shot in chosen], held, **SAMPLING, batch_size=16)
    errors = (again - photographs).square().mean((1, 2, 3))
    texts = clip.text_features([shot["prompt"] for shot in chosen])
    found = {
        "captions": len(held),
        "autoencoder_psnr_db": float((-10 * errors.log10()).mean()),
        "colour_named_photographs": name_colours(clip, photographs, chosen),
        "colour_named_painted": name_colours(clip, painted, chosen),
        "clip_similarity_photographs": float((clip.image_features(photographs) * texts).sum(-1).mean()),
        "clip_similarity_painted": float((clip.image_features(painted) * texts).sum(-1).mean()),
    }
    report.write_text(json.dumps({key: round(value, 4) for key, value in found.items()}, indent=2) + "\n")
    pixels = to_pixels(painted)
    encoded = to_pixels(again)
    rows = [SheetRow([shots[i]["prompt"]], [images[i], encoded[n], pixels[n]]) for n, i in enumerate(held[:SHOWN])]
    Image.fromarray(contact_sheet(["photograph", "encoded, decoded", "painted"], rows)).save(picture)
    click.echo(json.dumps(found))


if __name__ == "__main__":
    main()
