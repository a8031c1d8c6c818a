"""Scores → the report of `evaluate`: means with intervals, and what fine-tuning gained, per domain.

    domain (seen, unseen) → probes, sources, rendered (or photographs: a domain is never a mixture)
    domain → model (baseline, finetuned, copy, composite, target) → measure → {mean, ci_lo, ci_hi, n, clusters}
    domain → oracles          → oracle → measure → the same: reference rows, never compared with
    domain → gain             → measure → fine-tuned − baseline, paired: {mean, ci_lo, ci_hi, p, p_holm, n, clusters}
    domain → gain_over_copy   → the same against the untouched input: an editor must beat doing nothing
    domain → directional_ratio, directional_of_target → fine-tuned ÷ baseline (the paper's: 1.52), ÷ exact target
    domain → colour, pattern  → the gains and ratios of the prompts of that factor alone
    domain → noop             → model or gain → change, lpips → a cell: what an instruction to change nothing changed
    domain → frontier         → model or gain → area → a cell (`frontiers`)

n is the number of edits, clusters that of source pictures: the independent ones. Similarities are × 100. LPIPS and SSIM
are between *source* and edited picture, as in the paper: preservation, so a copy is perfect in both, which is why the
controls stand beside them. Holm's correction is over the measures of one `gain`.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from atelier import cells
from atelier.cases import EDITORS
from atelier.measures.statistics import Clusters
from atelier.oracles import ORACLES
from atelier.scoring import MODELS

FACTS = ("probe_id", "domain", "source_id", "prompt", "factor", "model")
AGAINST_TARGET = ["target_mae", "target_rmse", "target_lpips"]
HEADLINE = {  # measure of the fine-tuned model → its name in the headline
    "clip_directional": "directional", "clip_similarity": "clip", "lpips_outside": "lpips_outside",
    "leakage_share": "leakage_share", "target_rmse": "target_rmse",
}  # fmt: skip
HEADLINE_DIGITS = 4

Report = dict[str, Any]


def measures_of(scores: pd.DataFrame) -> list[str]:
    """The measures' columns, in order."""
    return [name for name in scores.columns if name not in FACTS]


def summarise(scores: pd.DataFrame, draws: int, seed: int) -> Report:
    """The report of a table that `scoring.score_cases` made; measures and models without any score are left out."""
    return {domain: _summarise_domain(group, draws, seed) for domain, group in scores.groupby("domain", sort=False)}


def summarise_noops(noops: pd.DataFrame, draws: int, seed: int) -> Report:
    """Domain → `noop` part, of a table that `sweeping.score_noops` made."""
    report = {}
    for domain, group in noops.groupby("domain", sort=False):
        tables, clusters = _align(group, EDITORS, ["change", "lpips"], draws, seed)
        gain = cells.compare(tables["finetuned"] - tables["baseline"], clusters, draws, seed)
        report[domain] = cells.describe(tables, clusters) | {"gain": gain}
    return report


def headline(report: Report) -> Report:
    """What `dvc metrics diff` shows in a terminal: eight numbers a domain, short names, few digits.

    The fine-tuned editor's figures, the area under its frontier, and what fine-tuning gained in direction and in area.
    A figure that a domain lacks (no exact target, no sweep) is left out.
    """
    short = {}
    for domain, part in report.items():
        if not isinstance(part, dict) or "finetuned" not in part:
            continue
        frontier = part.get("frontier", {})
        found = {name: part["finetuned"].get(measure) for measure, name in HEADLINE.items()}
        found["frontier"] = frontier.get("finetuned", {}).get("area")
        gained = {
            "directional": part["gain"].get("clip_directional"),
            "frontier": frontier.get("gain", {}).get("area"),
        }
        short[domain] = _means(found) | {"gain": _means(gained)}
    return short


def _means(found: Mapping[str, cells.Cell | None]) -> dict[str, float]:
    return {name: cells.significant(cell["mean"], HEADLINE_DIGITS) for name, cell in found.items() if cell}


def _summarise_domain(scores: pd.DataFrame, draws: int, seed: int) -> Report:
    tables, clusters = _align(scores, (*MODELS, *ORACLES), measures_of(scores), draws, seed)
    described = cells.describe(tables, clusters)
    report: Report = {"probes": len(clusters.member), "sources": clusters.counts.shape[1]}
    report["rendered"] = "target" in tables
    report |= {model: described[model] for model in MODELS if model in described}
    report["oracles"] = {name: described[name] for name in ORACLES if name in described}
    report |= _compare(tables, clusters, draws, seed)
    for factor, part in scores.groupby("factor", sort=True):
        tables, clusters = _align(part, MODELS, measures_of(scores), draws, seed)
        report[str(factor)] = {"probes": len(clusters.member)} | _compare(tables, clusters, draws, seed)
    return report


def _align(
    scores: pd.DataFrame, models: tuple[str, ...], measures: list[str], draws: int, seed: int
) -> tuple[dict[str, pd.DataFrame], Clusters]:
    """Model → table (edits × measures), all in the same order of probes (NaN where one has no row), and clusters."""
    sources = scores.drop_duplicates("probe_id").set_index("probe_id")["source_id"].sort_index()
    tables = {}
    for model in models:
        table = scores[scores["model"] == model].set_index("probe_id")[measures]
        if len(table):
            tables[model] = table.reindex(sources.index)
    return tables, Clusters.draw(sources.to_numpy(str), draws, seed)


def _compare(tables: Mapping[str, pd.DataFrame], clusters: Clusters, draws: int, seed: int) -> Report:
    """What fine-tuning gained over the baseline and over doing nothing, and the ratios of directional similarity."""
    tuned = tables["finetuned"]
    report = {"gain": cells.compare(tuned - tables["baseline"], clusters, draws, seed)}
    over_copy = cells.compare((tuned - tables["copy"])[AGAINST_TARGET], clusters, draws, seed)
    if over_copy:
        report["gain_over_copy"] = over_copy
    for name, other in (("directional_ratio", "baseline"), ("directional_of_target", "target")):
        if other in tables:
            ratio = cells.ratio(tuned["clip_directional"], tables[other]["clip_directional"], clusters)
            report |= {name: ratio} if ratio else {}
    return report
