"""Summary of the scores: means with intervals and what fine-tuning gained, per domain.

    domain (seen, unseen, test_triplets) → probes, sources, rendered (true for rendered images, false for photographs)
    domain → no_garment       → edits by prompts that name no garment, which have few metrics; only where there are any
    domain → left_out         → metric → edits without a score (see `CAPTIONED`); only where there are any
    domain → model (baseline, finetuned, copy, composite, target) → metric → {mean, ci_lo, ci_hi, n, clusters}
    domain → oracles          → reference edit → metric → the same; not compared with the models
    domain → gain             → metric → fine-tuned − baseline, paired: {mean, ci_lo, ci_hi, p, p_holm, n, clusters}
    domain → gain_over_copy   → the same against the untouched input, which an editor must beat
    domain → directional_ratio, directional_of_target → fine-tuned ÷ baseline, ÷ exact target
    domain → colour, pattern, both, fabric, other, variant, whole → gains and ratios of the prompts of that factor alone
    domain → prompts          → prompt → probes, and gain of the key metrics in the edits of that prompt alone
    test_triplets → kinds     → given, same_item, aligned → probes, and the gains and ratios of that kind of pair alone
    domain → noop             → model or gain → change, lpips → an estimate of what a no-op instruction changed
    domain → frontier         → model or gain → area → an estimate (`guidance_sweep`)

n is the number of edits, clusters that of source images, which are the independent units. Similarities are × 100. LPIPS
and SSIM compare *source* and edited image, as in the paper: they measure preservation, and a copy is perfect in both;
therefore the controls are reported too. Holm's correction is over the metrics of one `gain`.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from atelier.common.records import TESTS, WHOLE
from atelier.evaluation.references import REFERENCES
from atelier.metrics.registry import EDITORS, MODELS, beside_paper, key_metrics
from atelier.stats.bootstrap import Clusters
from atelier.stats.estimate import Estimate, compare, estimate_means, ratio, significant

FACTS = ("probe_id", "domain", "source_id", "prompt", "factor", "model")
AGAINST_TARGET = ["target_mae", "target_rmse", "target_lpips"]
HEADLINE_DIGITS = 4
HEADLINE_NAMES = {"clip_directional": "dir", "leakage_share": "leakage", "target_rmse": "rmse"}  # columns are narrow

# Metrics of captions or of the garment's phrase, and the factor of the prompts that have them: an edit has no score
# where CLIP does not read these texts whole or, for directional similarity, sees no difference between the captions.
CAPTIONED = {
    "clip_similarity": None,
    "clip_directional": None,
    "clip_inside_box": None,
    "pattern_recognised": "pattern",
}

OF_CAPTIONS = ("clip_similarity", "clip_directional")  # those of `CAPTIONED` that need no garment

Report = dict[str, Any]


def metrics_of(scores: pd.DataFrame) -> list[str]:
    """Return the metric columns, in order."""
    return [name for name in scores.columns if name not in FACTS]


def summarise(scores: pd.DataFrame, draws: int, seed: int) -> Report:
    """Summarise the table of `score.score_samples` by domain; metrics and models without any score are omitted."""
    return {domain: _summarise_domain(group, draws, seed) for domain, group in scores.groupby("domain", sort=False)}


def summarise_noops(noops: pd.DataFrame, draws: int, seed: int) -> Report:
    """Return domain → summary of the table of `score.score_noops`."""
    report = {}
    for domain, group in noops.groupby("domain", sort=False):
        tables, clusters = _align(group, EDITORS, ["change", "lpips"], draws, seed)
        gain = compare(tables["finetuned"] - tables["baseline"], clusters, draws, seed)
        report[domain] = estimate_means(tables, clusters) | {"gain": gain}
    return report


def summarise_kinds(scores: pd.DataFrame, kinds: Mapping[str, str], draws: int, seed: int) -> Report:
    """Return kind of pair → gains over the test triplets of that kind.

    Args:
        kinds: probe_id → kind; other rows of the scores are left out.
    """
    of_kind = scores.assign(kind=scores["probe_id"].map(kinds)).dropna(subset="kind")
    return {
        str(kind): _compare_part(part.drop(columns="kind"), draws, seed)
        for kind, part in of_kind.groupby("kind", sort=True)
    }


def count_left_out(scores: pd.DataFrame) -> dict[str, int]:
    """Return metric of `CAPTIONED` → number of the fine-tuned editor's edits without a score; only those above 0.

    Edits by prompts that name no garment count only for the metrics that need none.
    """
    tuned = scores[scores["model"] == "finetuned"]
    counts = {}
    for name, factor in CAPTIONED.items():
        if name in tuned:
            expected = tuned["factor"] == factor if factor else (tuned["factor"] != WHOLE) | (name in OF_CAPTIONS)
            counts[name] = int(tuned.loc[expected, name].isna().sum())
    return {name: count for name, count in counts.items() if count}


def headline(report: Report) -> Report:
    """Select what `dvc metrics diff` and `dvc exp show` list: both editors' key measures, short names, few digits.

    The fine-tuned editor's are {domain: {name: mean}}, the baseline's the same under `baseline`. The baseline's error
    to the exact target is left out: with it the table of two domains would be longer than a terminal of 24 lines. A
    measure that a domain lacks (no exact target) is omitted.
    """
    short: Report = {}
    baseline: Report = {}
    for domain, part in report.items():
        if isinstance(part, dict) and "finetuned" in part and domain != TESTS:
            short[domain] = _means(part["finetuned"])
            measured = _means(part.get("baseline", {}))
            baseline[domain] = {name: mean for name, mean in measured.items() if name != "rmse"}
    return short | ({"baseline": baseline} if baseline else {})


def _means(estimates: Mapping[str, Estimate]) -> dict[str, float]:
    """Return the name in metrics/headline.json → mean of the metrics of that view, in the paper's order."""
    return {
        HEADLINE_NAMES.get(one.key, one.headline): significant(estimates[one.key]["mean"], HEADLINE_DIGITS)
        for one in beside_paper("headline")
        if one.key in estimates
    }


def _summarise_domain(scores: pd.DataFrame, draws: int, seed: int) -> Report:
    tables, clusters = _align(scores, (*MODELS, *REFERENCES), metrics_of(scores), draws, seed)
    described = estimate_means(tables, clusters)
    report: Report = {"probes": len(clusters.member), "sources": clusters.counts.shape[1]}
    report["rendered"] = "target" in tables
    no_garment = int(((scores["factor"] == WHOLE) & (scores["model"] == "finetuned")).sum())
    report |= {"no_garment": no_garment} if no_garment else {}
    left_out = count_left_out(scores)
    if left_out:
        report["left_out"] = left_out
    report |= {model: described[model] for model in MODELS if model in described}
    report["oracles"] = {name: described[name] for name in REFERENCES if name in described}
    report |= _compare_models(tables, clusters, draws, seed)
    report |= {str(name): _compare_part(part, draws, seed) for name, part in scores.groupby("factor", sort=True)}
    if not (scores["domain"] == TESTS).any():  # a test triplet's instruction is its own
        by_prompt = scores.groupby("prompt", sort=True)
        report["prompts"] = {str(prompt): _gain(part, draws, seed) for prompt, part in by_prompt}
    return report


def _compare_part(scores: pd.DataFrame, draws: int, seed: int) -> Report:
    """Return how many edits there are, and the gains over them."""
    tables, clusters = _align(scores, MODELS, metrics_of(scores), draws, seed)
    return {"probes": len(clusters.member)} | _compare_models(tables, clusters, draws, seed)


def _gain(scores: pd.DataFrame, draws: int, seed: int) -> Report:
    """Return how many edits there are, and what fine-tuning gained in the key metrics over them."""
    metrics = [one.key for group in key_metrics().values() for one in group if one.key in scores]
    tables, clusters = _align(scores, EDITORS, metrics, draws, seed)
    gain = compare(tables["finetuned"] - tables["baseline"], clusters, draws, seed)
    return {"probes": len(clusters.member), "gain": gain}


def _align(
    scores: pd.DataFrame, models: tuple[str, ...], metrics: list[str], draws: int, seed: int
) -> tuple[dict[str, pd.DataFrame], Clusters]:
    """Return model → table (edits × metrics), all in the same order of probes (NaN for a missing row), and clusters."""
    sources = scores.drop_duplicates("probe_id").set_index("probe_id")["source_id"].sort_index()
    tables = {}
    for model in models:
        table = scores[scores["model"] == model].set_index("probe_id")[metrics]
        if len(table):
            tables[model] = table.reindex(sources.index)
    return tables, Clusters.draw(sources.to_numpy(str), draws, seed)


def _compare_models(tables: Mapping[str, pd.DataFrame], clusters: Clusters, draws: int, seed: int) -> Report:
    """Return the gains of fine-tuning over baseline and copy, and the ratios of directional similarity."""
    tuned = tables["finetuned"]
    report = {"gain": compare(tuned - tables["baseline"], clusters, draws, seed)}
    over_copy = compare((tuned - tables["copy"])[AGAINST_TARGET], clusters, draws, seed)
    if over_copy:
        report["gain_over_copy"] = over_copy
    for name, other in (("directional_ratio", "baseline"), ("directional_of_target", "target")):
        if other in tables:
            estimate = ratio(tuned["clip_directional"], tables[other]["clip_directional"], clusters)
            report |= {name: estimate} if estimate else {}
    return report
