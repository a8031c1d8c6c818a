"""The values that the editing paper reports, to print beside ours. Similarities × 100; None where it reports none.

Krishnan, Thai, Vallioor: Domain-Specialized Text-Guided Image Editing (see docs/references.md). It used another CLIP,
another LPIPS network and other images: only directions and ratios can be compared.
"""

from dataclasses import dataclass

import pandas as pd

from atelier.metrics.registry import METRICS


@dataclass(frozen=True)
class Reported:
    """One row of the paper: CLIP similarity, directional similarity, LPIPS and SSIM (source against edited)."""

    label: str
    domain: str  # seen (DeepFashion2) | unseen (Fashionpedia)
    clip: float
    directional: float
    lpips: float | None = None
    ssim: float | None = None

    def estimates(self) -> dict[str, dict[str, float]]:
        """Return the values in the form of metrics/evaluate.json: metric → {mean}, without those it does not report."""
        values = {one.key: getattr(self, one.paper_key) for one in METRICS.values() if one.paper_key}
        return {key: {"mean": value} for key, value in values.items() if value is not None}


MAIN = (  # tables 2, 5 and 6
    Reported("baseline", "seen", 23.03, 7.82),
    Reported("fine-tuned, trimap", "seen", 22.14, 11.91),
    Reported("fine-tuned, table 5", "seen", 22.25, 10.98, 0.3901),
    Reported("baseline", "unseen", 22.81, 6.98, 0.5467),
    Reported("fine-tuned", "unseen", 18.59, 10.52, 0.2882),
)

ABLATIONS = (  # table 3
    Reported("A", "seen", 20.51, 12.44, 0.356, 0.495),
    Reported("A", "unseen", 19.43, 9.52, 0.409, 0.488),
    Reported("B", "seen", 20.87, 11.25, 0.270, 0.555),
    Reported("B", "unseen", 19.70, 10.57, 0.364, 0.528),
    Reported("C", "seen", 21.86, 11.62, 0.332, 0.484),
    Reported("C", "unseen", 20.08, 10.89, 0.400, 0.486),
    Reported("D", "seen", 21.72, 12.34, 0.297, 0.492),
    Reported("D", "unseen", 20.14, 10.74, 0.378, 0.515),
)
ABLATION_LOSSES = {  # table 4: training and validation loss of epochs 1 and 2
    "A": ((0.0405, 0.0412), (0.0433, 0.0400)),
    "B": ((0.0513, 0.0524), (0.0484, 0.0545)),
    "C": ((0.0345, 0.0354), (0.0355, 0.0333)),
    "D": ((0.0415, 0.0418), (0.0396, 0.0417)),
}


def directional_ratio(domain: str) -> float:
    """Return the ratio of directional similarity, fine-tuned ÷ baseline: 1.52 seen (table 2), 1.51 unseen (table 6)."""
    baseline, tuned, *_ = (row.directional for row in MAIN if row.domain == domain)
    return tuned / baseline


def add_ablations(table: pd.DataFrame) -> pd.DataFrame:
    """Add the paper's ablations to a table of ours: tables 3 and 4 of both in one row per configuration and domain.

    Args:
        table: columns config and domain, as `experiment_tables.tabulate_ablations` returns them.

    Returns the table with columns paper_<metric>, paper_train_loss_1, paper_val_loss_1, …; NaN where it reports none.
    """
    reported = {(row.label, row.domain): row.estimates() for row in ABLATIONS}
    added = []
    for config, domain in zip(table["config"], table["domain"], strict=True):
        ours = reported.get((config, domain), {})
        values = {one.key: ours.get(one.key, {}).get("mean") for one in METRICS.values() if one.paper_key}
        losses = zip(("train_loss", "val_loss"), ABLATION_LOSSES.get(config, ((), ())), strict=True)
        values |= {f"{name}_{epoch}": loss for name, both in losses for epoch, loss in enumerate(both, 1)}
        added.append({f"paper_{name}": value for name, value in values.items()})
    return pd.concat([table, pd.DataFrame(added, table.index, dtype=float)], axis=1)
