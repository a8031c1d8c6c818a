"""The page's section on how it was made: digests, networks, what was trained and how long a step took, parameters."""

from collections.abc import Mapping

import pandas as pd

from atelier.report.format import figure, percent
from atelier.report.page.data import PageData
from atelier.report.page.html import Markup, element, paragraphs, row, section, table


def making(data: PageData) -> Markup:
    """Digests, networks, what was trained and how long a step took, every parameter."""
    trained = {
        "trained parameters": f"{data.trained['trained_parameters']:,}"
        if "trained_parameters" in data.trained
        else None,
        "trained share of the UNet": percent(data.trained["trained_share"])
        if "trained_share" in data.trained
        else None,
        **{name: str(data.trained[name]) for name in ("steps", "epochs") if name in data.trained},
        "epoch kept": str(data.trained["best_epoch"]) if "best_epoch" in data.trained else None,
    }
    networks = {role.replace("_", " "): name for role, name in data.report.get("networks", {}).items()}
    params = {
        f"{name}.{key}": str(value)
        for name, part in data.params.items()
        for key, value in (part if isinstance(part, dict) else {"": part}).items()
    }
    note = (
        "This page bears no date and no revision: equal inputs give the same page, byte for byte, because it is a "
        "hashed output of the pipeline. Its inputs are told by their digests."
    )
    return section(
        "making", "How it was made", *paragraphs(note), _facts("Training", trained), _facts("Networks", networks),
        _facts("Digests", data.digests), _times(data.methods),
        element("details", element("summary", "Every parameter"), _facts("Parameters", params)),
    )  # fmt: skip


def _facts(caption: str, facts: Mapping[str, str | None]) -> Markup | None:
    """A table of names and values; None where there are none."""
    rows = [row(name, [element("code", value)]) for name, value in facts.items() if value is not None]
    return table(caption, ["what", "value"], [rows]) if rows else None


def _times(methods: pd.DataFrame | None) -> Markup | None:
    if methods is None or "seconds_per_step" not in methods:
        return None
    lines = methods.drop_duplicates("experiment").to_dict("records")
    rows = [
        row(line["experiment"], [percent(line.get("trained_share")), figure(line["seconds_per_step"], 3)])
        for line in lines
    ]
    return table("Measured seconds per training step", ["method", "trained", "seconds"], [rows])
