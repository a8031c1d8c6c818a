"""The page's charts: the figures of `report.figures` as inline SVG.

Colours become the CSS variables of the page's theme. Every marker can be reached by pointer and keyboard: it has its
values as label and tooltip.
"""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pandas as pd
from markupsafe import Markup

from atelier.metrics.registry import EDITORS, key_metrics, metric
from atelier.report import figures
from atelier.report.format import domain_label, heading, interval_of, mean_of
from atelier.report.page.answer import verdict
from atelier.report.page.data import term
from atelier.stats.figure import make_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

THEME = {  # colour in a figure → the page's
    "#000000": "var(--ink)",
    figures.COLOURS["target"]: "var(--ink)",
    figures.COLOURS["copy"]: "var(--soft)",
    figures.COLOURS["baseline"]: "var(--base)",
    figures.COLOURS["finetuned"]: "var(--accent)",
    "#1f77b4": "var(--base)",  # matplotlib's first and second: ablations and methods
    "#ff7f0e": "var(--accent)",
}
ZONES = {"tight": "finetuned", "context": "baseline", "background": "copy"}  # zone → whose colour it takes
_SCALE = 1.35  # px per point: 8 pt labels are 11 px high
_DOTS = 40  # a curve with more points has no markers


@dataclass(frozen=True)
class Chart:
    """A chart with its caption."""

    title: str
    svg: Markup
    note: str = ""
    legend: Sequence[tuple[str, str]] = ()  # (CSS class, name) of the legend


@dataclass(frozen=True)
class Panel:
    """A metric in the figure of the answer."""

    group: str
    heading: str
    svg: Markup
    gains: Sequence[tuple[str, str, bool]]  # domain, paired difference with interval, whether it is claimed


def metric_panels(domains: Mapping[str, Mapping[str, Any]]) -> list[Panel]:
    """Return the key metrics that both editors have, with means and intervals by domain."""
    panels = []
    for group, metrics in key_metrics().items():
        for one in metrics:
            shown = {n: d for n, d in domains.items() if all(one.key in d.get(model, {}) for model in EDITORS)}
            if shown:
                gains = [
                    (domain_label(name),
                     f"{mean_of(gain, one.decimals, True)} ({interval_of(gain, one.decimals, True)})",
                     verdict(one.key, gain) != "open")
                    for name, domain in shown.items() if (gain := domain.get("gain", {}).get(one.key))
                ]  # fmt: skip
                label = f"{heading(one.key)}: every model by domain"
                svg = to_svg(partial(figures.draw_metric, domains=shown, metric=one.key), label, 3.5, 2.6)
                panels.append(Panel(group, term(one.key), svg, gains))
    return panels


def frontier_chart(points: pd.DataFrame, domain: str) -> Chart:
    """Return edit success against preservation of one domain: every guidance setting, and each editor's frontier."""
    svg = to_svg(partial(figures.draw_frontier, frontier=points), f"Edit success against preservation, {domain}")
    return Chart(f"{domain.capitalize()}.", svg)


def share_chart(points: pd.DataFrame, domain: str, key: str) -> Chart:
    """Return the gain over the baseline against the trained share, of one domain."""
    set_name, name = domain.capitalize(), metric(key).panel
    label = f"{set_name}: {name}. Gain against trained share"
    title = Markup("{}: {}.").format(set_name, term(key, name))
    return Chart(title, to_svg(partial(figures.draw_shares, points=points, metric=key), label))


def curve_chart(
    title: str, note: str, curves: Mapping[str, tuple[str, pd.DataFrame]], x_label: str, y_label: str
) -> Chart:
    """Return lines over training.

    Args:
        curves: name → (key of `figures.COLOURS`, points with columns x and y).
    """

    def draw(axis: "Axes") -> None:
        for name, (colour, points) in curves.items():
            style = {"marker": "o", "lw": 1.3} if len(points) <= _DOTS else {"marker": "", "lw": 0.5}
            figures.draw_curve(axis, name, points["x"], points["y"], color=figures.COLOURS[colour], **style)
        axis.set(xlabel=x_label, ylabel=y_label)
        axis.xaxis.get_major_locator().set_params(integer=True)

    keys = [(colour, name) for name, (colour, _) in curves.items()] if len(curves) > 1 else ()
    return Chart(title, to_svg(draw, f"{title} {', '.join(curves)}", 4.5, 3.0), note, keys)


def to_svg(draw: Callable[["Axes"], None], label: str, width: float = 4.5, height: float = 3.8) -> Markup:
    """Return a chart as inline SVG; the same bytes for the same chart.

    Args:
        label: what the chart shows, for those who cannot see it; distinct among the charts of a page.
        width: inches, as `height`.
    """
    import matplotlib

    figure, (axis,) = make_panels(1, 1, width, height, dpi=figures.DPI)
    draw(axis)
    figure.tight_layout()
    written = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):  # text as text; ids distinct by label
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(written, format="svg", transparent=True, metadata=nothing)
    root = ElementTree.fromstring(written.getvalue())
    root.remove(root[0])  # a style sheet, which would hold for the whole page
    for element in root.iter():  # HTML needs no namespaces
        element.tag = element.tag.partition("}")[2]
        element.attrib = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    for group in root.iter("g"):
        names = group.attrib.pop("id", "")
        if ": " in names:  # of `draw_…`; matplotlib's own ids, such as axes_1, would occur once a chart
            for marker, name in zip(group.iter("use"), names.split(figures.SEPARATOR), strict=False):  # or no markers
                marker.attrib |= {"class": "dot", "tabindex": "0", "role": "img", "aria-label": name}
                ElementTree.SubElement(marker, "title").text = name
    shown = {"role": "group", "aria-label": label, "style": f"max-width:{width * 72 * _SCALE:.0f}px"}
    root.attrib = {"viewBox": root.attrib["viewBox"]} | shown
    text = ElementTree.tostring(root, encoding="unicode")
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
    return Markup(re.sub("|".join(THEME), lambda found: THEME[found[0]], text))
