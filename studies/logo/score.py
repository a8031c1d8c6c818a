"""Pictures of all runs → their scores by picture, and what each run took. Run by DVC."""

from pathlib import Path

import click
import pandas as pd
from tqdm import tqdm

import stages  # isort: skip (puts this checkout's src first)

from atelier.files import whole
from atelier.report.tables import to_csv
from studies.logo.config import read_study
from studies.logo.measuring import measure, measure_photographs, open_instruments
from studies.logo.stores import FACTS, read_facts, read_pictures


@stages.command
@stages.path("params", "The study's parameters.")
@stages.path("photographs", "Folder of the training photographs.")
@stages.path("held-out", "Folder of others like them.")
@stages.path("repainted", "Folder of the training photographs through the autoencoder.")
@stages.path("detector", "Folder of the detector.")
@stages.path("runs", "Folder of the runs.")
@stages.path("out", "Folder for scores.csv and facts.csv.")
def main(
    params: Path, photographs: Path, held_out: Path, repainted: Path, detector: Path, runs: Path, out: Path
) -> None:  # fmt: skip
    """Score every picture of every run of the plan, and the photographs themselves."""
    study = read_study(params)
    found, facts = [], []
    seen = {name: read_pictures(runs / name) for name in study.runs}
    size = next(iter(next(iter(seen.values())).values())).shape[1]
    tools = open_instruments(
        study.bases.clip, study.photographs, study.detecting, detector=detector, photographs=photographs, size=size
    )
    for name, epochs in tqdm(seen.items(), "score", unit="run", disable=None):
        for epoch, pixels in epochs.items():
            found.append(measure(pixels, tools).assign(run=name, epoch=epoch))
        facts.append({"run": name} | read_facts(runs / name / FACTS))
    controls = {"photographs": photographs, "repainted": repainted, "held_out": held_out}
    for name, folder in controls.items():
        found.append(measure_photographs(folder, tools).assign(run=name, epoch=0))
    table = pd.concat(found)
    table = table[["run", "epoch", *(column for column in table.columns if column not in ("run", "epoch"))]]
    with whole(out) as folder:
        folder.mkdir()
        (folder / "scores.csv").write_text(to_csv(table), encoding="utf-8")
        (folder / "facts.csv").write_text(to_csv(pd.json_normalize(facts)), encoding="utf-8")
    click.echo(f"{len(table)} pictures scored")


if __name__ == "__main__":
    main()
