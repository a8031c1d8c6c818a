"""One combination of the paper's grid of 125, trained and scored: what a queue of experiments runs. Run by DVC."""

from pathlib import Path

import click

from atelier.common import command
from atelier.common.files import write_json
from atelier.common.threads import set_threads
from studies.logo.config import Run, read_grid, read_study
from studies.logo.metrics import Case, measure, open_instruments
from studies.logo.runs import Course, learn

KEPT = ("confidence", "od", "ocr", "letters", "colour_right", "colour_chance", "memorisation")


@command.stage
@command.path_option("params", "The study's parameters.")
@command.path_option("grid", "The combination (YAML).")
@command.path_option("photographs", "Folder of the training photographs.")
@command.path_option("detector", "Folder of the detector.")
@command.path_option("out", "JSON of its settings, and its mean scores by epoch.")
def main(params: Path, grid: Path, photographs: Path, detector: Path, out: Path) -> None:
    """Teach by LoRA at the section `grid`'s rates and rank, and score the samples of every sampled epoch."""
    study = read_study(params)
    set_threads(study.bases.threads)
    chosen = read_grid(grid)
    run = Run(method="lora", lr=chosen.unet_lr, text_lr=chosen.text_lr, rank=chosen.rank)
    course = Course(
        study.bases, study.teaching, study.factors, study.sampling, study.photographs.token, photographs, params
    )  # fmt: skip
    lesson = learn(run, course, "grid")
    size = next(iter(lesson.pictures.values())).shape[1]
    case = Case(study.bases.clip, study.photographs, study.detecting, detector, photographs, size)
    tools = open_instruments(case)
    epochs = {}
    for epoch, pixels in lesson.pictures.items():
        means = measure(pixels.numpy(), tools)[list(KEPT)].mean()
        epochs[f"epoch_{epoch:03d}"] = {name: round(float(value), 4) for name, value in means.items()}
    best = max(epochs.values(), key=lambda one: one["od"] + one["ocr"])
    write_json(out, {"settings": chosen.model_dump(), "best": best, "epochs": epochs})
    click.echo(f"{chosen}: detector {best['od']:.3f}, reader {best['ocr']:.3f}")


if __name__ == "__main__":
    main()
