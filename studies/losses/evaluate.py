"""Edits of all runs → scores by source image; steps, time and parameters of each run. Run by DVC."""

import json
from pathlib import Path

import click
import pandas as pd

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.common.options import THREADS
from atelier.common.records import Edit, Probe, Zones, read_rows
from atelier.common.threads import set_threads
from atelier.config import Section, fields, read_params, read_sections
from atelier.evaluation.batches import prepare_sources
from atelier.evaluation.evaluate import load_scorers
from atelier.evaluation.samples import join_samples
from atelier.evaluation.score import score_samples
from atelier.stats.tables import to_csv
from studies.losses.contrasts import MEASURES

MODEL = "finetuned"


class PlannedRun(Section):
    """A line of the plan: the pairs that a run learns from, and the parameters that it changes."""

    pairs: fields.Name
    set: fields.Text


class Plan(Section):
    """The study's params.yaml."""

    threads: fields.Threads
    pairs: dict[fields.Name, fields.Text]
    runs: dict[fields.Name, PlannedRun]


@command.stage
@command.params_option
@command.path_option("plan", "The study's params.yaml, which lists the runs.")
@command.path_option("probes", "Images and prompts (parquet).")
@command.path_option("zones", "Their zones (parquet).")
@command.path_option("runs", "Folder of the runs.")
@click.option("--threads", type=THREADS, required=True, help="CPU threads; 0: all cores.")
@command.path_option("out", "Folder for scores.csv and facts.csv.")
def main(params: Path, plan: Path, probes: Path, zones: Path, runs: Path, threads: int, out: Path) -> None:
    """Score every run of the plan as the root's evaluate does; a source image's score is the mean over its prompts."""
    set_threads(threads)
    names = list(read_sections(plan, Plan).runs)
    chosen = read_params(params)
    scorers, images, masks = load_scorers(chosen.models), read_rows(probes, Probe), read_rows(zones, Zones)
    scores, facts, sources = [], [], None
    for name in names:
        samples = join_samples(images, masks, {MODEL: read_rows(runs / name / "edits.parquet", Edit)})
        sources = sources or prepare_sources(samples, scorers, chosen.evaluate.batch_size)
        table = score_samples(samples, sources, scorers, chosen.evaluate.batch_size, controls=False)
        by_source = table.groupby(["domain", "source_id"], sort=True)[list(MEASURES)].mean().reset_index()
        scores.append(by_source.assign(run=name))
        facts.append({"run": name} | json.loads((runs / name / "facts.json").read_text()))
    with atomic_write(out) as folder:
        folder.mkdir()
        (folder / "scores.csv").write_text(to_csv(pd.concat(scores)[["run", *by_source.columns]]), encoding="utf-8")
        (folder / "facts.csv").write_text(to_csv(pd.json_normalize(facts)), encoding="utf-8")
    click.echo(f"{len(names)} runs scored")


if __name__ == "__main__":
    main()
