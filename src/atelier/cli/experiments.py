"""Commands that run DVC experiments and tabulate them: ablations, methods, seeds."""

from collections.abc import Callable
from pathlib import Path

import click

from atelier.common.command import Command
from atelier.common.options import OUT_FOLDER, PATH, TEXT, echo_path

STUDY = click.option(
    "--study", type=PATH, default=Path(), help="Folder of the study: the repository's root or studies/NAME."
)


def _out(files: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option("--out", type=OUT_FOLDER, help=f"Folder for {files}.  [default: the study's metrics/]")


@click.command(cls=Command)
@click.argument("names", nargs=-1, type=TEXT)
@STUDY
@_out("ablations.csv, .md and .png")
def ablations(names: tuple[str, ...], study: Path, out: Path | None) -> None:
    """Run the paper's configurations A to D as DVC experiments and tabulate them beside the paper's tables 3 and 4.

    Without NAMES, all four. Each runs on the current commit in a temporary copy; an experiment that exists for this
    commit is kept. Their rows of the table are updated, and the other rows stay. If one fails, the table stays as it
    was. Any other name is that of an experiment that you have run; it is tabulated.

    The learning rates are train.lr times 1, 2, 0.5 and 1, as in the paper.

    \b
    Examples:
      atelier ablations
      atelier ablations A C
      atelier ablations --study studies/mine    experiments mine-A to mine-D
    """
    from atelier import tracking
    from atelier.cli.repository import find_study
    from atelier.cli.run_experiments import ABLATIONS, run_missing
    from atelier.report.experiment_tables import collect_ablations

    chosen = find_study(study)
    folder = out or chosen.root / chosen.folder / "metrics"
    with tracking.parent("ablations", chosen.name) as parent:
        found = run_missing(chosen, names or list(ABLATIONS), ABLATIONS, parent.begin)
        for path in collect_ablations(found, folder, chosen.root, chosen.folder, list(ABLATIONS)):
            parent.log_artifact(path)
            echo_path(path)


@click.command(cls=Command)
@click.argument("names", nargs=-1, type=TEXT)
@STUDY
@_out("methods.csv and methods.md")
def methods(names: tuple[str, ...], study: Path, out: Path | None) -> None:
    """Run selective, full and LoRA fine-tuning as DVC experiments and tabulate their scores, seconds and memory.

    Without NAMES all three, with the same data, seed and number of steps; LoRA's learning rate is four times train.lr.
    Experiments and rows are run, kept and updated as by `atelier ablations`. Seconds and memory are read from the
    training run in MLflow.

    \b
    Examples:
      atelier methods
      atelier methods lora
      atelier methods adapters       an experiment that you have run
    """
    from atelier import tracking
    from atelier.cli.repository import find_study
    from atelier.cli.run_experiments import METHODS, run_missing
    from atelier.report.experiment_tables import collect_methods

    chosen = find_study(study)
    folder = out or chosen.root / chosen.folder / "metrics"

    def read_costs(experiment: str) -> dict[str, float]:
        return tracking.read_metrics(experiment, "train", chosen.name)

    with tracking.parent("methods", chosen.name) as parent:
        found = run_missing(chosen, names or list(METHODS), METHODS, parent.begin)
        for path in collect_methods(found, folder, chosen.root, read_costs, chosen.folder, list(METHODS)):
            parent.log_artifact(path)
            echo_path(path)


@click.command(cls=Command)
@click.argument("names", nargs=-1, required=True, type=TEXT)
@STUDY
@_out("seeds.csv and seeds.md")
def seeds(names: tuple[str, ...], study: Path, out: Path | None) -> None:
    """Tabulate finished DVC experiments that differ in their seed: variation between seeds and between source images.

    \b
    Example:
      atelier seeds seed-1 seed-2 seed-3   after: dvc exp run --queue -n seed -S train.seed=1,2,3; dvc exp run --run-all
    """
    from atelier.cli.repository import find_study
    from atelier.report.seed_tables import collect_seeds

    chosen = find_study(study)
    for path in collect_seeds(names, out or chosen.root / chosen.folder / "metrics", chosen.root, chosen.folder):
        echo_path(path)
