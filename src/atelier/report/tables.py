"""Tables of an evaluation: means per prompt and per factor, and its metrics beside the paper's as Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from atelier.evaluation.summary import metrics_of
from atelier.metrics.registry import EDITORS, MODELS, beside_paper, metric
from atelier.report import paper
from atelier.stats.tables import DASH, interval, join_parts, markdown, number

DOMAIN_NAMES = {"seen": ("seen", "DeepFashion2"), "unseen": ("unseen", "Fashionpedia")}  # ours, the paper's
_GAIN_COLUMNS = ("fine-tuned − baseline", "difference", "95 %", "p", "p (Holm)", "n", "pictures")


def average(scores: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the mean of every metric per domain, `by` (prompt or factor) and model, with the number of edits `n`."""
    order = pd.Categorical(scores["model"], MODELS, ordered=True)
    groups = scores.assign(model=order).groupby(["domain", by, "model"], sort=True, observed=True)
    return pd.concat([groups.size().rename("n"), groups[metrics_of(scores)].mean()], axis=1).reset_index()


@dataclass(frozen=True)
class Row:
    """A row of the main table: what is measured and its estimates."""

    name: str  # the paper's label, a key of `registry.MODEL_TITLES`, or a reference edit's key
    source: Literal["paper", "editor", "control", "reference"]
    estimates: Mapping[str, Mapping[str, float]]  # metric → {mean, ci_lo, …}; of the paper only {mean}


def rows_beside_paper(domain: str, part: Mapping[str, Any]) -> list[Row]:
    """Return the main table of a domain: the paper's rows, the models, the reference edits.

    Args:
        part: the domain's part of metrics/evaluate.json.
    """
    return [
        *(Row(row.label, "paper", row.estimates()) for row in paper.MAIN if row.domain == domain),
        *(Row(name, "editor" if name in EDITORS else "control", part[name]) for name in MODELS if name in part),
        *(Row(name, "reference", estimates) for name, estimates in part.get("oracles", {}).items()),
    ]


def compare_with_paper(report: Mapping[str, Any]) -> str:
    """Return metrics/evaluate/comparison.md: every model of every domain beside the paper's, then the differences."""
    networks = "; ".join(f"{role}: {name}" for role, name in report["networks"].items())
    parts = [
        "# Beside the paper",
        "Similarities × 100. LPIPS and SSIM are between source and edited picture, so that a copy of the input is "
        "perfect in both. The paper's networks and pictures differ: compare directions and ratios, not values. Rows in "
        "italics are oracles: edits whose quality is known without looking, for reference.",
        f"Ours by {networks}.",
    ]
    metrics = beside_paper("comparison")
    header = ["", *(metric.short for metric in metrics)]
    for domain, (ours, theirs) in DOMAIN_NAMES.items():
        if domain in report:
            labels = {"paper": f"paper, {theirs}: {{}}", "editor": "**{}**", "control": "**{}**", "reference": "*{}*"}
            rows = [
                [
                    labels[row.source].format(row.name),
                    *(number(row.estimates.get(metric.key, {}).get("mean"), metric.decimals) for metric in metrics),
                ]
                for row in rows_beside_paper(domain, report[domain])
            ]
            kind = "rendered pictures" if report[domain]["rendered"] else "photographs"
            parts += [f"## {ours.capitalize()} domain: {report[domain]['sources']} {kind}", markdown(header, rows)]
            parts += [markdown(_GAIN_COLUMNS, _gains(report[domain])), _ratios(domain, report[domain])]
            parts += [describe_left_out(report[domain])]
    return join_parts(parts)


def _gains(domain: Mapping[str, Any]) -> list[list[str]]:
    found = {metric(key).title: estimate for key, estimate in domain["gain"].items()}
    over_copy, noops = domain.get("gain_over_copy", {}), domain.get("noop", {}).get("gain", {})
    found |= {f"{metric(key).title}, over the copy": estimate for key, estimate in over_copy.items()}
    found |= {f"{metric(key).title}, no-op": estimate for key, estimate in noops.items()}
    if "gain" in domain.get("frontier", {}):
        found[metric("area").title] = domain["frontier"]["gain"]["area"]
    return [
        [
            name, f"{one['mean']:+.3g}", interval(one, "+.3g"), f"{one['p']:.2g}",
            f"{one['p_holm']:.2g}" if "p_holm" in one else DASH, f"{one['n']}", f"{one['clusters']}",
        ]
        for name, one in found.items()
    ]  # fmt: skip


def describe_left_out(domain: Mapping[str, Any]) -> str:
    """Say how many edits have no score of their captions, and why; empty if all have one."""
    counts = dict(domain.get("left_out", {}))
    if domain.get("frontier", {}).get("left_out"):
        counts["area"] = domain["frontier"]["left_out"]
    found = [f"{metric(key).title} {count}" for key, count in counts.items()]
    reason = "CLIP does not read their captions whole, or sees no difference between them"
    return f"Edits left out of {', '.join(found)}. {reason}." if found else ""


def _ratios(name: str, domain: Mapping[str, Any]) -> str:
    against = {
        "directional_ratio": f"the baseline's (the paper's: {paper.directional_ratio(name):.2f} ×)",
        "directional_of_target": "the exact target's",
    }
    texts = [
        f"{domain[key]['mean']:.2f} × ({interval(domain[key], '.2f')}) {what}"
        for key, what in against.items()
        if key in domain
    ]
    return f"Directional similarity of the fine-tuned editor: {'; '.join(texts) or DASH}."
