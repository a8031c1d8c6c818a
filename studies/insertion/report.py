"""Scores and images of all runs → the study's tables, figures, contact sheets and metrics. Run by DVC."""

import json
from pathlib import Path

import click
import pandas as pd

from atelier.common import command
from atelier.common.files import atomic_write, write_json
from atelier.common.tensor_files import read_arrays
from atelier.config import read_sections
from atelier.training.concept.dataset import read_folder
from studies.insertion.claims import NAMES, check_claims
from studies.insertion.config import METHODS, Study
from studies.insertion.figures import plot_frontier, plot_scatter
from studies.insertion.prompts import COMPLEX, NOUNS, list_requests, subset
from studies.insertion.sheets import headings, row_of, write_sheet, write_sheets
from studies.insertion.tables import cells_of, claims_table, frontier_table, metrics_of, point, score_table, trails

TABLES = """# Concept insertion

Made by `dvc repro studies/insertion/dvc.yaml`. Similarities by {clip}; distances ("FID") by {features} with the real
part of the root. Similarities: mean over {concepts} concepts and their pictures, 95 % interval of a bootstrap that
draws concepts, then pictures of each; so few concepts make it too narrow. Distances: mean and range over concepts, N
pictures against N.

## Scores

{scores}

Image similarity: plain pictures with the photographs. Prompt similarity: complex pictures with the base's for the same
prompt without the concept; right place: whether the picture's rim has the colours of that prompt's rather than of
another place's, by chance .25; class similarity: with the base's for the same prompt with the class noun. CLIP-T: with
the text that calls the concept by its class noun.

![scatter](scatter.png)

## The paper's claims

{claims}

## The frontier

By the first {plain} plain pictures and {complex} for each place.

{frontier}

![frontier](frontier.png)
"""


def draw_pictures(folder: Path, chosen: Study, photographs: Path, painted: Path, runs: Path) -> None:
    """Draw a contact sheet per concept, and one of LoRA's scales for the first concept."""
    base = read_arrays(painted)
    for noun in NOUNS:
        requests = list_requests(noun, "", chosen.painting)
        shown = [row.pixels for row in read_folder(photographs / noun, base[noun].shape[1], "a photo")]
        made = {method: read_arrays(runs / f"{noun}-{method}" / "pictures.safetensors") for method in METHODS}
        rows = {f"base: a {noun}": base[noun]} | {NAMES[method]: made[method]["final"] for method in METHODS}
        write_sheets(folder, noun, shown, rows, requests)
    noun = next(iter(NOUNS))
    made, requests = (
        read_arrays(runs / f"{noun}-lora" / "pictures.safetensors"),
        list_requests(noun, "", chosen.painting),
    )
    small = subset(requests, chosen.frontier)
    made["scale-1"] = made["final"][[k for k, request in enumerate(requests) if request in small]]
    names = sorted((at for at in made if at.startswith("scale-")), key=lambda at: float(at[6:]))
    rows = [row_of(f"LoRA, scale {at[6:]}", made[at], small) for at in names]
    write_sheet(folder / "scales.png", headings(small), rows)


@command.stage
@command.path_option("params", "The study's parameters.")
@command.path_option("photographs", "Folder of the training images.")
@command.path_option("painted", "The base model's images (safetensors).")
@command.path_option("runs", "Folder of the runs.")
@command.path_option("results", "Folder of scores.csv, distances.csv, facts.csv and networks.json.")
@command.path_option("metrics", "File for the metrics (JSON).")
@command.path_option("out", "Folder for tables.md, figures and contact sheets.")
def main(
    params: Path, photographs: Path, painted: Path, runs: Path, results: Path, metrics: Path, out: Path
) -> None:  # fmt: skip
    """Compare the methods with each other and with the paper's claims."""
    chosen = read_sections(params, Study)
    scores, distances, facts = (pd.read_csv(results / f"{name}.csv") for name in ("scores", "distances", "facts"))
    networks = json.loads((results / "networks.json").read_text())
    bootstrap = chosen.judging
    cells, findings = cells_of(scores, bootstrap), check_claims(scores, distances, bootstrap.draws, bootstrap.seed)
    most = scores["kind"].map({COMPLEX: chosen.frontier.complex}).fillna(chosen.frontier.plain)
    scales, epochs = trails(facts, scores[scores["number"] < most], bootstrap)
    points = {name: point(scores, name, "final", bootstrap) for name in ("base", *METHODS)}
    baselines = cells["prompt"]["prompt similarity"], cells["other photographs"]["image similarity"]
    text = TABLES.format(
        **networks, concepts=len(NOUNS), plain=chosen.frontier.plain, complex=chosen.frontier.complex,
        scores=score_table(cells, distances).rstrip(), claims=claims_table(findings).rstrip(),
        frontier=frontier_table(scales, epochs).rstrip(),
    )  # fmt: skip
    with atomic_write(out) as folder:
        folder.mkdir()
        (folder / "tables.md").write_text(text, encoding="utf-8")
        plot_scatter(points, baselines, distances, folder / "scatter.png")
        plot_frontier(scales, epochs, folder / "frontier.png")
        draw_pictures(folder, chosen, photographs, painted, runs)
    write_json(metrics, metrics_of(cells, distances, findings, networks))
    click.echo("; ".join(f"{finding.claim}: {finding.verdict}" for finding in findings))


if __name__ == "__main__":
    main()
