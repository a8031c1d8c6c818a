"""Tabulate a queue's finished experiments as the paper's tables 3 and 4.

After `dvc exp run --run-all`, with the names that `dvc exp list --name-only` gives:

python -m studies.logo.collect_grid --out tmp/grid grid-1 grid-2 …
"""

from collections.abc import Sequence
from pathlib import Path

import click
import pandas as pd

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.report.experiments import find_experiments, read_report
from atelier.stats.tables import to_csv
from studies.logo import tables
from studies.logo.config import Run
from studies.logo.ranking import normalise

RESULT = "studies/logo/queued/metrics.json"


def read_grid(names: Sequence[str], repository: Path) -> tuple[pd.DataFrame, dict[str, Run]]:
    """Return one row per experiment and epoch, as `ranking.models_of`, and the settings of each experiment.

    Raises:
        UserError: an experiment does not exist or did not finish.
    """
    rows, runs = [], {}
    for name, commit in find_experiments(names, repository).items():
        found = read_report(name, commit, RESULT, repository)
        own = found["settings"]
        runs[name] = Run(method="lora", lr=own["unet_lr"], text_lr=own["text_lr"], rank=own["rank"])
        rows += [{"run": name, "epoch": int(epoch[6:])} | scores for epoch, scores in found["epochs"].items()]
    table = pd.DataFrame(rows)
    table["mean"] = (table["od"] + table["ocr"]) / 2
    table["three"] = table[["od", "ocr", "colour_right"]].mean(axis=1)
    return table.assign(normscore=normalise(table["od"].to_numpy(), table["ocr"].to_numpy())), runs


@command.stage
@click.argument("names", nargs=-1, required=True)
@command.path_option("out", "Folder for models.csv and tables.md.")
def main(names: tuple[str, ...], out: Path) -> None:
    """Rank every model of the named experiments: NAMES as `dvc exp list --name-only` gives them."""
    models, runs = read_grid(names, Path.cwd())
    text = f"# LoRA's grid: {len(runs)} runs, {len(models)} models\n\n## Table 3\n\n{tables.ten_table(models, runs)}"
    text += f"\n## Table 4\n\n{tables.ranks_table(models, runs)}"
    with atomic_write(out) as folder:
        folder.mkdir()
        (folder / "models.csv").write_text(to_csv(models), encoding="utf-8")
        (folder / "tables.md").write_text(text, encoding="utf-8")
    click.echo(f"{len(runs)} runs, {len(models)} models: {out / 'tables.md'}")


if __name__ == "__main__":
    main()
