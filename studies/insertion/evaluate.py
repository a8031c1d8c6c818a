"""Pictures of all runs → scores by picture, and distances by concept. Run by DVC."""

import json
from pathlib import Path

import click
import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.common.threads import set_threads
from atelier.metrics.clip import ClipScorer
from atelier.metrics.frechet import pooled_features
from atelier.models.loading import choose_device
from atelier.stats.tables import to_csv
from atelier.training.concept.dataset import read_folder
from studies.insertion import metrics
from studies.insertion.config import METHODS, Study, read_study
from studies.insertion.prompts import NOUNS, few, orders, orders_without

ABOUT = ("concept", "method", "at", "kind", "place", "number")  # first columns of scores.csv


def references(chosen: Study, networks: metrics.Networks, photographs: Path, others: Path, painted: Path) -> dict:
    """Class noun → what its pictures are compared with."""
    found, without = load_file(painted), orders_without(chosen.painting)
    plain, size = metrics.Pictures(found["without"], networks), found["without"].shape[1]

    def read(folder: Path) -> metrics.Pictures:
        return metrics.Pictures(np.stack([row.pixels for row in read_folder(folder, size, "a photo")]), networks)

    return {
        noun: metrics.Reference(
            noun, read(photographs / noun), read(others / noun), plain, [order.place for order in without],
            metrics.Pictures(found[noun], networks), orders(noun, "", chosen.painting),
        )
        for noun in NOUNS
    }  # fmt: skip


def score_runs(chosen: Study, against: dict, runs: Path, networks: metrics.Networks) -> tuple[list, list, list]:
    """Rows of scores, of distances and of facts: every run, the base, and the baselines."""
    scores, gaps, facts = [], [], []
    for noun, reference in against.items():
        wanted = orders(noun, "", chosen.painting)
        mark = {"concept": noun, "method": "base", "at": "final"}
        scores += [mark | row for row in metrics.score(reference.classes, wanted, reference, is_base=True)]
        gaps.append(mark | metrics.distances(reference.classes, wanted, reference))
        for method in METHODS:
            folder = runs / f"{noun}-{method}"
            facts.append({"concept": noun, "method": method} | json.loads((folder / "facts.json").read_text()))
            for at, pixels in sorted(load_file(folder / "pictures.safetensors").items()):
                mine = wanted if at == "final" else few(wanted, chosen.frontier)
                painted, mark = metrics.Pictures(pixels, networks), {"concept": noun, "method": method, "at": at}
                scores += [mark | row for row in metrics.score(painted, mine, reference)]
                if at == "final":
                    gaps.append(mark | metrics.distances(painted, mine, reference))
        many, placed = gaps[-1]["n_many"], gaps[-1]["n_prompt"]
        mark = {"concept": noun, "at": "final"}
        scores += [mark | row for row in metrics.score_photographs(reference)]
        gaps += [mark | row for row in metrics.distances_of_references(reference, many, placed)]
    rows = metrics.score_without(reference.without, orders_without(chosen.painting), chosen.painting.complex)
    return scores + [{"concept": "none", "at": "final"} | row for row in rows], gaps, facts


@command.stage
@command.path_option("params", "The study's parameters.")
@command.path_option("photographs", "Folder of the photographs that concepts were taught from.")
@command.path_option("others", "Folder of other photographs of the same things.")
@command.path_option("painted", "What the base paints (safetensors).")
@command.path_option("runs", "Folder of the runs.")
@command.path_option("out", "Folder for scores.csv, distances.csv, facts.csv and networks.json.")
def main(params: Path, photographs: Path, others: Path, painted: Path, runs: Path, out: Path) -> None:
    """Score every picture of every run, and measure the distances between sets."""
    chosen = read_study(params)
    set_threads(chosen.base.threads)
    device = choose_device(chosen.base.device)
    networks = metrics.Networks(
        ClipScorer.load(chosen.networks.clip, device), pooled_features(chosen.networks.features, device)
    )
    against = references(chosen, networks, photographs, others, painted)
    scores, gaps, facts = score_runs(chosen, against, runs, networks)
    table = pd.DataFrame(scores)
    table = table[[*ABOUT, *(name for name in table.columns if name not in ABOUT)]]
    with atomic_write(out) as folder:
        folder.mkdir()
        for name, rows in {"scores": table, "distances": pd.DataFrame(gaps), "facts": pd.DataFrame(facts)}.items():
            (folder / f"{name}.csv").write_text(to_csv(rows), encoding="utf-8")
        (folder / "networks.json").write_text(json.dumps(chosen.networks.model_dump(), indent=2) + "\n")
    click.echo(f"{len(table)} pictures scored, {len(gaps)} distances measured")


if __name__ == "__main__":
    main()
