"""One training, and the images that the trained model generates. Run by DVC (dvc.yaml beside it)."""

from pathlib import Path

import click

from atelier.common import command
from atelier.common.files import atomic_write, write_json
from atelier.common.threads import set_threads
from atelier.config import read_sections
from atelier.training.concept.methods import save
from studies.anomaly.config import Study
from studies.anomaly.rows import ARMS, open_base, training_rows
from studies.anomaly.sampling import generate_all, write_groups
from studies.common.train import train


@command.stage
@command.params_option
@click.option("--arm", type=click.Choice(ARMS), required=True, help="Without or with prior preservation.")
@command.path_option("pictures", "Folder of correct images.")
@command.path_option("out", "Folder for the adapters, the losses and the images.")
def main(params: Path, arm: str, pictures: Path, out: Path) -> None:
    """Train, save the adapters, and generate an image for every prompt."""
    chosen = read_sections(params, Study)
    set_threads(chosen.base.threads)
    base = open_base(chosen.base)
    rows = training_rows(base, pictures, arm, chosen.prior, chosen.painting)
    inputs = [pictures, chosen.base.model]
    with train(base, rows, chosen.teaching, inputs, name=arm) as trained, atomic_write(out) as folder:
        folder.mkdir()
        save(trained.model, chosen.teaching, folder / "adapters")
        write_groups(generate_all(trained.model, chosen.painting), folder / "painted.safetensors")
        losses = {f"epoch_{number:03d}": loss for number, loss in enumerate(trained.losses, start=1)}
        write_json(folder / "facts.json", {"rows": len(rows), "trained": trained.parameters, "loss": losses})
    click.echo(f"{arm}: {len(rows)} rows, loss {trained.losses[0]:.4f} → {trained.losses[-1]:.4f}")


if __name__ == "__main__":
    main()
