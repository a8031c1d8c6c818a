"""The page's charts: the answer, frontiers, learning curves, trained share against gain."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from atelier.report.format import MODELS, heading, interval_of, mean_of, wording
from atelier.report.format import figure as number
from atelier.report.page.answer import GROUPS, verdict
from atelier.report.page.html import Markup, element
from atelier.report.page.svg import Plot, Scale, drawing, figure, legend, padded, step_of, tick_text, ticks
from atelier.report.points import staircase

EDITORS = ("baseline", "finetuned")
REFERENCES = ("target", "copy")
SHARE_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_ROW, _TOP, _WIDTH = 54.0, 6.0, 360.0


def answer_figure(domains: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Key measures, a panel each and a row a domain: the gain, both editors with intervals, and what frames them."""
    keys = [("baseline", "baseline"), ("finetuned", "fine-tuned"), ("target", "exact target"), ("copy", "copy")]
    note = (
        "Dots are means, bars 95 % intervals over source pictures. Left of them stands the paired difference with its "
        "interval, in bold where it may be claimed. The copy is the source left as it is."
    )
    panels = [
        _panel(measure, group, domains)
        for group, names in GROUPS.items()
        for measure in names
        if _has(domains, measure)
    ]
    return figure("Baseline → fine-tuned.", note, legend(keys), element("div", *panels, class_="panels"), wide=True)


def _has(domains: Mapping[str, Mapping[str, Any]], measure: str) -> bool:
    return any(all(measure in domain.get(model, {}) for model in EDITORS) for domain in domains.values())


def _panel(measure: str, group: str, domains: Mapping[str, Mapping[str, Any]]) -> Markup:
    rows = {name: domain for name, domain in domains.items() if _has({name: domain}, measure)}
    cells = {(name, model): rows[name].get(model, {}).get(measure) for name in rows for model in EDITORS + REFERENCES}
    known = [cell for cell in cells.values() if cell]
    x = Scale(*padded([cell[key] for cell in known for key in ("mean", "ci_lo", "ci_hi")], 0.05), 112, _WIDTH - 12)
    bottom = _TOP + _ROW * len(rows)
    marks = []
    steps = ticks(x.low, x.high)
    for value in steps:
        at = x(value)
        marks.append(element("line", x1=at, x2=at, y1=_TOP, y2=bottom, class_="grid"))
        marks.append(element("text", tick_text(value, step_of(steps)), x=at, y=bottom + 15, class_="tick middle"))
    for place, (name, domain) in enumerate(rows.items()):
        y = _TOP + _ROW * (place + 0.5)
        marks += _row_labels(measure, name, domain.get("gain", {}).get(measure), y)
        marks += _row_marks(measure, name, {model: cells[(name, model)] for model in EDITORS + REFERENCES}, x, y)
    title = f"{heading(measure)}: baseline and fine-tuned by domain"
    head = [element("p", group, class_="eyebrow"), element("h3", heading(measure))]
    return element("div", *head, drawing(title, _WIDTH, bottom + 22, marks), class_="panel")


def _row_labels(measure: str, domain: str, gain: Mapping[str, float] | None, y: float) -> list[Markup]:
    """A row's name, and under it the paired difference with its interval."""
    marks = [element("text", domain, x=0, y=y - 10, class_="label")]
    if gain:
        digits, claimed = wording(measure).digits, verdict(measure, gain) != "open"
        marks.append(
            element("text", mean_of(gain, digits, signed=True), x=0, y=y + 4, class_="claimed" if claimed else "tick")
        )
        marks.append(element("text", interval_of(gain, digits, signed=True), x=0, y=y + 17, class_="tick"))
    return marks


def _row_marks(measure: str, domain: str, cells: Mapping[str, Any], x: Scale, y: float) -> list[Markup]:
    """One domain's marks: the arrow's shaft, two dots with intervals, and the references below the line."""
    digits = wording(measure).digits
    before, after = (x(cells[model]["mean"]) for model in EDITORS)
    marks = [element("line", x1=before, x2=after, y1=y, y2=y, class_="shaft")]
    for model in EDITORS:
        cell = cells[model]
        title = f"{domain}, {MODELS[model]}: {mean_of(cell, digits)} ({interval_of(cell, digits)}), n = {cell['n']}"
        marks.append(element("line", x1=x(cell["ci_lo"]), x2=x(cell["ci_hi"]), y1=y, y2=y, class_=f"bar {model}"))
        marks.append(
            element("circle", element("title", title), cx=x(cell["mean"]), cy=y, r=5.0, class_=f"dot {model}",
                    tabindex=0, role="img", aria_label=title)
        )  # fmt: skip
    low = y + 13
    for model in REFERENCES:
        if cells[model]:
            at = x(cells[model]["mean"])
            title = element("title", f"{domain}, {MODELS[model]}: {mean_of(cells[model], digits)}")
            if model == "copy":
                marks.append(element("rect", title, x=at - 4.5, y=low - 4.5, width=9, height=9, class_="mark copy"))
            else:
                path = f"M{at:.1f} {low - 4:.1f}l4 4l-4 4l-4 -4z"
                marks.append(element("path", title, d=path, class_="mark target"))
    return marks


def frontier_chart(points: pd.DataFrame, domain: str) -> Markup:
    """Edit success against preservation of one domain: every guidance setting, and each model's frontier."""
    points = points.dropna(subset=["success", "preservation"])
    plot = Plot.of((0.0, 1.0), (0.0, 1.0), height=300)
    plot.axes("preservation →", "edit success →")
    for model in (name for name in EDITORS if (points["model"] == name).any()):
        part = points[points["model"] == model]
        plot.line(staircase(part), model)
        for row in part.itertuples():
            title = (
                f"{MODELS[model]}, guidance text {row.guidance_text:g}, image {row.guidance_image:g}: "
                f"success {number(row.success, 3)}, preservation {number(row.preservation, 3)}, n = {row.n:g}"
            )
            plot.dot((row.preservation, row.success), model, title, radius=3.5)
    return figure(f"{domain.capitalize()}.", "", plot.drawing(f"Edit success against preservation, {domain}"))


def curve_chart(
    title: str, note: str, curves: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], labels: tuple[str, str],
    dots: bool = True,
) -> Markup:  # fmt: skip
    """Lines over training: (class, name, points) each; `dots` marks those with few points."""
    everything = [point for _, _, points in curves for point in points]
    plot = Plot.of(padded([x for x, _ in everything], 0.02), padded([y for _, y in everything]), height=230)
    plot.axes(*labels)
    for kind, name, points in curves:
        plot.line(points, kind)
        if dots and len(points) <= 40:
            for x, y in points:
                plot.dot((x, y), kind, f"{name}, {labels[0]} {x:g}: {y:.4g}", radius=3.0)
    key = legend([(kind, name) for kind, name, _ in curves]) if len(curves) > 1 else None
    return figure(title, note, key, plot.drawing(f"{title} {', '.join(name for _, name, _ in curves)}"))


def share_chart(points: pd.DataFrame, domain: str, column: str, label: str) -> Markup:
    """Gain over the baseline against the trained share (logarithmic): columns label, group, trained_share, `column`."""
    low = max(value for value in SHARE_TICKS if value <= max(points["trained_share"].min(), SHARE_TICKS[0]))
    plot = Plot.of((low * 0.85, 1.15), padded(points[column], 0.2), logarithmic=True)
    named = {value: f"{value:.0%}".replace("%", " %") for value in SHARE_TICKS if value >= low}
    plot.axes("trained share of the UNet", label, named)
    places = list(zip(points["trained_share"], points[column], strict=True))
    for place, row in zip(places, points.itertuples(), strict=True):
        value = number(place[1], wording(column).digits, signed=True)
        plot.dot(place, row.group, f"{row.label}: {row.trained_share:.1%} trained, {value}")
    plot.labels(places, list(points["label"]))
    title = f"{domain.capitalize()}: {wording(column).name}."
    return figure(title, "", plot.drawing(f"{title} {label} against trained share"))
