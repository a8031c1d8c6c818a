"""Scores → estimates: means with intervals over prompts, and paired differences from the original with p."""

import re
from collections import Counter

import pandas as pd

from atelier.stats.bootstrap import Clusters
from atelier.stats.estimate import Estimate, compare, estimate_means
from studies.anomaly.config import Bootstrap
from studies.anomaly.rows import ARMS

ORIGINAL = "original"
KINDS = ("frechet", "ssim", "psnr")
_GROUPS = {  # pattern of a fault from `atelier.metrics.anatomy.faults_of` → its name in a table
    r"\d+ heads": "no head, or several", r"\d+ torsos": "several torsos, or none", r"\d+ arms": "not two arms",
    r"\d+ legs": "not two legs", r"\w+ off": "a part off the torso", r"\w+ at the \w+": "a limb at the wrong joint",
    r"\w+ too \w+": "a part too large or too small",
}  # fmt: skip


def summarise(table: pd.DataFrame, measure: str, family: str, chosen: Bootstrap) -> dict[str, dict[str, Estimate]]:
    """Return `levels` by system, and `gain`: each arm minus the original, paired by prompt and noise."""
    index = ["prompt", "number"] if "number" in table else ["prompt"]
    wide = table[table["family"] == family].pivot(index=index, columns="system", values=measure)
    clusters = Clusters.draw(wide.index.get_level_values("prompt").to_numpy(), chosen.draws, chosen.seed)
    gains = pd.DataFrame({arm: wide[arm] - wide[ORIGINAL] for arm in ARMS if arm in wide})
    return {
        "levels": estimate_means({"": wide}, clusters)[""],
        "gain": compare(gains, clusters, chosen.draws, chosen.seed),
    }


def count_faults(pictures: pd.DataFrame, family: str) -> dict[str, dict[str, int]]:
    """Return system → kind of fault → number of its images with that fault."""

    def kind_of(fault: str) -> str:
        return next(name for pattern, name in _GROUPS.items() if re.fullmatch(pattern, fault))

    found = {}
    for system, rows in pictures[pictures["family"] == family].groupby("system", sort=True):
        texts = [{kind_of(fault) for fault in text.split("; ")} for text in rows["faults"].fillna("") if text]
        counts = Counter(kind for text in texts for kind in text)
        found[str(system)] = {kind: counts[kind] for kind in _GROUPS.values()}
    return found
