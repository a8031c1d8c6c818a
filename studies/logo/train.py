"""One run of the plan: train the base model on the logo, and write its samples. Run by DVC.

The weights are not kept: the images are scored, and a run can be repeated.
"""

import json
import time
from pathlib import Path

import click

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.common.options import Number
from atelier.common.tensor_files import write_tensors
from atelier.common.threads import set_threads
from atelier.config import check_section, read_sections
from studies.logo.config import Run, Study
from studies.logo.results import FACTS, PICTURES
from studies.logo.runs import Setup, train_run


@command.stage
@command.path_option("params", "The study's parameters.")
@click.option("--method", type=click.Choice(["base", "dreambooth", "textual_inversion", "lora"]), required=True)
@click.option("--lr", type=Number(0, 100), default=0.0, help="The paper's learning rate (lora: of the UNet).")
@click.option("--text-lr", type=Number(0, 100), default=0.0, help="That of the text encoder (lora).")
@click.option("--rank", type=click.IntRange(1, 4096), default=1, help="Rank of the adapters (lora).")
@command.path_option("photographs", "Folder of the training images.")
@command.path_option("out", "Folder for pictures.safetensors and facts.json.")
def main(params: Path, method: str, lr: float, text_lr: float, rank: int, photographs: Path, out: Path) -> None:
    """Train the logo by one method with one setting; sample the six prompts every few epochs."""
    study = read_sections(params, Study)
    set_threads(study.bases.threads)
    run = check_section(Run, {"method": method, "lr": lr, "text_lr": text_lr, "rank": rank}, "options")
    began = time.monotonic()
    setup = Setup(
        study.bases, study.teaching, study.factors, study.sampling, study.photographs.token, photographs, params
    )  # fmt: skip
    with train_run(run, setup, out.name) as result:
        facts = run.model_dump() | {"trained_parameters": result.trained_parameters}
        facts |= {"loss": {f"epoch_{n}": loss for n, loss in enumerate(result.losses, 1)}}
        with atomic_write(out) as folder:
            folder.mkdir()
            write_tensors(folder / PICTURES, {f"{epoch:03d}": seen for epoch, seen in result.pictures.items()})
            (folder / FACTS).write_text(json.dumps(facts, indent=2) + "\n")
        click.echo(
            f"{out.name}: sampled after {', '.join(map(str, result.pictures))} epochs, {time.monotonic() - began:.0f} s"
        )


if __name__ == "__main__":
    main()
