"""Scores → cells: a mean with its interval over prompts, and paired differences from the original with p."""

import re
from collections import Counter

import pandas as pd

from atelier.stats.bootstrap import Clusters
from atelier.stats.estimate import Estimate, compare, estimate_means
from studies.anomaly.config import Measuring
from studies.anomaly.rows import ARMS

ORIGINAL = "original"
KINDS = ("frechet", "ssim", "psnr")
_GROUPS = {  # the words of `atelier.metrics.anatomy.faults_of`, in this order → what a table calls them
    r"\d+ heads": "no head, or several", r"\d+ torsos": "several torsos, or none", r"\d+ arms": "not two arms",
    r"\d+ legs": "not two legs", r"\w+ off": "a part off the torso", r"\w+ at the \w+": "a limb at the wrong joint",
    r"\w+ too \w+": "a part too large or too small",
}  # fmt: skip


def _wide(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """A row a picture or group, a column a system."""
    index = ["prompt", "number"] if "number" in table else ["prompt"]
    return table.pivot(index=index, columns="system", values=measure)


def summarise(table: pd.DataFrame, measure: str, family: str, chosen: Measuring) -> dict[str, dict[str, Estimate]]:
    """`levels` by system, and `gain`: each arm minus the original, paired by prompt and noise."""
    wide = _wide(table[table["family"] == family], measure)
    clusters = Clusters.draw(wide.index.get_level_values("prompt").to_numpy(), chosen.draws, chosen.seed)
    gains = pd.DataFrame({arm: wide[arm] - wide[ORIGINAL] for arm in ARMS if arm in wide})
    return {
        "levels": estimate_means({"": wide}, clusters)[""],
        "gain": compare(gains, clusters, chosen.draws, chosen.seed),
    }


def _group(fault: str) -> str:
    return next(name for pattern, name in _GROUPS.items() if re.fullmatch(pattern, fault))


def count_faults(pictures: pd.DataFrame, family: str) -> dict[str, dict[str, int]]:
    """System → kind of fault → in how many of its pictures."""
    found = {}
    for system, rows in pictures[pictures["family"] == family].groupby("system", sort=True):
        texts = [{_group(fault) for fault in text.split("; ")} for text in rows["faults"].fillna("") if text]
        counts = Counter(kind for text in texts for kind in text)
        found[str(system)] = {kind: counts[kind] for kind in _GROUPS.values()}
    return found
