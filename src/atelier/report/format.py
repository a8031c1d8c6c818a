"""Write numbers for readers: a metric's heading, estimates, shares and p values, with a true minus."""

import math
from collections.abc import Mapping
from typing import Any

from atelier.metrics.registry import metric
from atelier.stats.tables import DASH

ONE_IMAGE = "one image"  # instead of an interval


def heading(key: str) -> str:
    """Return a metric's title with its unit and an arrow in its better direction, such as `PSNR, dB ↑`."""
    one, space = metric(key), "\N{NO-BREAK SPACE}"
    title = ", ".join(filter(None, (one.title, one.unit.replace(" ", space))))
    return f"{title}{space}{one.arrow}" if one.arrow else title


def figure(value: float | None, decimals: int, signed: bool = False) -> str:
    """Return a number with a fixed number of decimals; a dash for None, NaN and infinity."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:{'+' if signed else ''}.{decimals}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("+-")


def mean_of(estimate: Mapping[str, Any] | None, decimals: int, signed: bool = False) -> str:
    """Return an estimate's mean; a dash for None."""
    return figure(estimate["mean"] if estimate else None, decimals, signed)


def interval_of(estimate: Mapping[str, Any] | None, decimals: int, signed: bool = False) -> str:
    """Return an estimate's interval as `low … high`; empty if it has none, `one image` if that is all it is of."""
    if not estimate or "ci_lo" not in estimate:
        return ""
    if is_of_one_image(estimate):
        return ONE_IMAGE
    return f"{figure(estimate['ci_lo'], decimals, signed)} … {figure(estimate['ci_hi'], decimals, signed)}"


def is_of_one_image(estimate: Mapping[str, Any]) -> bool:
    """Whether all edits of an estimate have the same source image: the bootstrap then has nothing to resample."""
    return estimate.get("clusters") == 1


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, `1 edit` or `24 edits`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def percent(share: float | None) -> str:
    """Return a share in [0, 1] as a percentage with one decimal; a dash for None."""
    text = figure(None if share is None else 100 * share, 1)
    return text if text == DASH else f"{text} %"


def probability(p: float | None) -> str:
    """Return a p value with two significant digits and no exponent; `< 0.0001` below that."""
    if p is None or not math.isfinite(p):
        return DASH
    return "< 0.0001" if p < 1e-4 else f"{float(f'{p:.2g}'):.6f}".rstrip("0").rstrip(".")


def domain_label(name: str) -> str:
    """Return a domain's short name: `seen`, `test triplets`."""
    return name.replace("_", " ")


def listed(items: list[str]) -> str:
    """Join items as `a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
