"""Images of all runs → scores by image, and distances by concept. Run by DVC."""

import json
from pathlib import Path

import click
import numpy as np
import pandas as pd

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.common.tensor_files import read_arrays
from atelier.common.threads import set_threads
from atelier.config import read_sections
from atelier.metrics.clip import ClipScorer
from atelier.metrics.frechet import pooled_features
from atelier.models.loading import choose_device
from atelier.stats.tables import to_csv
from atelier.training.concept.dataset import read_folder
from studies.insertion import metrics
from studies.insertion.config import METHODS, Study
from studies.insertion.prompts import NOUNS, list_requests, list_requests_without, subset

ABOUT = ("concept", "method", "at", "kind", "place", "number")  # first columns of scores.csv


def references(chosen: Study, networks: metrics.Networks, photographs: Path, others: Path, painted: Path) -> dict:
    """Return class noun → what its images are compared with."""
    found, without = read_arrays(painted), list_requests_without(chosen.painting)
    plain, size = metrics.ImageSet(found["without"], networks), found["without"].shape[1]

    def read(folder: Path) -> metrics.ImageSet:
        return metrics.ImageSet(np.stack([row.pixels for row in read_folder(folder, size, "a photo")]), networks)

    return {
        noun: metrics.Reference(
            noun, read(photographs / noun), read(others / noun), plain, [request.place for request in without],
            metrics.ImageSet(found[noun], networks), list_requests(noun, "", chosen.painting),
        )
        for noun in NOUNS
    }  # fmt: skip


def score_runs(chosen: Study, against: dict, runs: Path, networks: metrics.Networks) -> tuple[list, list, list]:
    """Return the rows of scores, distances and facts: every run, the base model, and the baselines."""
    scores, gaps, facts = [], [], []
    for noun, reference in against.items():
        requests = list_requests(noun, "", chosen.painting)
        mark = {"concept": noun, "method": "base", "at": "final"}
        scores += [mark | row for row in metrics.score(reference.classes, requests, reference, is_base=True)]
        gaps.append(mark | metrics.distances(reference.classes, requests, reference))
        for method in METHODS:
            folder = runs / f"{noun}-{method}"
            facts.append({"concept": noun, "method": method} | json.loads((folder / "facts.json").read_text()))
            for at, pixels in sorted(read_arrays(folder / "pictures.safetensors").items()):
                mine = requests if at == "final" else subset(requests, chosen.frontier)
                generated, mark = metrics.ImageSet(pixels, networks), {"concept": noun, "method": method, "at": at}
                scores += [mark | row for row in metrics.score(generated, mine, reference)]
                if at == "final":
                    gaps.append(mark | metrics.distances(generated, mine, reference))
        many, placed = gaps[-1]["n_many"], gaps[-1]["n_prompt"]
        mark = {"concept": noun, "at": "final"}
        scores += [mark | row for row in metrics.score_photographs(reference)]
        gaps += [mark | row for row in metrics.distances_of_references(reference, many, placed)]
    rows = metrics.score_without(reference.without, list_requests_without(chosen.painting), chosen.painting.complex)
    return scores + [{"concept": "none", "at": "final"} | row for row in rows], gaps, facts


@command.stage
@command.path_option("params", "The study's parameters.")
@command.path_option("photographs", "Folder of the training images.")
@command.path_option("others", "Folder of other images of the same objects.")
@command.path_option("painted", "The base model's images (safetensors).")
@command.path_option("runs", "Folder of the runs.")
@command.path_option("out", "Folder for scores.csv, distances.csv, facts.csv and networks.json.")
def main(params: Path, photographs: Path, others: Path, painted: Path, runs: Path, out: Path) -> None:
    """Score every image of every run, and compute the distances between sets."""
    chosen = read_sections(params, Study)
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
    click.echo(f"{len(table)} images scored, {len(gaps)} distances computed")


if __name__ == "__main__":
    main()
