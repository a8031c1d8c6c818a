"""Scores → tables 2 to 4 with the paper's values, further scores, figures and sheets. Run by DVC."""

from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch

from atelier.common import command
from atelier.common.files import atomic_write, write_json
from atelier.config import read_sections
from atelier.images.tensors import to_tensor
from atelier.metrics.memorisation import coarse_pixels, nearest
from atelier.stats.tables import join_parts
from atelier.training.concept.dataset import read_folder
from studies.logo import figures, tables
from studies.logo.config import BASE, Study
from studies.logo.ranking import best_epochs, estimates, models_of
from studies.logo.results import FACTS, read_facts, read_pictures, read_scores

CONTROLS = ("photographs", "repainted", "held_out", BASE)
NEXT_TO = 8  # images in the sheet of nearest training images


def report_of(scores: pd.DataFrame, study: Study) -> dict[str, Any]:
    """Return nested scalars for `dvc metrics`: every run at its best epoch, and the controls."""
    best, plan = best_epochs(models_of(scores)), study.ranking
    found: dict[str, Any] = {
        "controls": {name: estimates(scores, name, 0, plan.draws, plan.seed) for name in CONTROLS},
        "runs": {},
    }
    for row in best.to_dict("records"):
        own = estimates(scores, row["run"], row["epoch"], plan.draws, plan.seed)
        found["runs"][row["run"]] = {
            "best_epoch": row["epoch"], "normscore": round(row["normscore"], 4), "three": round(row["three"], 4),
            "scores": own,
        }  # fmt: skip
    return found


def write_tables(models: pd.DataFrame, report: dict[str, Any], study: Study, facts: dict[str, Any]) -> str:
    """Return the text of tables.md."""
    each, detector = study.sampling.pictures, facts["detector"]
    paper_map = f"{tables.paper.DETECTOR:.3f}".lstrip("0")  # as the paper prints it
    read = ", ".join(
        f"{share:.1%} of {tables.CONTROLS[name]}" for name, share in facts["pictures"]["share_read"].items()
    )
    over = ", ".join(f"{name.replace('_', ' ')} {share:.0%}" for name, share in detector["over_threshold"].items())
    parts = [
        "# The logo",
        f"Made by `dvc repro studies/logo/dvc.yaml`: {len(study.runs) - 1} runs, sampled every {study.teaching.every} "
        f"epochs by six prompts × {each} pictures. Learning rates are the paper's; ours are those times "
        f"{study.factors.dreambooth:g} (DreamBooth), {study.factors.textual_inversion:g} (Textual Inversion), "
        f"{study.factors.lora_unet:g} and {study.factors.lora_text:g} (LoRA: UNet, text encoder). The reader reads "
        f"{study.photographs.word} in {read}.",
        f"Detector: mAP@.5 {detector['map_50']:.3f} on held-out pictures (paper {paper_map}); over "
        f"{study.detecting.threshold:.2f}: {over}.",
        "## Table 2: the best three settings a method", tables.best_table(models, study.runs),
        "## Table 3: the ten best LoRA models", tables.ten_table(models, study.runs),
        "## Table 4: the best learning rates and their ranks", tables.ranks_table(models, study.runs),
        "## What those scores miss",
        "At the epoch with the best mean of detector and reader; 95 % intervals over pictures (one training each, and "
        "the best of its epochs: both make the figures look better than they are).",
        tables.beyond_table(report, study.runs),
    ]  # fmt: skip
    return join_parts(parts)


def write_figures(folder: Path, models: pd.DataFrame, runs: Path, photographs: Path, study: Study) -> None:
    """Draw losses, scores by epoch, and sheets: the best of each method, epochs and ranks of LoRA, nearest images."""
    best = best_epochs(models).set_index("run")
    samples = {name: read_pictures(runs / name) for name in study.runs}
    trained = {name: run for name, run in study.runs.items() if run.method != BASE}
    facts = {name: read_facts(runs / name / FACTS) for name in trained}
    losses = {f"{tables.NAMES[run.method]} {tables.setting(run)}": list(facts[name]["loss"].values())
              for name, run in trained.items()}  # fmt: skip
    chosen = dict(zip(losses, (int(best.loc[name, "epoch"]) for name in trained), strict=True))
    figures.plot_losses(losses, chosen, folder / "losses.png")
    figures.plot_epochs(models, {name: run.method for name, run in trained.items()}, folder / "epochs.png")

    def at_best(name: str) -> np.ndarray:
        return samples[name][int(best.loc[name, "epoch"])]

    first = {method: next(name for name in best.index if trained[name].method == method) for method in tables.NAMES
             if any(run.method == method for run in trained.values())}  # fmt: skip
    rows = {"the base": samples[BASE][0]} | {
        f"{tables.NAMES[method]}\n{tables.setting(trained[name])}\nepoch {best.loc[name, 'epoch']}": at_best(name)
        for method, name in first.items()
    }
    figures.samples_sheet(rows, folder / "best.png")
    if "lora" in first:
        name = first["lora"]
        label = tables.setting(trained[name])
        figures.samples_sheet({f"LoRA {label}\nepoch {epoch}": pixels for epoch, pixels in
                               samples[name].items()}, folder / "by_epoch.png")  # fmt: skip
        figures.samples_sheet(_by_rank(trained, samples), folder / "by_rank.png")
    size = next(iter(rows.values())).shape[1]
    _copies(folder / "copies.png", {m: at_best(n) for m, n in first.items()}, photographs, size)


def _by_rank(trained: dict, samples: dict) -> dict[str, np.ndarray]:
    """Return the last samples by rank of the pair of learning rates with most ranks."""
    lora = {name: run for name, run in trained.items() if run.method == "lora"}
    pairs = [(run.lr, run.text_lr) for run in lora.values()]
    pair = max(pairs, key=pairs.count)
    own = sorted((run.rank, name) for name, run in lora.items() if (run.lr, run.text_lr) == pair)
    return {
        f"rank {rank}\nLoRA {tables.setting(trained[name])}": samples[name][max(samples[name])] for rank, name in own
    }


def _copies(path: Path, samples: dict[str, np.ndarray], photographs: Path, size: int) -> None:
    """Draw the images nearest to a training image, the same number of every method."""
    training = np.stack([row.pixels for row in read_folder(photographs, size)])
    values, pairs = coarse_pixels(to_tensor(training)), []
    for method, pixels in samples.items():
        distances, numbers = nearest(coarse_pixels(to_tensor(pixels)), values)
        first = torch.argsort(distances, stable=True)[: NEXT_TO // len(samples)].tolist()
        pairs += [(tables.NAMES[method], pixels[row], training[numbers[row]]) for row in first]
    figures.copies_sheet(pairs, path)


@command.stage
@command.path_option("params", "The study's parameters.")
@command.path_option("results", "Folder of scores.csv.")
@command.path_option("runs", "Folder of the runs.")
@command.path_option("photographs", "Folder of the training images.")
@command.path_option("pictures", "JSON of the shares that OCR reads.")
@command.path_option("detector", "JSON of the detector's evaluation.")
@command.path_option("out", "Folder for tables.md, metrics.json, figures and sheets.")
def main(params: Path, results: Path, runs: Path, photographs: Path, pictures: Path, detector: Path, out: Path) -> None:
    """Rank the models and write the report."""
    study = read_sections(params, Study)
    scores = read_scores(results / "scores.csv")
    facts = {"pictures": read_facts(pictures), "detector": read_facts(detector)}
    models, report = models_of(scores), report_of(scores, study)
    with atomic_write(out) as folder:
        folder.mkdir()
        write_json(folder / "metrics.json", report)
        (folder / "tables.md").write_text(write_tables(models, report, study, facts), encoding="utf-8")
        write_figures(folder, models, runs, photographs, study)
    winner = best_epochs(models).iloc[0]
    click.echo(f"{len(models)} models; best: {winner['run']} after {winner['epoch']} epochs, {winner['mean']:.3f}")


if __name__ == "__main__":
    main()
