"""Figures: measures with intervals, learning curves, frontiers, trained share. No display, the same bytes each time."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from atelier.cases import EDITORS
from atelier.report.points import baselines_of, share_points, staircase
from atelier.scoring import MODELS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {
    "baseline": "#c44e52",
    "finetuned": "#2a7f62",
    "copy": "#8c8c8c",
    "composite": "#7aa6c2",
    "target": "#333333",
}
SHOWN = {  # measure → title; the arrow says which way is better
    "clip_directional": "CLIP directional ↑",
    "clip_similarity": "CLIP similarity ↑",
    "lpips_outside": "LPIPS outside ↓",
    "leakage_share": "leakage share ↓",
    "target_mae": "error to exact target ↓",
    "delta_e": "ΔE2000 to the named colour ↓",
}


def plot_measures(report: Mapping[str, Any], path: Path) -> None:
    """One panel per measure, one group per domain: mean and 95 % interval of each model."""
    domains = [name for name in ("seen", "unseen") if name in report]
    figure, axes = _panels(2, 3, width=10.5, height=5.2)
    for axis, (measure, title) in zip(axes, SHOWN.items(), strict=True):
        for d, domain in enumerate(domains):
            for m, model in enumerate(MODELS):
                cell = report[domain].get(model, {}).get(measure)
                if cell:
                    spread = [[cell["mean"] - cell["ci_lo"]], [cell["ci_hi"] - cell["mean"]]]
                    label = model if d == 0 else None
                    place = d + (m - 2) * 0.15
                    axis.errorbar(place, cell["mean"], spread, fmt="o", ms=5, color=COLOURS[model], label=label)
        axis.set_title(title, fontsize=10)
        axis.set_xticks(range(len(domains)), domains)
        axis.margins(x=0.25, y=0.15)
    handles = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=len(MODELS), frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    _save(figure, path)


def plot_losses(curves: Mapping[str, Mapping[str, list[float]]], path: Path) -> None:
    """Learning curves: configuration → {train_loss, val_loss} per epoch, one panel each."""
    figure, axes = _panels(1, 2, width=9, height=3.6)
    for axis, (column, title) in zip(axes, {"train_loss": "training", "val_loss": "validation"}.items(), strict=True):
        for name, losses in curves.items():
            axis.plot(range(1, len(losses[column]) + 1), losses[column], "o-", ms=4, label=name)
        axis.set_title(f"{title} loss", fontsize=10)
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend(frameon=False)
    figure.tight_layout()
    _save(figure, path)


def plot_frontiers(frontier: pd.DataFrame, path: Path) -> None:
    """Edit success against preservation, a panel per domain: every guidance setting, and each editor's frontier.

    Args:
        frontier: columns domain, model, success, preservation (both in [0, 1], higher is better).
    """
    domains = list(frontier["domain"].unique())
    figure, axes = _panels(1, len(domains), width=4.5 * len(domains), height=3.8)
    for axis, domain in zip(axes, domains, strict=True):
        for model in EDITORS:
            points = frontier[(frontier["domain"] == domain) & (frontier["model"] == model)]
            if points.empty:
                continue
            axis.plot(points["preservation"], points["success"], "o", ms=3, alpha=0.5, color=COLOURS[model])
            axis.plot(*zip(*staircase(points), strict=True), color=COLOURS[model], label=model)
        axis.set_title(domain, fontsize=10)
        axis.set(xlim=(0, 1), ylim=(0, 1))
        axis.set_xlabel("preservation →")
        axis.set_ylabel("edit success →")
    axes[0].legend(frameon=False)
    figure.tight_layout()
    _save(figure, path)


def plot_shares(ablations: pd.DataFrame, methods: pd.DataFrame | None, path: Path) -> None:
    """Gain over the baseline against the trained share, a panel per domain and measure.

    Args:
        ablations: `metrics/ablations.csv`, with its baseline rows.
        methods: `metrics/methods.csv`, measured on the same pictures.
    """
    measures = ("clip_directional", "leakage_share")
    points = share_points(ablations, methods, baselines_of(ablations, measures))
    domains = list(points["domain"].unique())
    figure, axes = _panels(len(measures), len(domains), width=4.5 * len(domains), height=6.4)
    panels = [(measure, domain) for measure in measures for domain in domains]
    for axis, (measure, domain) in zip(axes, panels, strict=True):
        for group, left in (("ablation", True), ("method", False)):  # equal shares: their names on either side
            part = points[(points["domain"] == domain) & (points["group"] == group)]
            axis.plot(part["trained_share"], part[measure], "o", ms=5, label=f"{group}s", alpha=0.8)
            for row in part.itertuples():
                place, offset = (row.trained_share, getattr(row, measure)), (-7 if left else 7, -3)
                side = "right" if left else "left"
                axis.annotate(row.label, place, xytext=offset, textcoords="offset points", fontsize=8, ha=side)
        axis.set_xscale("log")
        axis.set_xticks([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1], ["1 %", "2 %", "5 %", "10 %", "20 %", "50 %", "100 %"])
        axis.minorticks_off()
        axis.set_title(f"{domain}: {SHOWN[measure]}", fontsize=10)
        axis.set_xlabel("trained share of the UNet")
        axis.set_ylabel("fine-tuned − baseline")
        axis.margins(0.2)
    axes[0].legend(frameon=False)
    figure.tight_layout()
    _save(figure, path)


def _panels(rows: int, columns: int, width: float, height: float) -> tuple["Figure", list[Any]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110)
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    return figure, axes


def _save(figure: "Figure", path: Path) -> None:
    """PNG without the line that names matplotlib's version."""
    figure.savefig(path, format="png", metadata={"Software": None})
