"""Summarise scores: means of every editor with intervals, and paired differences between editors.

    editors      editor → measure → an estimate (`stats.estimate`): 95 % bootstrap intervals over whole sources
    differences  "second − first" → measure → an estimate of the paired difference, with p and p_holm
    left_out     measure → why no edit has it

Only edits that both editors have are compared. p_holm is Holm's correction over the measures of one pair of editors;
measures under a benchmark's name repeat others and are not compared.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from atelier.scoring.measures import BENCHMARKS, MEASURES, WHY_MISSING
from atelier.stats.bootstrap import Clusters
from atelier.stats.estimate import compare, estimate_means

DRAWS, SEED = 10_000, 7
FACTS = ["row", "source", "editor", "edited", "instruction", "mask", "width", "height"]  # columns beside the measures

Report = dict[str, Any]


def summarise(scores: pd.DataFrame, editors: Sequence[str], draws: int = DRAWS, seed: int = SEED) -> Report:
    """Return the summary of a table with a row per edit: FACTS, and a column per measure (NaN: not defined)."""
    rows = scores.drop_duplicates("row").set_index("row")["source"]
    clusters = Clusters.draw(rows.to_numpy(str), draws, seed)
    present = [name for name in editors if (scores["editor"] == name).any()]
    tables = {
        name: scores[scores["editor"] == name].set_index("row")[list(MEASURES)].reindex(rows.index) for name in present
    }
    compared = [key for key, one in MEASURES.items() if one.group not in BENCHMARKS]
    return {
        "edits": len(scores),
        "rows": len(rows),
        "sources": int(rows.nunique()),
        "editors": estimate_means(tables, clusters),
        "differences": {
            f"{second} − {first}": compare((tables[second] - tables[first])[compared], clusters, draws, seed)
            for first, second in combinations(present, 2)
        },
        "left_out": why_left_out(scores),
    }


def why_left_out(scores: pd.DataFrame, off: Sequence[str] = ()) -> dict[str, str]:
    """Return measure → why no edit has it, for those that none has.

    Args:
        off: roles of the networks that are not used.
    """
    reasons = {}
    for key, one in MEASURES.items():
        if scores[key].isna().all():
            missing = [f"no network for {role} is used" for role in one.metric.rests_on if role in off]
            reasons[key] = "; ".join(missing or [WHY_MISSING[need] for need in one.needs] or [WHY_MISSING[""]])
    return reasons


def summary_table(report: Report) -> pd.DataFrame:
    """Return the estimates of a summary as a table: editor (or a pair, second − first), measure, mean, interval, p."""
    rows = [
        {"editor": editor, "measure": key, "unit": MEASURES[key].metric.unit, **estimate}
        for part in ("editors", "differences")
        for editor, estimates in report[part].items()
        for key, estimate in estimates.items()
    ]
    columns = ["editor", "measure", "unit", "mean", "ci_lo", "ci_hi", "p", "p_holm", "n", "clusters"]
    return pd.DataFrame(rows, columns=columns)
