"""Write the page: one file with its style and pictures inside, which fetches nothing and runs no script."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from atelier.common.files import write_text
from atelier.metrics.registry import Metric
from atelier.report.format import counted, interval_of, mean_of, probability
from atelier.report.page import page_style
from atelier.scoring.gallery import Shown, picture_uri
from atelier.scoring.measures import BENCHMARKS, HEADLINES, MEASURES, Measure
from atelier.scoring.summary import Report

UNDER_PICTURE = ("drift_shift", "drift_zoom", "mae_outside", "target_rmse")


def write_page(path: Path, report: Report, rows: Sequence[Shown], refused: Sequence[str]) -> None:
    """Write the page atomically. Equal arguments give equal bytes."""
    write_text(path, render(report, rows, refused))


def render(report: Report, rows: Sequence[Shown], refused: Sequence[str]) -> str:
    """Return the page's HTML.

    Args:
        report: the summary, as summary.json.
        rows: those to show.
        refused: a line for each row or edit that was not scored.
    """
    environment = Environment(
        loader=PackageLoader("atelier.scoring"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    groups = dict.fromkeys(one.group for one in MEASURES.values())
    ours = [one for group in groups if group not in BENCHMARKS for one in _of_group(group, report)]
    return environment.get_template("scores.html").render(
        style=Markup(page_style()),
        lead=_lead(report),
        first=means([MEASURES[key] for key in HEADLINES if MEASURES[key] in ours], report, "Means"),
        differences=[one for pair in report["differences"] if (one := difference(pair, report))],
        groups=[means(found, report, group) for group in groups if group not in BENCHMARKS
                if (found := _of_group(group, report))],
        benchmarks=[(means(found, report, name), note) for name, note in BENCHMARKS.items()
                    if (found := _of_group(name, report))],
        left_out=[(MEASURES[key].metric.title, why) for key, why in report["left_out"].items()],
        networks=report["networks"],
        refused=refused,
        cards=[_card(row) for row in rows],
        not_shown=report["rows"] - len(rows),
        definitions=[(heading(one.metric), one.definition) for one in ours],
    )  # fmt: skip


def heading(one: Metric) -> str:
    """Return a measure's title with its unit and an arrow in its better direction."""
    return f"{', '.join(filter(None, (one.title, one.unit)))} {one.arrow}".rstrip()


def _lead(report: Report) -> str:
    edits, sources = counted(report["edits"], "edit"), counted(report["sources"], "source")
    return f"{edits} of {sources} by {counted(len(report['editors']), 'editor')}."


def _of_group(group: str, report: Report) -> list[Measure]:
    return [one for key, one in MEASURES.items() if one.group == group and key not in report["left_out"]]


def means(found: Sequence[Measure], report: Report, caption: str) -> dict[str, Any]:
    """Return a table for the template: a row per measure, a column per editor with the mean and its interval."""
    editors = report["editors"]
    rows = [
        {"label": heading(one.metric), "cells": [_cell(of.get(one.metric.key), one.metric) for of in editors.values()]}
        for one in found
    ]
    return {"caption": caption, "header": ["measure", *editors], "rows": rows}


def difference(pair: str, report: Report) -> dict[str, Any] | None:
    """Return a table of the paired differences of two editors; None if there are none."""
    rows = []
    for key, estimate in report["differences"][pair].items():
        one = MEASURES[key].metric
        if one.better:
            sure = estimate["p_holm"] < 0.05 and estimate["ci_lo"] * estimate["ci_hi"] > 0
            better = "" if not sure else "better" if estimate["mean"] * one.better > 0 else "worse"
            cells = [_cell(estimate, one, signed=True), (probability(estimate["p"]), ""),
                     (probability(estimate["p_holm"]), ""), (str(estimate["n"]), ""), (better, "")]  # fmt: skip
            rows.append({"label": heading(one), "cells": cells})
    header = ["measure", "difference", "p", "p (Holm)", "n", ""]
    return {"caption": pair, "header": header, "rows": rows} if rows else None


def _cell(estimate: Mapping[str, Any] | None, one: Metric, *, signed: bool = False) -> tuple[str, str]:
    """Return mean and interval as texts."""
    return mean_of(estimate, one.decimals, signed), interval_of(estimate, one.decimals, signed)


def _card(row: Shown) -> dict[str, Any]:
    pictures = [(name, picture_uri(one), []) for name, one in row.pictures.items() if one is not None]
    for editor, picture in row.edits.items():
        told = [
            f"{one.title}: {mean_of({'mean': row.scores[editor][one.key]}, one.decimals)} {one.unit}".rstrip()
            for one in (MEASURES[key].metric for key in UNDER_PICTURE)
            if row.scores[editor][one.key] == row.scores[editor][one.key]  # not NaN
        ]
        pictures.append((editor, picture_uri(picture), told))
    return {"where": row.where, "instruction": row.instruction, "pictures": pictures}
