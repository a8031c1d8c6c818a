"""Pictures of all runs → their scores by picture, and what each run took. Run by DVC."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import click
import pandas as pd
from tqdm import tqdm

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.common.threads import set_threads
from atelier.stats.tables import to_csv
from studies.logo.config import read_study
from studies.logo.metrics import COLUMNS, Case, measure_run
from studies.logo.results import FACTS, read_facts, read_pictures


def measure_all(folders: Sequence[Path], case: Case) -> Iterator[pd.DataFrame]:
    """`measure_run` of every folder, in order: a process for each core, and none beside this one for a single core."""
    cores = os.cpu_count() or 1
    if cores == 1:
        yield from (measure_run(folder, case) for folder in folders)
        return
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        yield from pool.map(partial(measure_run, case=case), folders)


@command.stage
@command.path_option("params", "The study's parameters.")
@command.path_option("photographs", "Folder of the training photographs.")
@command.path_option("held-out", "Folder of others like them.")
@command.path_option("repainted", "Folder of the training photographs through the autoencoder.")
@command.path_option("detector", "Folder of the detector.")
@command.path_option("runs", "Folder of the runs.")
@command.path_option("out", "Folder for scores.csv and facts.csv.")
def main(
    params: Path, photographs: Path, held_out: Path, repainted: Path, detector: Path, runs: Path, out: Path
) -> None:  # fmt: skip
    """Score every picture of every run of the plan, and the photographs themselves."""
    study = read_study(params)
    set_threads(study.bases.threads)
    size = next(iter(read_pictures(runs / next(iter(study.runs))).values())).shape[1]
    case = Case(study.bases.clip, study.photographs, study.detecting, detector, photographs, size)
    folders = [runs / name for name in study.runs]
    facts = [{"run": folder.name} | read_facts(folder / FACTS) for folder in folders]
    folders += [photographs, repainted, held_out]
    found = list(tqdm(measure_all(folders, case), "score", len(folders), unit="run", disable=None))
    table = pd.concat(found)[["run", "epoch", *COLUMNS]]
    with atomic_write(out) as folder:
        folder.mkdir()
        (folder / "scores.csv").write_text(to_csv(table), encoding="utf-8")
        (folder / "facts.csv").write_text(to_csv(pd.json_normalize(facts)), encoding="utf-8")
    click.echo(f"{len(table)} pictures scored")


if __name__ == "__main__":
    main()
