"""The photographs that carry the logo, as a folder; the detector's labelled sets; what a reader reads. Run by DVC."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from atelier.common import command
from atelier.common.errors import UserError
from atelier.common.files import atomic_write, write_json
from atelier.common.threads import set_threads
from atelier.images.tensors import to_pixels, to_png, to_tensor
from atelier.metrics.ocr import Reader
from atelier.models.base import decode_latents, to_latents
from atelier.models.loading import load_model
from atelier.models.text_to_image import TextToImage
from atelier.synthetic.products import Shot, bad_logo_shots, logo_shots
from studies.logo.config import Photographs, read_study
from studies.logo.detector_data import BAD_KINDS, good_shots, write_labelled


def repaint(model: TextToImage, shots: Sequence[Shot]) -> list[Shot]:
    """The same shots through the painter's autoencoder: as good as anything that it paints can be."""
    pictures = to_pixels(decode_latents(model, to_latents(model, to_tensor([shot.pixels for shot in shots]))))
    return [replace(shot, pixels=pixels) for shot, pixels in zip(shots, pictures, strict=True)]


def write_photographs(folder: Path, shots: Sequence[Shot]) -> None:
    """A folder as `atelier.training.concept.read_folder` takes it: pictures, and metadata.jsonl with their prompts."""
    with atomic_write(folder) as partial:
        partial.mkdir()
        lines = []
        for number, shot in enumerate(shots):
            name = f"{number:03d}.png"
            (partial / name).write_bytes(to_png(shot.pixels))
            lines.append(json.dumps({"file_name": name, "prompt": shot.prompt}) + "\n")
        (partial / "metadata.jsonl").write_text("".join(lines), encoding="utf-8")


def label(model: TextToImage, repainted: float, good: int, bad: int, seed: int) -> tuple[list[Shot], list[str]]:
    """Good and bad shots with their kinds; the given share of them, evenly spread, is repainted."""
    size = model.size
    shots = good_shots(good, seed, size) + bad_logo_shots(bad, seed, size)
    kinds = ["logo"] * good + [BAD_KINDS[number % len(BAD_KINDS)] for number in range(bad)]
    every = [n for n in range(len(shots)) if int((n + 1) * repainted) > int(n * repainted)]
    for n, shot in zip(every, repaint(model, [shots[n] for n in every]) if every else [], strict=True):
        shots[n] = shot
    return shots, kinds


def share_read(reader: Reader, shots: Sequence[Shot], word: str) -> float:
    """Share of the shots in which the word is read."""
    return reader.reads(to_tensor([shot.pixels for shot in shots]), word).float().mean().item()


def check(share: float, photographs: Photographs) -> None:
    """Raise UserError if the reader can't read the training pictures: then its score would say nothing of a model."""
    if share < photographs.least_read:
        raise UserError(
            f"photographs: {photographs.word} is read in {share:.0%} of the training pictures; "
            f"least_read asks for {photographs.least_read:.0%}: larger pictures, or a larger logo"
        )


@command.stage
@command.path_option("params", "The study's parameters.")
@command.path_option("photographs", "Folder for the training photographs.")
@command.path_option("held-out", "Folder for others like them.")
@command.path_option("repainted", "Folder for the training photographs through the painter's autoencoder.")
@command.path_option("labelled", "Folder for the detector's train and held-out sets (safetensors).")
@command.path_option("report", "JSON of what the reader reads.")
def main(
    params: Path, photographs: Path, held_out: Path, repainted: Path, labelled: Path, report: Path
) -> None:  # fmt: skip
    """Render the pictures, and see whether the logo can be read in them."""
    study = read_study(params)
    set_threads(study.bases.threads)
    plan, model = study.photographs, load_model(study.bases.painter, study.bases.dtype, study.bases.device)
    size, reader = model.size, Reader()
    shots, others = (logo_shots(count, seed, size, plan.token) for count, seed in
                     ((plan.count, plan.seed), (plan.held_out, plan.seed + 1)))  # fmt: skip
    folders = {photographs: shots, held_out: others, repainted: repaint(model, shots)}
    shares = {folder.name: share_read(reader, own, plan.word) for folder, own in folders.items()}
    check(shares[photographs.name], plan)
    for folder, own in folders.items():
        write_photographs(folder, own)
    own = study.labelled
    sets = {"train": (own.good, own.bad, own.seed), "held_out": (own.held_out, own.held_out, own.seed + 1)}
    with atomic_write(labelled) as folder:
        folder.mkdir()
        for name, (good, bad, seed) in sets.items():
            write_labelled(folder / f"{name}.safetensors", *label(model, own.repainted, good, bad, seed))
    write_json(report, {"size": size, "photographs": len(shots), "share_read": shares})
    click.echo(", ".join(f"{name}: {share:.0%} read" for name, share in shares.items()))


if __name__ == "__main__":
    main()
