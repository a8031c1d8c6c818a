"""Make matplotlib figures that need no display and have the same bytes each time."""

from pathlib import Path
from typing import TYPE_CHECKING

from atelier.common.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def make_panels(
    rows: int, columns: int, width: float, height: float, *, labels: float = 8, dpi: float = 100
) -> tuple["Figure", list["Axes"]]:
    """Return a figure and its Axes row by row, without upper and right border.

    Args:
        width: of the figure, inches, as `height`.
        labels: size of the tick labels, points.
        dpi: resolution that the layout is computed for.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=dpi)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=labels)
    return figure, axes


def add_legend(figure: "Figure", bottom: float) -> None:
    """Put one legend of all panels below them and lay the figure out above it.

    Args:
        bottom: share of the figure's height that is kept free for the legend.
    """
    handles = {
        label: handle for axis in figure.axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=len(handles), frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, bottom, 1, 1))


def save_png(figure: "Figure", path: Path, dpi: float = 110) -> None:
    """Write a PNG file atomically, without the metadata that names matplotlib's version."""
    with atomic_write(path) as partial:
        figure.savefig(partial, format="png", dpi=dpi, metadata={"Software": None})
