"""The study's figure: one dot per run, one bar per arm's mean."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pandas as pd

from atelier.stats.figure import make_panels, save_png
from studies.losses.contrasts import LABELS, MEASURES, arm_table

SHOWN = ("clip_directional", "lpips_outside", "leakage_share", "target_rmse")
COLOURS = {"plain": "#8c8c8c", "preserve": "#c98a1b", "trimap": "#2a7f62"}
PAIR_NAMES = {"same_item": "same item", "half": "half", "aligned": "aligned"}


def plot_arms(
    scores: pd.DataFrame, losses: Sequence[str], pairs: Sequence[str], domains: Sequence[str], path: Path
) -> None:
    """Plot a row per domain, a panel per metric: pairs along x, losses next to each other, a dot per seed."""
    figure, axes = make_panels(len(domains), len(SHOWN), 12, 2.9 * len(domains), labels=10)
    for axis, (domain, measure) in zip(axes, product(domains, SHOWN), strict=True):
        place = list(MEASURES).index(measure)
        for k, kind in enumerate(pairs):
            for n, loss in enumerate(losses):
                means = arm_table(scores, f"{loss}-{kind}", domain)[:, :, place].mean(1)
                x = k + (n - 1) * 0.24
                label = loss if k == 0 else None
                axis.plot([x] * len(means), means, "o", ms=4, alpha=0.75, color=COLOURS[loss], label=label)
                axis.hlines(means.mean(), x - 0.1, x + 0.1, color=COLOURS[loss], lw=2)
        axis.set_title(f"{domain}: {LABELS[measure]} {MEASURES[measure].arrow}", fontsize=10)
        axis.set_xticks(range(len(pairs)), [PAIR_NAMES[kind] for kind in pairs])
        axis.margins(x=0.12, y=0.15)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(losses), frameon=False)
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    save_png(figure, path)
