"""Make matplotlib figures that need no display and have the same bytes each time."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

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


def name_points(axis: "Axes", points: Sequence[tuple[str, tuple[float, float]]], size: float = 8) -> None:
    """Write each point's name beside it where it covers no other point and no other name; call it last.

    Args:
        points: name and (x, y), in the Axes' units.
        size: of the letters, points.
    """
    scale = 72 / axis.figure.dpi
    axis.get_xlim()  # matplotlib updates the limits on request
    centres = [tuple(scale * axis.transData.transform(place)) for _, place in points]
    taken = [Rectangle(x - 4, y - 4, x + 4, y + 4) for x, y in centres]
    for (name, place), (x, y) in zip(points, centres, strict=True):
        width, height = 0.62 * size * len(name), 1.1 * size
        offsets = [(sign * 7, up) for up in (0, 8, -8, 16, -16) for sign in (1, -1)]
        boxes = [
            Rectangle(x + across - (width if across < 0 else 0), y + up - height / 2,
                      x + across + (width if across > 0 else 0), y + up + height / 2)
            for across, up in offsets
        ]  # fmt: skip
        chosen = min(range(len(boxes)), key=lambda n: (sum(boxes[n].overlaps(one) for one in taken), n))
        (across, up), side = offsets[chosen], "left" if offsets[chosen][0] > 0 else "right"
        taken.append(boxes[chosen])
        axis.annotate(name, place, xytext=(across, up), textcoords="offset points", fontsize=size, ha=side, va="center")


class Rectangle(NamedTuple):
    """A box in points."""

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: "Rectangle") -> bool:
        """Return whether the two share an area."""
        across = self.left < other.right and other.left < self.right
        return across and self.bottom < other.top and other.bottom < self.top


def save_png(figure: "Figure", path: Path, dpi: float = 110) -> None:
    """Write a PNG file atomically, without the metadata that names matplotlib's version."""
    with atomic_write(path) as partial:
        figure.savefig(partial, format="png", dpi=dpi, metadata={"Software": None})
