"""Draw metrics with intervals, learning curves, frontiers and gains by trained share.

`draw_…` functions draw on one Axes, for the PNGs here and for the SVGs of the report page alike. They name every marker
by `_label_markers`; the page shows these labels as tooltips.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from atelier.metrics import registry
from atelier.metrics.registry import EDITORS, MODEL_TITLES, MODELS
from atelier.report.comparable import share_points
from atelier.report.format import domain_label, interval_of, mean_of
from atelier.report.format import figure as number
from atelier.stats.figure import add_legend, make_panels, name_points, save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

COLOURS = {
    "baseline": "#c44e52",
    "finetuned": "#2a7f62",
    "copy": "#8c8c8c",
    "composite": "#7aa6c2",
    "target": "#333333",
}
SHARE_METRICS = ("clip_directional", "leakage_share")  # of the figure of gains by trained share
DPI = 110
SEPARATOR = " | "  # between the labels of a line's markers


def plot_measures(report: Mapping[str, Any], path: Path) -> None:
    """Plot one panel per metric: mean and 95 % interval of each model in each domain."""
    domains = {name: report[name] for name in ("seen", "unseen") if name in report}
    shown = registry.view("figure")
    rows = math.ceil(len(shown) / 3)
    figure, axes = make_panels(rows, 3, width=10.5, height=2.6 * rows, dpi=DPI)
    for axis, metric in zip(axes, shown, strict=False):
        draw_metric(axis, domains, metric.key)
        axis.set_title(metric.panel, fontsize=10)
    for axis in axes[len(shown) :]:
        axis.set_visible(False)
    add_legend(figure, 0.06)
    save_png(figure, path)


def draw_metric(axis: "Axes", domains: Mapping[str, Mapping[str, Any]], metric: str) -> None:
    """Draw a metric's mean and 95 % interval for each model, grouped by domain.

    Args:
        domains: name → model → metric → cell.
    """
    for d, (name, domain) in enumerate(domains.items()):
        for m, model in enumerate(MODELS):
            cell = domain.get(model, {}).get(metric)
            if cell:
                spread = [[cell["mean"] - cell["ci_lo"]], [cell["ci_hi"] - cell["mean"]]]
                label = model if d == 0 else None
                place = d + (m - 2) * 0.15
                dot = axis.errorbar(place, cell["mean"], spread, fmt="o", ms=5, color=COLOURS[model], label=label)[0]
                decimals = registry.metric(metric).decimals
                value = f"{mean_of(cell, decimals)} ({interval_of(cell, decimals)}), n = {cell['n']}"
                _label_markers(dot, [f"{name}, {MODEL_TITLES[model]}: {value}"])
    axis.set_xticks(range(len(domains)), map(domain_label, domains))
    axis.margins(x=0.25, y=0.15)


def plot_losses(curves: Mapping[str, Mapping[str, list[float]]], path: Path) -> None:
    """Plot training and validation loss by epoch, one panel each.

    Args:
        curves: configuration → train_loss and val_loss → a value per epoch.
    """
    figure, axes = make_panels(1, 2, width=9, height=3.6, dpi=DPI)
    for axis, (column, title) in zip(axes, {"train_loss": "training", "val_loss": "validation"}.items(), strict=True):
        for name, losses in curves.items():
            draw_curve(axis, name, range(1, len(losses[column]) + 1), losses[column])
        axis.set_title(f"{title} loss", fontsize=10)
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend(frameon=False)
    figure.tight_layout()
    save_png(figure, path)


def draw_curve(axis: "Axes", name: str, x: Sequence[float], y: Sequence[float], **style: Any) -> None:
    """Draw one learning curve with a marker per point.

    Args:
        style: of the line, as `Axes.plot` takes it.
    """
    (line,) = axis.plot(x, y, **({"marker": "o", "ms": 4, "label": name} | style))
    _label_markers(line, [f"{name}, {a:g}: {b:.4g}" for a, b in zip(x, y, strict=True)])


def plot_frontiers(frontier: pd.DataFrame, path: Path) -> None:
    """Plot edit success against preservation, one panel per domain.

    Args:
        frontier: as for `draw_frontier`, and a column domain.
    """
    domains = list(frontier["domain"].unique())
    figure, axes = make_panels(1, len(domains), width=4.5 * len(domains), height=3.8, dpi=DPI)
    for axis, domain in zip(axes, domains, strict=True):
        draw_frontier(axis, frontier[frontier["domain"] == domain])
        axis.set_title(domain, fontsize=10)
    axes[0].legend(frameon=False)
    figure.tight_layout()
    save_png(figure, path)


def draw_frontier(axis: "Axes", frontier: pd.DataFrame) -> None:
    """Draw every guidance setting of one domain, and each editor's frontier.

    Args:
        frontier: columns model, guidance_text, guidance_image, n, success and preservation (both in [0, 1], higher is
            better).
    """
    for model in EDITORS:
        points = frontier[frontier["model"] == model].dropna(subset=["success", "preservation"])
        if points.empty:
            continue
        (dots,) = axis.plot(points["preservation"], points["success"], "o", ms=3, alpha=0.5, color=COLOURS[model])
        _label_markers(
            dots,
            (
                f"{MODEL_TITLES[model]}, guidance text {row.guidance_text:g}, image {row.guidance_image:g}: "
                f"success {row.success:.3f}, preservation {row.preservation:.3f}, n = {row.n:g}"
                for row in points.itertuples()
            ),
        )
        axis.plot(*zip(*staircase(points), strict=True), color=COLOURS[model], label=model)
    axis.set(xlim=(0, 1), ylim=(0, 1))
    axis.set_xlabel("preservation →")
    axis.set_ylabel("edit success →")


def plot_shares(ablations: pd.DataFrame, methods: pd.DataFrame | None, path: Path) -> None:
    """Plot the gain over the baseline against the trained share, one panel per domain and metric; nothing without runs.

    Args:
        ablations: `metrics/ablations.csv`, with its baseline rows.
        methods: `metrics/methods.csv`, with its own.
    """
    points = share_points(ablations, methods, SHARE_METRICS)
    if points.empty:
        return
    domains = list(points["domain"].unique())
    figure, axes = make_panels(len(SHARE_METRICS), len(domains), width=4.5 * len(domains), height=6.4, dpi=DPI)
    panels = [(measure, domain) for measure in SHARE_METRICS for domain in domains]
    for axis, (measure, domain) in zip(axes, panels, strict=True):
        draw_shares(axis, points[points["domain"] == domain], measure)
        axis.set_title(f"{domain}: {registry.metric(measure).panel}", fontsize=10)
    axes[0].legend(frameon=False)
    figure.tight_layout()
    save_png(figure, path)


def draw_shares(axis: "Axes", points: pd.DataFrame, metric: str) -> None:
    """Draw the gain over the baseline against the trained share (logarithmic).

    Args:
        points: columns label, group, trained_share and `metric`, as `share_points` returns them, of one domain.
    """
    points = points if metric in points else points.assign(**{metric: math.nan})
    names: list[tuple[str, tuple[float, float]]] = []
    for group in ("ablation", "method"):
        part = points[points["group"] == group].dropna(subset=[metric])
        places = list(zip(part["trained_share"], part[metric], strict=True))
        (dots,) = axis.plot(part["trained_share"], part[metric], "o", ms=5, label=f"{group}s", alpha=0.8)
        decimals = registry.metric(metric).decimals
        gains = [f"{share:.1%} trained, {number(gain, decimals, signed=True)}" for share, gain in places]
        _label_markers(dots, [f"{name}: {gain}" for name, gain in zip(part["label"], gains, strict=True)])
        names += zip(part["label"], places, strict=True)
    axis.set_xscale("log")
    axis.set_xticks([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1], ["1 %", "2 %", "5 %", "10 %", "20 %", "50 %", "100 %"])
    axis.minorticks_off()
    axis.set_xlabel("trained share of the UNet")
    axis.set_ylabel("fine-tuned − baseline")
    axis.margins(0.2)
    name_points(axis, names)


def _label_markers(line: "Line2D", labels: Iterable[str]) -> None:
    """Name each marker of a line, in the order of its points. They become the id of its group in an SVG."""
    drawn = np.isfinite(line.get_xydata()).all(axis=1)  # a point with NaN has no marker
    line.set_gid(SEPARATOR.join(name for name, finite in zip(labels, drawn, strict=True) if finite))


def non_dominated(points: pd.DataFrame) -> list[tuple[float, float]]:
    """Return (preservation, success) of the settings on the Pareto front, the most preserving first.

    Args:
        points: columns success and preservation, higher is better; rows with NaN are ignored.
    """
    best, kept = float("-inf"), []
    known = points[["preservation", "success"]].dropna()
    for preservation, success in sorted(known.itertuples(index=False, name=None), reverse=True):
        if success > best:
            best = success
            kept.append((preservation, success))
    return kept


def staircase(points: pd.DataFrame) -> list[tuple[float, float]]:
    """Return the corners (preservation, success) of the frontier F, from its most preserving end to 0.

    F(v) is the best success of the settings that preserve at least v; `metrics.frontier.area` is the area below it.
    """
    corners, height = [], 0.0
    for preservation, success in non_dominated(points):
        corners += [(preservation, height), (preservation, success)]
        height = success
    return [*corners, (0.0, height)]
