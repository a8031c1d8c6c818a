"""The study's figures: losses with the chosen epoch, scores over epochs, and sheets of samples.

Legend: P images per epoch, S side in px. Images are uint8 (P, S, S, 3), sorted by prompt; the first of each prompt is
shown.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from atelier.common.files import atomic_write
from atelier.images.contact_sheet import SheetRow, contact_sheet
from atelier.stats.figure import make_panels, save_png

COLUMNS = ("the logo", "male, blue sweater", "female, green t-shirt", "products", "billboard", "perfume")
COLOURS = {"dreambooth": "#2a7f62", "lora": "#4c72b0", "textual_inversion": "#c98a1b"}
SHOWN = {"od": "detector ↑", "letters": "letters ↑", "colour_right": "right colour ↑", "memorisation": "memorisation ↓"}


def plot_losses(losses: Mapping[str, Sequence[float]], chosen: Mapping[str, int], path: Path) -> None:
    """Plot one panel per run: its mean loss by epoch, and a red line at the chosen epoch."""
    columns = 4
    rows = -(-len(losses) // columns)
    figure, axes = make_panels(rows, columns, 3.1 * columns, 2.2 * rows, labels=7)
    for axis, (name, values) in zip(axes, losses.items(), strict=False):
        axis.plot(range(1, len(values) + 1), values, color="#333333", lw=1.2)
        axis.axvline(chosen[name], color="#c62828", lw=1)
        axis.set_title(name, fontsize=9)
    for axis in axes[len(losses) :]:
        axis.set_visible(False)
    figure.tight_layout()
    save_png(figure, path, dpi=100)


def plot_epochs(models: pd.DataFrame, methods: Mapping[str, str], path: Path) -> None:
    """Plot one panel per score: every run over its epochs, coloured by method."""
    figure, axes = make_panels(1, len(SHOWN), 12.4, 3.0)
    for axis, (score, title) in zip(axes, SHOWN.items(), strict=True):
        for run, own in models.groupby("run"):
            method = methods[run]
            label = method.replace("_", " ") if method not in {line.get_gid() for line in axis.lines} else None
            axis.plot(
                own["epoch"], own[score], "o-", ms=3, lw=1, alpha=0.7, color=COLOURS[method], label=label, gid=method
            )
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("epoch", fontsize=8)
        axis.set_ylim(-0.03, 1.03)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    save_png(figure, path, dpi=100)


def samples_sheet(rows: Mapping[str, np.ndarray], path: Path) -> None:
    """Draw one row per model, one column per prompt."""
    found = [
        SheetRow(label.split("\n"), [pixels[place * (len(pixels) // 6)] for place in range(6)])
        for label, pixels in rows.items()
    ]
    write_sheet(contact_sheet(COLUMNS, found), path)


def copies_sheet(pairs: Sequence[tuple[str, np.ndarray, np.ndarray]], path: Path) -> None:
    """Draw images beside their nearest training images: label, (S, S, 3), (S, S, 3)."""
    rows = [SheetRow(label.split("\n"), [image, near]) for label, image, near in pairs]
    write_sheet(contact_sheet(["painted", "nearest photograph"], rows), path)


def write_sheet(pixels: np.ndarray, path: Path) -> None:
    """Write a PNG, optimised because it is tracked in git."""
    with atomic_write(path) as partial:
        Image.fromarray(pixels).save(partial, format="PNG", optimize=True)
