"""Tables of an evaluation: means per prompt and per factor, and its metrics beside the paper's as Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from atelier.common.records import TESTS
from atelier.evaluation.score import OF_PICTURES
from atelier.evaluation.summary import metrics_of
from atelier.metrics.registry import EDITORS, MODELS, beside_paper, metric
from atelier.report import paper
from atelier.report.format import ONE_IMAGE, counted, is_of_one_image, listed
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
    for domain in (*DOMAIN_NAMES, TESTS):
        if domain in report:
            part = report[domain]
            kind = "rendered picture" if part["rendered"] else "photograph"
            title = "Test triplets" if domain == TESTS else f"{DOMAIN_NAMES[domain][0].capitalize()} domain"
            parts += [f"## {title}: {counted(part['sources'], kind)}", describe_kinds(part), _main_table(domain, part)]
            parts += [markdown(_GAIN_COLUMNS, _gains(part)), _ratios(domain, part), describe_left_out(part)]
    return join_parts(filter(None, parts))


def _main_table(domain: str, part: Mapping[str, Any]) -> str:
    theirs = DOMAIN_NAMES.get(domain, ("", ""))[1]
    labels = {"paper": f"paper, {theirs}: {{}}", "editor": "**{}**", "control": "**{}**", "reference": "*{}*"}
    found = rows_beside_paper(domain, part)
    metrics = [one for one in beside_paper("comparison") if any(one.key in row.estimates for row in found)]
    rows = [
        [
            labels[row.source].format(row.name),
            *(number(row.estimates.get(metric.key, {}).get("mean"), metric.decimals) for metric in metrics),
        ]
        for row in found
    ]
    return markdown(["", *(metric.short for metric in metrics)], rows)


def describe_kinds(domain: Mapping[str, Any]) -> str:
    """Say how many test triplets there are of each kind, and which have a comparable target; empty for other sets."""
    counts = {name.replace("_", " "): part["probes"] for name, part in domain.get("kinds", {}).items()}
    if not counts:
        return ""
    text = f"Pairs held out from training: {', '.join(f'{count} {name}' for name, count in counts.items())}."
    if "same item" not in counts:
        return text
    return (
        f"{text} Errors to the true target are of aligned and given pairs alone: the target of a same-item pair is "
        "another photograph, with which only CLIP compares the edit."
    )


def _gains(domain: Mapping[str, Any]) -> list[list[str]]:
    found = {metric(key).title: estimate for key, estimate in domain["gain"].items()}
    over_copy, noops = domain.get("gain_over_copy", {}), domain.get("noop", {}).get("gain", {})
    found |= {f"{metric(key).title}, over the copy": estimate for key, estimate in over_copy.items()}
    found |= {f"{metric(key).title}, no-op": estimate for key, estimate in noops.items()}
    if "gain" in domain.get("frontier", {}):
        found[metric("area").title] = domain["frontier"]["gain"]["area"]
    return [
        [
            name, f"{one['mean']:+.3g}", _interval(one, "+.3g"), f"{one['p']:.2g}",
            f"{one['p_holm']:.2g}" if "p_holm" in one else DASH, f"{one['n']}", f"{one['clusters']}",
        ]
        for name, one in found.items()
    ]  # fmt: skip


def _interval(estimate: Mapping[str, float], form: str) -> str:
    return ONE_IMAGE if is_of_one_image(estimate) else interval(estimate, form)


def describe_left_out(domain: Mapping[str, Any]) -> str:
    """Say how many edits lack a garment or a score of their captions, and why; empty if none does."""
    counts = dict(domain.get("left_out", {}))
    if domain.get("frontier", {}).get("left_out"):
        counts["area"] = domain["frontier"]["left_out"]
    found = [f"{metric(key).title} {count}" for key, count in counts.items()]
    reason = "CLIP does not read their captions whole, or sees no difference between them"
    texts = [f"Edits left out of {', '.join(found)}. {reason}."] if found else []
    if domain.get("no_garment"):
        measured = [metric(key).title for key in OF_PICTURES if key in domain.get("finetuned", {})]
        left_out = (
            f"{domain['no_garment']} edits by prompts that name no garment are in the means of {listed(measured)}"
        )
        texts.insert(0, f"{left_out} alone: the other metrics need a garment.")
    return " ".join(texts)


def _ratios(name: str, domain: Mapping[str, Any]) -> str:
    published = f" (the paper's: {paper.directional_ratio(name):.2f} ×)" if name in DOMAIN_NAMES else ""
    against = {
        "directional_ratio": f"the baseline's{published}",
        "directional_of_target": "the exact target's",
    }
    texts = [
        f"{domain[key]['mean']:.2f} × ({interval(domain[key], '.2f')}) {what}"
        for key, what in against.items()
        if key in domain
    ]
    return f"Directional similarity of the fine-tuned editor: {'; '.join(texts) or DASH}."
