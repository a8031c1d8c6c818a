"""The study's two figures: image against prompt similarity of every method, and over scales and training steps."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from atelier.stats.figure import add_legend, make_panels, save_png
from studies.insertion.bootstrap import Cell

COLOURS = {
    "base": "#8c8c8c", "textual_inversion": "#c98a1b", "dreambooth": "#2a7f62", "lora": "#4c72b0",
}  # fmt: skip
OFFSETS = {"textual_inversion": (-4, -10), "dreambooth": (-12, 5), "lora": (5, 3)}  # of labels, points
Point = tuple[Cell, Cell]  # prompt similarity, image similarity


def plot_scatter(points: Mapping[str, Point], baselines: Point, distances: pd.DataFrame, path: Path) -> None:
    """Plot similarities with intervals, left up to the ideal (1, 1), middle enlarged, and distances on the right.

    Args:
        baselines: similarities without training: `-prompt` and `-image`.
        distances: columns method, prompt, image_many: one row per concept.
    """
    figure, axes = make_panels(1, 3, 12.6, 4.2)
    for axis in axes[:2]:
        for name, (prompt, image) in points.items():
            _cross(axis, prompt, image, COLOURS[name], name.replace("_", " "))
        axis.axvline(baselines[0].mean, color="#bbbbbb", lw=1, ls="--", label="-prompt")
        axis.axhline(baselines[1].mean, color="#bbbbbb", lw=1, ls=":", label="-image")
        axis.set_xlabel("prompt similarity →")
        axis.set_ylabel("image similarity →")
    axes[0].plot(1, 1, "*", ms=11, color="#333333", clip_on=False, label="ideal")
    lowest = [min(0.0, *(pair[which].ci_lo for pair in points.values())) - 0.05 for which in (0, 1)]
    axes[0].set(xlim=(lowest[0], 1.02), ylim=(lowest[1], 1.02))
    axes[0].set_title("CLIP similarity, 95 % intervals", fontsize=10)
    axes[1].set_title("the same, near by", fontsize=10)
    for name in points:
        rows = distances[distances["method"] == name]
        axes[2].plot(rows["prompt"], rows["image_many"], "o", ms=4, alpha=0.5, color=COLOURS[name])
        axes[2].plot(rows["prompt"].mean(), rows["image_many"].mean(), "D", ms=7, color=COLOURS[name])
    axes[2].set(xlim=(0, None), ylim=(0, None))
    axes[2].set_xlabel("← distance to the prompt's pictures")
    axes[2].set_ylabel("← distance to photographs")
    axes[2].set_title("Fréchet distance: concepts, and their mean", fontsize=10)
    add_legend(figure, 0.07)
    save_png(figure, path)


def plot_frontier(scales: Mapping[float, Point], epochs: Mapping[str, Mapping[int, Point]], path: Path) -> None:
    """Plot similarities over LoRA's scale, and over the training steps of every method."""
    figure, axes = make_panels(1, 2, 9.6, 4.2)
    _trail(axes[0], {f"{scale:g}": point for scale, point in scales.items()}, "lora")
    axes[0].set_title("LoRA over its scale", fontsize=10)
    for method, points in epochs.items():
        _trail(axes[1], {str(step): point for step, point in points.items()}, method)
    axes[1].set_title("over training steps", fontsize=10)
    for axis in axes:
        axis.set_xlabel("prompt similarity →")
        axis.set_ylabel("image similarity →")
        axis.margins(0.15)
    add_legend(figure, 0.07)
    save_png(figure, path)


def _cross(axis: Axes, prompt: Cell, image: Cell, colour: str, label: str) -> None:
    axis.errorbar(
        prompt.mean, image.mean, xerr=_spread(prompt), yerr=_spread(image), fmt="o", ms=5, color=colour, label=label,
        capsize=2, lw=1,
    )  # fmt: skip


def _trail(axis: Axes, points: Mapping[str, Point], method: str) -> None:
    places = [(prompt.mean, image.mean) for prompt, image in points.values()]
    axis.plot(*zip(*places, strict=True), "o-", ms=4, lw=1, color=COLOURS[method], label=method.replace("_", " "))
    for text, place in zip(points, places, strict=True):
        axis.annotate(text, place, xytext=OFFSETS[method], textcoords="offset points", fontsize=7)


def _spread(found: Cell) -> list[list[float]]:
    return [[max(found.mean - found.ci_lo, 0.0)], [max(found.ci_hi - found.mean, 0.0)]]
