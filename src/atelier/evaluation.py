"""Scores → the report of `evaluate`: means with intervals, and what fine-tuning gained, per domain.

    domain (seen, unseen) → model (baseline, finetuned, copy, composite, target) → measure → {mean, ci_lo, ci_hi, n}
    domain → gain             → measure → fine-tuned − baseline, paired: {mean, ci_lo, ci_hi, p, p_holm, n, clusters}
    domain → gain_over_copy   → the same against the untouched input: an editor must beat doing nothing
    domain → directional_ratio, directional_of_target → fine-tuned ÷ baseline (the paper's: 1.52), ÷ exact target
    domain → colour, pattern  → the gains and ratios of the prompts of that factor alone

Similarities are × 100. LPIPS and SSIM are between *source* and edited picture, as in the paper: preservation, so a copy
is perfect in both, which is why the controls stand beside them. Holm's correction is over the measures of one `gain`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from atelier.measures.statistics import Clusters, holm, interval, sign_flip_p
from atelier.scoring import MODELS

FACTS = ("probe_id", "domain", "source_id", "prompt", "factor", "model")
AGAINST_TARGET = ["target_mae", "target_rmse", "target_lpips"]
DIGITS = 6  # significant digits in reports: below them, rounding differs from machine to machine

Report = dict[str, Any]


def measures_of(scores: pd.DataFrame) -> list[str]:
    """The measures' columns, in order."""
    return [name for name in scores.columns if name not in FACTS]


def summarise(scores: pd.DataFrame, draws: int, seed: int) -> Report:
    """The report of a table that `scoring.score_cases` made; measures and models without any score are left out."""
    return {domain: _summarise_domain(group, draws, seed) for domain, group in scores.groupby("domain", sort=False)}


def _summarise_domain(scores: pd.DataFrame, draws: int, seed: int) -> Report:
    tables, clusters = _align(scores, draws, seed)
    report: Report = {"probes": len(clusters.member), "sources": clusters.counts.shape[1]}
    report |= {model: _describe(table, clusters) for model, table in tables.items()}
    report |= _compare(tables, clusters, draws, seed)
    for factor, part in scores.groupby("factor", sort=True):
        tables, clusters = _align(part, draws, seed)
        report[str(factor)] = {"probes": len(clusters.member)} | _compare(tables, clusters, draws, seed)
    return report


def _align(scores: pd.DataFrame, draws: int, seed: int) -> tuple[dict[str, pd.DataFrame], Clusters]:
    """Model → table (edits × measures), all in the same order of probes (NaN where one has no target), and clusters."""
    sources = scores.drop_duplicates("probe_id").set_index("probe_id")["source_id"].sort_index()
    tables = {}
    for model in MODELS:
        table = scores[scores["model"] == model].set_index("probe_id")[measures_of(scores)]
        if len(table):
            tables[model] = table.reindex(sources.index)
    return tables, Clusters.draw(sources.to_numpy(str), draws, seed)


def _describe(table: pd.DataFrame, clusters: Clusters) -> Report:
    """Mean and interval of each measure that is defined for some edit."""
    table = table.dropna(axis="columns", how="all")
    values = table.to_numpy()
    low, high = interval(clusters.drawn_means(values))
    means, sizes = np.nanmean(values, axis=0), (~np.isnan(values)).sum(0)
    return {
        name: {"mean": _round(means[m]), "ci_lo": _round(low[m]), "ci_hi": _round(high[m]), "n": int(sizes[m])}
        for m, name in enumerate(table.columns)
    }


def _compare(tables: Mapping[str, pd.DataFrame], clusters: Clusters, draws: int, seed: int) -> Report:
    """What fine-tuning gained over the baseline and over doing nothing, and the ratios of directional similarity."""
    tuned = tables["finetuned"]
    report = {"gain": _pair(tuned - tables["baseline"], clusters, draws, seed)}
    over_copy = _pair((tuned - tables["copy"])[AGAINST_TARGET], clusters, draws, seed)
    if over_copy:
        report["gain_over_copy"] = over_copy
    for name, other in (("directional_ratio", "baseline"), ("directional_of_target", "target")):
        if other in tables:
            ratio = _ratio(tuned["clip_directional"], tables[other]["clip_directional"], clusters)
            report |= {name: ratio} if ratio else {}
    return report


def _pair(differences: pd.DataFrame, clusters: Clusters, draws: int, seed: int) -> Report:
    """Paired differences: mean, interval, p of the sign-flip test, and p after Holm over these measures."""
    table = differences.dropna(axis="columns", how="all")
    if table.empty:
        return {}
    values = table.to_numpy()
    p = sign_flip_p(clusters, values, draws, seed)
    adjusted = holm(p)
    _, sizes = clusters.totals(values)
    report = _describe(table, clusters)
    for m, (name, cell) in enumerate(report.items()):
        n = cell.pop("n")
        held = int((sizes[:, m] > 0).sum())
        report[name] = cell | {"p": _round(p[m]), "p_holm": _round(adjusted[m]), "n": n, "clusters": held}
    return report


def _ratio(over: pd.Series, under: pd.Series, clusters: Clusters) -> Report:
    """Ratio of two means over the edits that have both, with its interval.

    Empty where the interval of `under` reaches down to 0: such a ratio has no bounds and says nothing.
    """
    both = pd.concat([over, under], axis=1).to_numpy()
    both[np.isnan(both).any(1)] = np.nan
    if np.isnan(both).all():
        return {}
    drawn = clusters.drawn_means(both)
    if interval(drawn)[0][1] <= 0:
        return {}
    positive = drawn[drawn[:, 1] > 0]
    low, high = interval(positive[:, :1] / positive[:, 1:])
    means = np.nanmean(both, axis=0)
    n = int((~np.isnan(both[:, 0])).sum())
    return {"mean": _round(means[0] / means[1]), "ci_lo": _round(low[0]), "ci_hi": _round(high[0]), "n": n}


def _round(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
