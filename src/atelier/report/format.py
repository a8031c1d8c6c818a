"""How measures and figures are written: a measure's name, unit and better direction, numbers with a true minus."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DASH = "–"


@dataclass(frozen=True)
class Wording:
    """How a measure is written."""

    name: str  # as a table's heading
    better: int  # 1: higher is better, -1: lower is better, 0: neither
    digits: int = 3

    @property
    def arrow(self) -> str:
        return {1: "\N{NO-BREAK SPACE}↑", -1: "\N{NO-BREAK SPACE}↓", 0: ""}[self.better]


_MEASURES = {
    "clip_similarity": Wording("CLIP similarity", 1, 1),
    "clip_directional": Wording("CLIP directional similarity", 1, 1),
    "clip_inside_box": Wording("CLIP similarity inside the box", 1, 1),
    "image_similarity": Wording("CLIP similarity to the source", 0, 1),
    "pattern_recognised": Wording("pattern recognised", 1),
    "delta_e": Wording("ΔE2000 to the named colour", -1, 2),
    "hue_error": Wording("hue error, degrees", -1, 1),
    "target_mae": Wording("mean absolute error to the exact target", -1),
    "target_rmse": Wording("RMS error to the exact target", -1),
    "target_lpips": Wording("LPIPS to the exact target", -1),
    "leakage_share": Wording("share of the change leaked", -1),
    "leakage_density": Wording("leakage density", -1),
    "right_garment": Wording("right garment", 1),
    "face_change": Wording("change in the face", -1, 4),
    "change": Wording("RMS change", -1, 4),
    "change_inside": Wording("change inside the garment", 0, 4),
    "area": Wording("area under the frontier", 1),
}
_BASES = {
    "lpips": Wording("LPIPS", -1),
    "ssim": Wording("SSIM", 1),
    "psnr": Wording("PSNR, dB", 1, 1),
    "mse": Wording("mean squared error", -1, 5),
}
_ZONES = {
    "outside": "outside the garment",
    "tight": "in the tight zone",
    "context": "in the context zone",
    "background": "in the background",
}
MODELS = {
    "baseline": "baseline",
    "finetuned": "fine-tuned",
    "copy": "copy of the source",
    "composite": "fine-tuned, cut to the garment",
    "target": "exact target",
    "picture_tint": "whole picture tinted",
    "box_tint": "box tinted",
    "dilated": "dilated mask",
    "other_item": "another item's picture",
}


def wording(measure: str) -> Wording:
    """The words for a measure; one that is not known keeps its own name and has no better direction."""
    if measure in _MEASURES:
        return _MEASURES[measure]
    base, _, zone = measure.partition("_")
    if base in _BASES and zone in _ZONES:
        known = _BASES[base]
        return Wording(f"{known.name} {_ZONES[zone]}", known.better, known.digits)
    return _BASES.get(measure, Wording(measure.replace("_", " "), 0))


def heading(measure: str) -> str:
    """A measure as a heading, with an arrow in its better direction."""
    words = wording(measure)
    return words.name + words.arrow


def figure(value: float | None, digits: int, signed: bool = False) -> str:
    """A number with so many decimals and a true minus; a dash for none, NaN and infinity."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("+-")


def mean_of(cell: Mapping[str, Any] | None, digits: int, signed: bool = False) -> str:
    return figure(cell["mean"] if cell else None, digits, signed)


def interval_of(cell: Mapping[str, Any] | None, digits: int, signed: bool = False) -> str:
    """`low … high`; empty where there is no cell."""
    if not cell or "ci_lo" not in cell:
        return ""
    return f"{figure(cell['ci_lo'], digits, signed)} … {figure(cell['ci_hi'], digits, signed)}"


def percent(share: float | None) -> str:
    """A share as a percentage with one decimal; a dash for none."""
    text = figure(None if share is None else 100 * share, 1)
    return text if text == DASH else f"{text} %"


def probability(p: float | None) -> str:
    """A p value with two significant digits: never in exponents, < 0.0001 where it is smaller."""
    if p is None or not math.isfinite(p):
        return DASH
    return "< 0.0001" if p < 1e-4 else f"{float(f'{p:.2g}'):.6f}".rstrip("0").rstrip(".")


def listed(items: list[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
