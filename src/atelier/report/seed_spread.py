"""One configuration trained with several seeds: the spread between seeds beside the spread over pictures.

Read out of DVC experiments' commits that differ in `train.seed` alone, as the ablations are.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.metrics.registry import view
from atelier.report.experiments import Experiment, find_experiments, read_experiment
from atelier.report.tables import DOMAIN_NAMES
from atelier.stats.bootstrap import between_seeds, over_pictures
from atelier.stats.tables import join_parts, markdown, to_csv

KINDS = {"finetuned": "fine-tuned", "gain": "fine-tuned − baseline"}


def collect_seeds(names: Sequence[str], folder: Path, repository: Path) -> list[Path]:
    """Write seeds.csv and seeds.md into a folder, from the experiments of these names, one training seed each.

    Raises:
        UserError: fewer than two are named, or an experiment is not there or did not get to its metrics.
    """
    if len(set(names)) < 2:
        raise UserError(f"seeds: {len(set(names))} experiment has no spread; name two or more, one training seed each")
    revisions = find_experiments(names, repository)
    table = tabulate([read_experiment(name, revision, repository) for name, revision in revisions.items()])
    written = [folder / "seeds.csv", folder / "seeds.md"]
    for path, text in zip(written, (to_csv(table), describe(table)), strict=True):
        with atomic_write(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return written


def tabulate(experiments: Sequence[Experiment]) -> pd.DataFrame:
    """A row per domain, kind (finetuned, gain) and headline measure that every experiment has.

    Columns: domain, kind, measure, seeds, mean and sd_seeds (over them), se_pictures, ci_lo, ci_hi (the mean of the
    runs' intervals over pictures), n (edits), clusters (source pictures).
    """
    found = [dict(_cells(one.evaluate)) for one in experiments]
    shared = [key for key in found[0] if all(key in cells for cells in found)]
    if not shared:
        return pd.DataFrame()
    figures = {
        name: np.array([[cells[key][name] for key in shared] for cells in found]) for name in ("mean", "ci_lo", "ci_hi")
    }
    mean, deviation = between_seeds(figures["mean"])
    table = pd.DataFrame(shared, columns=["domain", "kind", "measure"]).assign(
        seeds=len(found), mean=mean, sd_seeds=deviation, se_pictures=over_pictures(figures["ci_lo"], figures["ci_hi"])
    )
    ends = {name: figures[name].mean(0) for name in ("ci_lo", "ci_hi")}
    return table.assign(**ends, **{name: [found[0][key][name] for key in shared] for name in ("n", "clusters")})


def describe(table: pd.DataFrame) -> str:
    """Markdown of that table, a section per domain."""
    parts = [
        "# Spread between training seeds",
        "Standard deviation between seeds: what another training would have given. Standard error over pictures: what "
        "other test pictures would have given, of one training. The interval is over pictures too.",
    ]
    header = ["", "mean", "sd between seeds", "se over pictures", "95 % over pictures", "seeds", "pictures"]
    for domain, part in table.groupby("domain", sort=False):
        rows = [
            [
                f"{row.measure}, {KINDS[row.kind]}", f"{row.mean:.4g}", f"{row.sd_seeds:.2g}", f"{row.se_pictures:.2g}",
                f"{row.ci_lo:.4g} … {row.ci_hi:.4g}", f"{row.seeds}", f"{row.clusters}",
            ]
            for row in part.itertuples()
        ]  # fmt: skip
        parts += [f"## {domain.capitalize()} domain", markdown(header, rows)]
    return join_parts(parts)


def _cells(report: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str], Mapping[str, float]]]:
    """(domain, kind, measure) → cell, of an evaluation's headline measures."""
    for domain in DOMAIN_NAMES:
        for kind in KINDS:
            cells = report.get(domain, {}).get(kind, {})
            yield from (
                ((domain, kind, metric.headline), cells[metric.key])
                for metric in view("headline")
                if metric.key in cells
            )
            area = report.get(domain, {}).get("frontier", {}).get(kind, {}).get("area")
            if area:
                yield (domain, kind, "frontier"), area
