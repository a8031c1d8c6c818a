"""The page's sections on training runs: ablations, learning curves, trained share against gain."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from atelier.report import paper
from atelier.report.format import DASH, figure, heading, percent, wording
from atelier.report.page.charts import curve_chart, share_chart
from atelier.report.page.data import PageData
from atelier.report.page.html import Markup, element, paragraphs, row, section, table
from atelier.report.page.svg import legend
from atelier.report.points import share_points

_PAPER_KEY = {"clip_similarity": "clip", "clip_directional": "directional", "lpips": "lpips", "ssim": "ssim"}
_GAINS = {"clip_directional": "fine-tuned − baseline ↑", "leakage_share": "fine-tuned − baseline ↓"}
_ZONES = {"val_tight": "tight", "val_context": "context", "val_background": "background"}


def ablations(data: PageData) -> Markup | None:
    """Configurations A to D beside the paper's tables 3 and 4."""
    lines = data.ablations
    if lines is None or lines.empty:
        return None
    tables = [
        _ablation_table(domain, lines[lines["domain"] == domain].to_dict("records"))
        for domain in lines["domain"].unique()
    ]
    note = (
        "In each cell ours, and below it the paper's. The losses' scales differ from the paper's: compare their course."
    )
    return section("ablations", "Ablations A to D", *paragraphs(note), *tables)


def _ablation_table(domain: str, records: list[dict[str, Any]]) -> Markup:
    theirs = {line.label: line for line in paper.ABLATIONS if line.domain == domain}
    measures = [measure for measure in _PAPER_KEY if measure in records[0]]
    more = [measure for measure in ("leakage_share", "target_rmse") if measure in records[0]]
    rows = []
    for record in records:
        line = theirs.get(record["config"])
        cells = [percent(record.get("trained_share"))]
        for measure in measures:
            digits = wording(measure).digits
            cells.append(_beside(figure(record[measure], digits), getattr(line, _PAPER_KEY[measure], None), digits))
        cells += [figure(record[measure], wording(measure).digits) for measure in more]
        rows.append(row(record["config"], [*cells, *_losses(record)]))
    header = [
        "",
        "trained",
        *map(heading, measures + more),
        "training loss, epochs 1, 2",
        "validation loss, epochs 1, 2",
    ]
    return table(f"Ablations, {domain}", header, [rows])


def _losses(record: Mapping[str, Any]) -> Iterator[Markup]:
    published = paper.ABLATION_LOSSES.get(record["config"], ((), ()))
    for name, theirs in zip(("train_loss", "val_loss"), published, strict=True):
        values = [record.get(f"{name}_{epoch}", math.nan) for epoch in (1, 2)]
        ours = DASH if all(map(math.isnan, values)) else ", ".join(figure(value, 4) for value in values)
        below = ", ".join(figure(value, 4) for value in theirs)
        yield element("span", ours, element("small", below) if below else None)


def _beside(ours: str, theirs: float | None, digits: int) -> Markup:
    return element("span", ours, None if theirs is None else element("small", figure(theirs, digits)))


def learning_curves(data: PageData) -> Markup | None:
    """Loss by step and by epoch, validation error by zone, validation directional similarity."""
    charts = []
    per_epoch = data.trained.get("steps", 0) / max(data.trained.get("epochs", 1), 1)
    if {"step", "loss"} <= set(data.steps.columns) and len(data.steps):
        curves = [("faint", "training, each step", _points(data.steps, "step", "loss"))]
        if "val_loss" in data.epochs and per_epoch:
            at = data.epochs.assign(step=data.epochs["epoch"] * per_epoch)
            curves.append(("finetuned", "validation, each epoch", _points(at, "step", "val_loss")))
        charts.append(curve_chart("Loss.", "", curves, ("step", "loss")))
    zones = {column: name for column, name in _ZONES.items() if column in data.epochs}
    if zones and len(data.epochs):
        curves = [(name, name, _points(data.epochs, "epoch", column)) for column, name in zones.items()]
        charts.append(curve_chart("Validation error by zone.", "", curves, ("epoch", "error")))
    if "val_directional" in data.epochs and len(data.epochs):
        curves = [("finetuned", "validation", _points(data.epochs, "epoch", "val_directional"))]
        charts.append(curve_chart("CLIP directional similarity.", "On validation edits.", curves, ("epoch", "× 100")))
    note = "Epoch 0 is the editor before fine-tuning."
    body = element("div", *charts, class_="charts")
    return section("curves", "Learning curves", *paragraphs(note), body) if charts else None


def _points(lines: pd.DataFrame, x: str, y: str) -> list[tuple[float, float]]:
    return list(lines[[x, y]].dropna().itertuples(index=False, name=None))


def shares(data: PageData) -> Markup | None:
    """How much of the UNet was trained against what that gained over the baseline."""
    baselines = {
        name: {measure: part["baseline"][measure]["mean"] for measure in _GAINS if measure in part["baseline"]}
        for name, part in data.domains.items()
    }
    points = share_points(data.ablations, data.methods, baselines)
    charts = [
        share_chart(part, domain, measure, label)
        for measure, label in _GAINS.items()
        if measure in points
        for domain, part in points.dropna(subset=[measure, "trained_share"]).groupby("domain", sort=False)
    ]
    if not charts:
        return None
    note = (
        "Configurations A to D and the three methods, each against the same baseline. Ablations and methods differ in "
        "loss and number of steps, so that only points of one colour are alike in all but what was trained."
    )
    keys = [("ablation", "ablations")] if data.ablations is not None else []
    keys += [("method", "methods")] if data.methods is not None else []
    return section(
        "shares",
        "Trained share against gain",
        *paragraphs(note),
        legend(keys),
        element("div", *charts, class_="charts pairs"),
    )
