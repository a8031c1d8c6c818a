"""Images of all runs → scores by image, and the facts of each run. Run by DVC."""

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
from atelier.config import read_sections
from atelier.stats.tables import to_csv
from studies.logo.config import Study
from studies.logo.metrics import COLUMNS, ScorerPaths, score_run
from studies.logo.results import FACTS, read_facts, read_pictures


def score_all(folders: Sequence[Path], paths: ScorerPaths) -> Iterator[pd.DataFrame]:
    """Yield `score_run` of every folder, in order, from one process per core (in this process on one core)."""
    cores = os.cpu_count() or 1
    if cores == 1:
        yield from (score_run(folder, paths) for folder in folders)
        return
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        yield from pool.map(partial(score_run, paths=paths), folders)


@command.stage
@command.path_option("params", "The study's parameters.")
@command.path_option("photographs", "Folder of the training images.")
@command.path_option("held-out", "Folder of held-out images.")
@command.path_option("repainted", "Folder of the training images, encoded and decoded.")
@command.path_option("detector", "Folder of the detector.")
@command.path_option("runs", "Folder of the runs.")
@command.path_option("out", "Folder for scores.csv and facts.csv.")
def main(
    params: Path, photographs: Path, held_out: Path, repainted: Path, detector: Path, runs: Path, out: Path
) -> None:  # fmt: skip
    """Score every image of every run, and the rendered images."""
    study = read_sections(params, Study)
    set_threads(study.bases.threads)
    size = next(iter(read_pictures(runs / next(iter(study.runs))).values())).shape[1]
    paths = ScorerPaths(study.bases.clip, study.photographs, study.detecting, detector, photographs, size)
    folders = [runs / name for name in study.runs]
    facts = [{"run": folder.name} | read_facts(folder / FACTS) for folder in folders]
    folders += [photographs, repainted, held_out]
    found = list(tqdm(score_all(folders, paths), "score", len(folders), unit="run", disable=None))
    table = pd.concat(found)[["run", "epoch", *COLUMNS]]
    with atomic_write(out) as folder:
        folder.mkdir()
        (folder / "scores.csv").write_text(to_csv(table), encoding="utf-8")
        (folder / "facts.csv").write_text(to_csv(pd.json_normalize(facts)), encoding="utf-8")
    click.echo(f"{len(table)} images scored")


if __name__ == "__main__":
    main()
