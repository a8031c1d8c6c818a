"""The page's sections on training: ablations, learning curves, trained share against gain, how the page was made.

Each function returns the variables of its template, or None where there is nothing to show.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from atelier.metrics.registry import beside_paper
from atelier.report import paper
from atelier.report.comparable import share_points
from atelier.report.figures import SHARE_METRICS
from atelier.report.format import figure, percent
from atelier.report.page.charts import ZONES, curve_chart, share_chart
from atelier.report.page.data import PageData, Row, Table, above, term
from atelier.report.page.results import Section
from atelier.stats.tables import DASH


def ablations(data: PageData) -> Section | None:
    """Return configurations A to D with the paper's tables 3 and 4, and a sentence on those left out."""
    lines, remark = data.ablations, data.remarks.get("ablations", "")
    if lines is None or lines.empty:
        return {"tables": [], "remark": remark} if remark else None
    lines = paper.add_ablations(lines)
    parts = {name: lines[lines["domain"] == name].to_dict("records") for name in lines["domain"].unique()}
    return {"tables": [_ablation_table(name, part) for name, part in parts.items()], "remark": remark}


def _ablation_table(domain: str, records: list[dict[str, Any]]) -> Table:
    metrics = [one for one in beside_paper("page") if one.key in records[0]]
    rows = []
    for record in records:
        values = [
            above(figure(record[one.key], one.decimals), _values(record, [f"paper_{one.key}"], one.decimals))
            for one in metrics
        ]
        losses = [
            above(_values(record, [f"{name}_1", f"{name}_2"], 4) or DASH,
                  _values(record, [f"paper_{name}_1", f"paper_{name}_2"], 4))
            for name in ("train_loss", "val_loss")
        ]  # fmt: skip
        rows.append(Row(record["config"], [percent(record.get("trained_share")), *values, *losses]))
    header = ["", "trained", *(term(one.key) for one in metrics)]
    return Table(
        f"Ablations, {domain}", [*header, "training loss, epochs 1, 2", "validation loss, epochs 1, 2"], [rows]
    )


def _values(record: Mapping[str, Any], names: list[str], decimals: int) -> str:
    """Return the values under these names; empty where there is none."""
    known = [record[name] for name in names if not pd.isna(record.get(name))]
    return ", ".join(figure(value, decimals) for value in known)


def learning_curves(data: PageData) -> Section | None:
    """Return loss by step and by epoch, validation error by zone, validation directional similarity."""
    charts = []
    per_epoch = data.trained.get("steps", 0) / max(data.trained.get("epochs", 1), 1)
    if {"step", "loss"} <= set(data.steps.columns) and len(data.steps):
        curves = {"training, each step": ("copy", _points(data.steps, "step", "loss"))}
        if "val_loss" in data.epochs and per_epoch:
            steps = data.epochs.assign(step=data.epochs["epoch"] * per_epoch)
            curves["validation, each epoch"] = ("finetuned", _points(steps, "step", "val_loss"))
        charts.append(curve_chart("Loss.", "", curves, "step", "loss"))
    if len(data.epochs):
        zones = {zone: colour for zone, colour in ZONES.items() if f"val_{zone}" in data.epochs}
        curves = {zone: (colour, _points(data.epochs, "epoch", f"val_{zone}")) for zone, colour in zones.items()}
        if curves:
            charts.append(curve_chart("Validation error by zone.", "", curves, "epoch", "mean squared error"))
        if "val_directional" in data.epochs and data.epochs["val_directional"].notna().any():
            curves = {"validation": ("finetuned", _points(data.epochs, "epoch", "val_directional"))}
            note = "On validation edits."
            charts.append(curve_chart("CLIP directional similarity.", note, curves, "epoch", "similarity × 100"))
    return {"charts": charts} if charts else None


def _points(lines: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    return lines[[x, y]].dropna().set_axis(["x", "y"], axis=1)


def shares(data: PageData) -> Section | None:
    """Return charts of how much of the UNet was trained against what that gained over the baseline."""
    points = share_points(data.ablations, data.methods, SHARE_METRICS)
    charts = [
        share_chart(part, domain, key)
        for key in SHARE_METRICS
        if key in points
        for domain, part in points.dropna(subset=[key, "trained_share"]).groupby("domain", sort=False)
    ]
    keys = [(kind, f"{kind}s") for kind in ("ablation", "method") if charts and kind in set(points["group"])]
    remark = data.remarks.get("methods", "")
    return {"charts": charts, "legend": keys, "remark": remark} if charts or remark else None


def making(data: PageData) -> Section:
    """Return tables of what was trained, networks, input digests and seconds per step, and of every parameter."""
    trained = data.trained
    texts = {
        "trained parameters": f"{trained['trained_parameters']:,}" if "trained_parameters" in trained else None,
        "trained share of the UNet": percent(trained["trained_share"]) if "trained_share" in trained else None,
        "steps": trained.get("steps"),
        "epochs": trained.get("epochs"),
        "epoch kept": trained.get("best_epoch"),
    }
    networks = {role.replace("_", " "): name for role, name in data.report.get("networks", {}).items()}
    params = {
        f"{name}.{key}": value
        for name, part in data.params.items()
        for key, value in (part if isinstance(part, dict) else {"": part}).items()
    }
    tables = [_facts("Training", texts), _facts("Networks", networks), _facts("Digests of the inputs", data.digests)]
    timed = data.methods if data.methods is not None and "seconds_per_step" in data.methods else pd.DataFrame()
    if len(timed):
        rows = [
            Row(line["experiment"], [percent(line.get("trained_share")), figure(line["seconds_per_step"], 3)])
            for line in timed.dropna(subset="seconds_per_step").drop_duplicates("experiment").to_dict("records")
        ]
        tables.append(Table("Measured seconds per training step", ["method", "trained", "seconds"], [rows]))
    return {"tables": [*filter(None, tables)], "params": _facts("Parameters", params)}


def _facts(caption: str, facts: Mapping[str, Any]) -> Table | None:
    """Return a table of names and values; None where there are none."""
    rows = [Row(name, [Markup("<code>{}</code>").format(value)]) for name, value in facts.items() if value is not None]
    return Table(caption, ["name", "value"], [rows]) if rows else None
