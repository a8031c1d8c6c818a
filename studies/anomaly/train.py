"""One training, and what the taught model paints. Run by DVC (dvc.yaml beside it)."""

from pathlib import Path

import click

from atelier.common import command

from studies.common.train import teach  # isort: skip (puts this checkout's src first)

from atelier.common.files import atomic_write, write_json
from atelier.common.threads import set_threads
from atelier.config import read_sections
from atelier.training.concept import save
from studies.anomaly.config import Study
from studies.anomaly.rows import ARMS, lesson, open_base
from studies.anomaly.sampling import paint_all, write_groups


@command.stage
@command.params_option
@click.option("--arm", type=click.Choice(ARMS), required=True, help="Without or with prior preservation.")
@command.path_option("pictures", "Folder of correct pictures.")
@command.path_option("out", "Folder for the adapters, the losses and the pictures.")
def main(params: Path, arm: str, pictures: Path, out: Path) -> None:
    """Teach, keep the adapters, paint."""
    chosen = read_sections(params, Study)
    set_threads(chosen.base.threads)
    base = open_base(chosen.base)
    rows = lesson(base, pictures, arm, chosen.prior, chosen.painting)
    inputs = [pictures, chosen.base.model, arm, chosen.prior.model_dump_json()]  # the arms' settings are the same
    taught = teach(base, rows, chosen.teaching, inputs, name=arm)
    with atomic_write(out) as folder:
        folder.mkdir()
        save(taught.model, chosen.teaching, folder / "adapters")
        write_groups(paint_all(taught.model, chosen.painting), folder / "painted.safetensors")
        losses = {f"epoch_{number:03d}": loss for number, loss in enumerate(taught.losses, start=1)}
        write_json(folder / "facts.json", {"rows": len(rows), "trained": taught.trained, "loss": losses})
    click.echo(f"{arm}: {len(rows)} rows, loss {taught.losses[0]:.4f} → {taught.losses[-1]:.4f}")


if __name__ == "__main__":
    main()
