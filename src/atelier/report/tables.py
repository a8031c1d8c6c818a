"""Tables of an evaluation: per prompt and per factor as CSV, and beside the paper's figures as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from atelier.cells import DIGITS
from atelier.evaluation import metrics_of
from atelier.report import paper
from atelier.scoring import MODELS

DOMAIN_NAMES = {"seen": ("seen", "DeepFashion2"), "unseen": ("unseen", "Fashionpedia")}  # ours, the paper's
_NONE = "–"
_COLUMNS = ("clip_similarity", "clip_directional", "lpips", "ssim")  # what the paper reports too
_GAIN_COLUMNS = ("fine-tuned − baseline", "difference", "95 %", "p", "p (Holm)", "n", "pictures")
_OURS = ("lpips_outside", "leakage_share", "target_mae", "right_garment")


def average(scores: pd.DataFrame, by: str) -> pd.DataFrame:
    """Mean of every measure per domain, `by` (prompt or factor) and model, with the number of edits `n`."""
    order = pd.Categorical(scores["model"], MODELS, ordered=True)
    groups = scores.assign(model=order).groupby(["domain", by, "model"], sort=True, observed=True)
    return pd.concat([groups.size().rename("n"), groups[metrics_of(scores)].mean()], axis=1).reset_index()


def to_csv(table: pd.DataFrame) -> str:
    """The table as CSV text with rounded numbers, so that two equal runs give equal bytes."""
    return table.to_csv(index=False, float_format=f"%.{DIGITS}g", lineterminator="\n")


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column is text, the others are aligned to the right."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def compare_with_paper(report: Mapping[str, Any]) -> str:
    """Markdown: every model of every domain beside the paper's rows, then what fine-tuning gained."""
    networks = "; ".join(f"{role}: {name}" for role, name in report["networks"].items())
    parts = [
        "# Beside the paper",
        "Similarities × 100. LPIPS and SSIM are between source and edited picture, so that a copy of the input is "
        "perfect in both. The paper's networks and pictures differ: compare directions and ratios, not values. Rows in "
        "italics are oracles: edits whose quality is known without looking, for reference.",
        f"Ours by {networks}.",
    ]
    header = [
        "",
        "CLIP",
        "directional",
        "LPIPS",
        "SSIM",
        "LPIPS outside",
        "leakage",
        "error to target",
        "right garment",
    ]
    for domain, (ours, theirs) in DOMAIN_NAMES.items():
        if domain in report:
            rows = [*_paper_rows(domain, theirs), *_our_rows(report[domain])]
            kind = "rendered pictures" if report[domain]["rendered"] else "photographs"
            parts += [f"## {ours.capitalize()} domain: {report[domain]['sources']} {kind}", markdown(header, rows)]
            parts += [markdown(_GAIN_COLUMNS, _gains(report[domain])), _ratios(report[domain])]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def number(cell: Mapping[str, float] | None, digits: int) -> str:
    """A cell's mean with so many decimals, or a dash."""
    return f"{cell['mean']:.{digits}f}" if cell else _NONE


def _paper_rows(domain: str, name: str) -> list[list[str]]:
    rows = []
    for row in paper.MAIN:
        if row.domain == domain:
            values = [f"{row.clip:.2f}", f"{row.directional:.2f}"]
            values += [_NONE if value is None else f"{value:.3f}" for value in (row.lpips, row.ssim)]
            rows.append([f"paper, {name}: {row.label}", *values, *([_NONE] * len(_OURS))])
    return rows


def _our_rows(domain: Mapping[str, Any]) -> list[list[str]]:
    digits = dict.fromkeys(_COLUMNS + _OURS, 3) | {"clip_similarity": 2, "clip_directional": 2, "target_mae": 4}
    models = {f"**{model}**": domain[model] for model in MODELS if model in domain}
    oracles = {f"*{name}*": cells for name, cells in domain["oracles"].items()}
    return [
        [name, *(number(cells.get(measure), digits[measure]) for measure in (*_COLUMNS, *_OURS))]
        for name, cells in (models | oracles).items()
    ]


def _gains(domain: Mapping[str, Any]) -> list[list[str]]:
    found = dict(domain["gain"])
    found |= {f"{measure}, over the copy": cell for measure, cell in domain.get("gain_over_copy", {}).items()}
    found |= {f"{measure}, no-op": cell for measure, cell in domain.get("noop", {}).get("gain", {}).items()}
    if "frontier" in domain:
        found["area under the frontier"] = domain["frontier"]["gain"]["area"]
    return [
        [
            name, f"{cell['mean']:+.3g}", f"{cell['ci_lo']:+.3g} … {cell['ci_hi']:+.3g}", f"{cell['p']:.2g}",
            f"{cell['p_holm']:.2g}" if "p_holm" in cell else _NONE, f"{cell['n']}", f"{cell['clusters']}",
        ]
        for name, cell in found.items()
    ]  # fmt: skip


def _ratios(domain: Mapping[str, Any]) -> str:
    texts = []
    for key, what in (
        ("directional_ratio", f"the baseline's (the paper's: {paper.DIRECTIONAL_RATIO} ×)"),
        ("directional_of_target", "the exact target's"),
    ):
        if key in domain:
            cell = domain[key]
            texts.append(f"{cell['mean']:.2f} × ({cell['ci_lo']:.2f} … {cell['ci_hi']:.2f}) {what}")
    return f"Directional similarity of the fine-tuned editor: {'; '.join(texts) or _NONE}."
