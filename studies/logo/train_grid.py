"""Train and score one combination of the paper's grid of 125, one experiment of a queue. Run by DVC."""

from pathlib import Path

import click

from atelier.common import command
from atelier.common.files import write_json
from atelier.common.threads import set_threads
from atelier.config import read_sections
from studies.logo.config import Queued, Run, Study
from studies.logo.metrics import ScorerPaths, load_scorers, score_images
from studies.logo.runs import Setup, train_run

KEPT = ("confidence", "od", "ocr", "letters", "colour_right", "colour_chance", "memorisation")


@command.stage
@command.path_option("params", "The study's parameters.")
@command.path_option("grid", "The combination (YAML).")
@command.path_option("photographs", "Folder of the training images.")
@command.path_option("detector", "Folder of the detector.")
@command.path_option("out", "JSON of its settings, and its mean scores by epoch.")
def main(params: Path, grid: Path, photographs: Path, detector: Path, out: Path) -> None:
    """Train LoRA with the learning rates and rank of section `grid`, and score the samples of every sampled epoch."""
    study = read_sections(params, Study)
    set_threads(study.bases.threads)
    chosen = read_sections(grid, Queued).grid
    run = Run(method="lora", lr=chosen.unet_lr, text_lr=chosen.text_lr, rank=chosen.rank)
    setup = Setup(
        study.bases, study.teaching, study.factors, study.sampling, study.photographs.token, photographs, params
    )  # fmt: skip
    with train_run(run, setup, "grid") as result:
        size = next(iter(result.pictures.values())).shape[1]
        paths = ScorerPaths(study.bases.clip, study.photographs, study.detecting, detector, photographs, size)
        scorers = load_scorers(paths)
        epochs = {}
        for epoch, pixels in result.pictures.items():
            means = score_images(pixels.numpy(), scorers)[list(KEPT)].mean()
            epochs[f"epoch_{epoch:03d}"] = {name: round(float(value), 4) for name, value in means.items()}
        best = max(epochs.values(), key=lambda one: one["od"] + one["ocr"])
        write_json(out, {"settings": chosen.model_dump(), "best": best, "epochs": epochs})
        click.echo(f"{chosen}: detector {best['od']:.3f}, reader {best['ocr']:.3f}")


if __name__ == "__main__":
    main()
