"""Differences between two arms, over images and, separately, over seeds.

The runs of an arm are named `<arm>-<seed>`. A contrast pairs two arms by seed and by source image. Its interval is over
images (after averaging the runs), because there are many; three seeds are too few for an interval, so their standard
deviation is given, and the number of seeds that agree in sign.

Legend: S seeds, K source images, M metrics.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from atelier.metrics.registry import view
from atelier.stats.bootstrap import Clusters, holm, sign_flip_p
from atelier.stats.tables import DASH

MEASURES = {metric.key: metric for metric in view("losses")}
LABELS = {key: metric.short for key, metric in MEASURES.items()}
LABELS["leakage_share"] = "leakage"  # above the floor; its name in the committed tables and figure
HEADINGS = ["", *LABELS.values()]
DRAWS, SEED = 10_000, 7
LEVEL = 0.05


@dataclass(frozen=True)
class Contrast:
    """One arm minus another, in one domain and one metric."""

    arm: str
    against: str
    domain: str
    measure: str
    mean: float
    ci_lo: float  # over images
    ci_hi: float
    p_holm: float  # within the family of contrasts computed together
    seed_sd: float  # of the seeds' mean differences; NaN for one seed
    agree: int  # seeds whose difference has the mean's sign
    seeds: int
    clusters: int  # source images

    @property
    def verdict(self) -> str:
        """`better`, `worse`, or `–` if the interval includes 0, Holm's p is too large, or a seed disagrees."""
        if self.p_holm >= LEVEL or self.ci_lo <= 0 <= self.ci_hi or self.agree < self.seeds:
            return DASH
        return "better" if self.mean * MEASURES[self.measure].better > 0 else "worse"


def seeds_of(scores: pd.DataFrame, arm: str) -> set[str]:
    """Return the seeds that an arm was run with."""
    return {name.removeprefix(f"{arm}-") for name in scores["run"].unique() if re.fullmatch(rf"{arm}-\d+", name)}


def arm_table(scores: pd.DataFrame, arm: str, domain: str, seeds: Collection[str] | None = None) -> np.ndarray:
    """Return the scores (S, K, M) of an arm's runs, seeds and sources sorted; of all its seeds, or of those given.

    Raises:
        ValueError: the arm has no such run, or its runs have different sources.
    """
    names = [f"{arm}-{seed}" for seed in (seeds_of(scores, arm) if seeds is None else seeds)]
    rows = scores[(scores["domain"] == domain) & scores["run"].isin(names)]
    if rows.empty:
        raise ValueError(f"no run of {arm} in the {domain} domain")
    runs = [group.set_index("source_id").sort_index()[list(MEASURES)] for _, group in rows.groupby("run", sort=True)]
    if any(not run.index.equals(runs[0].index) for run in runs):
        raise ValueError(f"{arm}: its runs have different source images")
    return np.stack([run.to_numpy(float) for run in runs])


def contrast(scores: pd.DataFrame, pairs: Sequence[tuple[str, str]], domain: str) -> list[Contrast]:
    """Compare every pair of arms in every metric, on the seeds that both have; Holm over all, as one family.

    Raises:
        ValueError: two arms have no common seed, or different sources.
    """
    sources = np.sort(scores.loc[scores["domain"] == domain, "source_id"].unique()).astype(str)
    clusters = Clusters.draw(sources, DRAWS, SEED)
    found, chances = [], []
    for arm, against in pairs:
        common = seeds_of(scores, arm) & seeds_of(scores, against)
        tables = [arm_table(scores, name, domain, common) for name in (arm, against)]
        if tables[0].shape != tables[1].shape:
            raise ValueError(f"{arm} and {against}: different source images")
        differences = tables[0] - tables[1]
        by_image, by_seed = differences.mean(0), np.nanmean(differences, 1)
        means, low, high = clusters.estimate(by_image)
        chances.append(sign_flip_p(clusters, by_image, DRAWS, SEED))
        spread = by_seed.std(0, ddof=1) if len(by_seed) > 1 else np.full(len(means), np.nan)
        agree = (np.sign(by_seed) == np.sign(means)).sum(0)
        for m, measure in enumerate(MEASURES):
            held = int((~np.isnan(by_image[:, m])).sum())
            found.append(
                Contrast(arm, against, domain, measure, means[m], low[m], high[m], np.nan, spread[m], int(agree[m]),
                         len(by_seed), held)
            )  # fmt: skip
    adjusted = holm(np.concatenate(chances))
    return [Contrast(**vars(one) | {"p_holm": p}) for one, p in zip(found, adjusted, strict=True)]


def level(scores: pd.DataFrame, arm: str, domain: str) -> dict[str, tuple[float, float]]:
    """Return metric → mean over runs and images, standard deviation between the seeds' means (NaN for one seed)."""
    by_seed = np.nanmean(arm_table(scores, arm, domain), 1)
    spread = by_seed.std(0, ddof=1) if len(by_seed) > 1 else np.full(by_seed.shape[1], np.nan)
    return {name: (by_seed[:, m].mean(), spread[m]) for m, name in enumerate(MEASURES)}
