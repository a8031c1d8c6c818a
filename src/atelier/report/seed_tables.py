"""The table of seeds: how much values vary between trainings that differ in `train.seed` alone."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from atelier.common.errors import UserError
from atelier.metrics.registry import view
from atelier.report.experiment_tables import write_table
from atelier.report.experiments import Experiment, read_experiments
from atelier.report.tables import DOMAIN_NAMES
from atelier.stats.bootstrap import between_seeds, over_pictures
from atelier.stats.tables import join_parts, markdown

KINDS = {"finetuned": "fine-tuned", "gain": "fine-tuned − baseline"}


def collect_seeds(names: Sequence[str], folder: Path, repository: Path, study: Path = Path()) -> list[Path]:
    """Write seeds.csv and seeds.md into a folder, from experiments that differ in `train.seed` alone.

    Args:
        study: folder of the experiments' pipeline, relative to the repository's root.

    Raises:
        UserError: fewer than two names, or as `read_experiments`.
    """
    if len(set(names)) < 2:
        raise UserError(f"seeds: {len(set(names))} experiment has no spread; name two or more, one training seed each")
    table = tabulate_seeds(read_experiments({name: name for name in names}, repository, study))
    return write_table(folder, "seeds", table, describe_seeds(table))


def tabulate_seeds(experiments: Sequence[Experiment]) -> pd.DataFrame:
    """Return a row per domain, kind (finetuned, gain) and headline metric that every experiment has.

    Columns: domain, kind, measure, seeds, mean and sd_seeds (over them), se_pictures, ci_lo, ci_hi (the mean of the
    runs' intervals over pictures), n (edits), clusters (source pictures).
    """
    found = [dict(_headline_estimates(one.evaluate)) for one in experiments]
    shared = [key for key in found[0] if all(key in estimates for estimates in found)]
    if not shared:
        return pd.DataFrame()
    values = {
        name: np.array([[estimates[key][name] for key in shared] for estimates in found])  # seeds × metrics
        for name in ("mean", "ci_lo", "ci_hi")
    }
    mean, deviation = between_seeds(values["mean"])
    table = pd.DataFrame(shared, columns=["domain", "kind", "measure"]).assign(
        seeds=len(found), mean=mean, sd_seeds=deviation, se_pictures=over_pictures(values["ci_lo"], values["ci_hi"])
    )
    ends = {name: values[name].mean(0) for name in ("ci_lo", "ci_hi")}
    return table.assign(**ends, **{name: [found[0][key][name] for key in shared] for name in ("n", "clusters")})


def describe_seeds(table: pd.DataFrame) -> str:
    """Return seeds.md: that table, a section per domain."""
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


def _headline_estimates(report: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str], Mapping[str, float]]]:
    """Yield (domain, kind, metric) and the estimate of an evaluation's headline metrics."""
    for domain in DOMAIN_NAMES:
        part = report.get(domain, {})
        for kind in KINDS:
            estimates = part.get(kind, {})
            yield from (((domain, kind, m.headline), estimates[m.key]) for m in view("seeds") if m.key in estimates)
            area = part.get("frontier", {}).get(kind, {}).get("area")
            if area:
                yield (domain, kind, "frontier"), area
