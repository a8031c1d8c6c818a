"""Render images with the logo and the detector's labelled sets; measure how well OCR reads them. Run by DVC."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from atelier.common import command
from atelier.common.errors import UserError
from atelier.common.files import atomic_write, write_json
from atelier.common.threads import set_threads
from atelier.config import read_sections
from atelier.images.tensors import to_pixels, to_png, to_tensor
from atelier.metrics.ocr import Reader
from atelier.models.base import decode_latents, to_latents
from atelier.models.loading import load_model
from atelier.models.text_to_image import TextToImage
from atelier.synthetic.products import Shot, bad_logo_shots, logo_shots
from studies.logo.config import Study, TrainingImages
from studies.logo.detector_data import BAD_KINDS, good_shots, write_labelled


def reconstruct(model: TextToImage, shots: Sequence[Shot]) -> list[Shot]:
    """Encode and decode the shots by the model's autoencoder: an upper bound for what it generates."""
    pictures = to_pixels(decode_latents(model, to_latents(model, to_tensor([shot.pixels for shot in shots]))))
    return [replace(shot, pixels=pixels) for shot, pixels in zip(shots, pictures, strict=True)]


def write_shots(folder: Path, shots: Sequence[Shot]) -> None:
    """Write images, and metadata.jsonl with their prompts, as `concept.dataset.read_folder` reads them."""
    with atomic_write(folder) as partial:
        partial.mkdir()
        lines = []
        for number, shot in enumerate(shots):
            name = f"{number:03d}.png"
            (partial / name).write_bytes(to_png(shot.pixels))
            lines.append(json.dumps({"file_name": name, "prompt": shot.prompt}) + "\n")
        (partial / "metadata.jsonl").write_text("".join(lines), encoding="utf-8")


def label_shots(
    model: TextToImage, reconstructed: float, good: int, bad: int, seed: int
) -> tuple[list[Shot], list[str]]:
    """Render good and bad shots with their kinds; reconstruct the given share of them, evenly spread."""
    size = model.size
    shots = good_shots(good, seed, size) + bad_logo_shots(bad, seed, size)
    kinds = ["logo"] * good + [BAD_KINDS[number % len(BAD_KINDS)] for number in range(bad)]
    every = [n for n in range(len(shots)) if int((n + 1) * reconstructed) > int(n * reconstructed)]
    for n, shot in zip(every, reconstruct(model, [shots[n] for n in every]) if every else [], strict=True):
        shots[n] = shot
    return shots, kinds


def share_read(reader: Reader, shots: Sequence[Shot], word: str) -> float:
    """Return the share of the shots in which OCR reads the word."""
    return reader.reads(to_tensor([shot.pixels for shot in shots]), word).float().mean().item()


def check(share: float, photographs: TrainingImages) -> None:
    """Raise UserError if OCR cannot read the training images: its score of a model would be meaningless."""
    if share < photographs.least_read:
        raise UserError(
            f"photographs: {photographs.word} is read in {share:.0%} of the training images; "
            f"least_read requires {photographs.least_read:.0%}: use larger images or a larger logo"
        )


@command.stage
@command.path_option("params", "The study's parameters.")
@command.path_option("photographs", "Folder for the training images.")
@command.path_option("held-out", "Folder for held-out images.")
@command.path_option("repainted", "Folder for the training images, encoded and decoded.")
@command.path_option("labelled", "Folder for the detector's train and held-out sets (safetensors).")
@command.path_option("report", "JSON of the shares that OCR reads.")
def main(
    params: Path, photographs: Path, held_out: Path, repainted: Path, labelled: Path, report: Path
) -> None:  # fmt: skip
    """Render the images, and check that OCR can read the logo in them."""
    study = read_sections(params, Study)
    set_threads(study.bases.threads)
    plan, model = study.photographs, load_model(study.bases.painter, study.bases.dtype, study.bases.device)
    size, reader = model.size, Reader()
    shots, others = (logo_shots(count, seed, size, plan.token) for count, seed in
                     ((plan.count, plan.seed), (plan.held_out, plan.seed + 1)))  # fmt: skip
    folders = {photographs: shots, held_out: others, repainted: reconstruct(model, shots)}
    shares = {folder.name: share_read(reader, own, plan.word) for folder, own in folders.items()}
    check(shares[photographs.name], plan)
    for folder, own in folders.items():
        write_shots(folder, own)
    own = study.labelled
    sets = {"train": (own.good, own.bad, own.seed), "held_out": (own.held_out, own.held_out, own.seed + 1)}
    with atomic_write(labelled) as folder:
        folder.mkdir()
        for name, (good, bad, seed) in sets.items():
            write_labelled(folder / f"{name}.safetensors", *label_shots(model, own.repainted, good, bad, seed))
    write_json(report, {"size": size, "photographs": len(shots), "share_read": shares})
    click.echo(", ".join(f"{name}: {share:.0%} read" for name, share in shares.items()))


if __name__ == "__main__":
    main()
