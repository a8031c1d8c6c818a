"""Swept edits → the table of both models' frontiers, and the area under each with its interval.

Legend: D draws, K source pictures (clusters), P points of guidance.
"""

from typing import Any

import numpy as np
import pandas as pd

from atelier.cases import EDITORS
from atelier.cells import add_p, make_cell, significant
from atelier.measures.frontier import area
from atelier.measures.statistics import Clusters, interval

GUIDANCE = ["guidance_text", "guidance_image"]


def tabulate_frontiers(points: pd.DataFrame) -> pd.DataFrame:
    """Out of `sweeping.score_sweep`: domain, model, guidance_text, guidance_image, success, preservation, n (edits)."""
    groups = points.groupby(["domain", "model", *GUIDANCE])
    means = groups[["success", "preservation"]].mean()
    return means.assign(n=groups.size()).reset_index()


def summarise_frontiers(points: pd.DataFrame, draws: int, seed: int) -> dict[str, Any]:
    """Domain → baseline, finetuned, gain → area → cell; the envelope is taken anew in every draw of source pictures.

    The gain's p is of the permutation test that swaps the two models' edits, at all points, by whole source pictures.
    """
    return {str(domain): _summarise(part, draws, seed) for domain, part in points.groupby("domain", sort=False)}


def _summarise(points: pd.DataFrame, draws: int, seed: int) -> dict[str, Any]:
    sources = points.drop_duplicates("probe_id").set_index("probe_id")["source_id"].sort_index()
    clusters = Clusters.draw(sources.to_numpy(str), draws, seed)
    _, sizes = clusters.totals(np.ones((len(sources), 1)))
    scores = [_scores(points[points["model"] == model], sources.index) for model in EDITORS]
    sums = [clusters.totals(values)[0] for values in scores]
    drawn = [_areas(clusters.counts @ total, clusters.counts @ sizes) for total in sums]
    found = [_areas(total.sum(0), sizes.sum()) for total in sums]
    cells = {
        model: {"area": _cell(value, areas, sizes)} for model, value, areas in zip(EDITORS, found, drawn, strict=True)
    }
    gain = _cell(found[1] - found[0], drawn[1] - drawn[0], sizes)
    return cells | {"gain": {"area": add_p(gain, p=significant(_swap_p(sums, sizes.sum(), draws, seed)))}}


def _scores(points: pd.DataFrame, probes: pd.Index) -> np.ndarray:
    """Success at each point, then preservation: (E, 2 P)."""
    parts = [points.pivot(index="probe_id", columns=GUIDANCE, values=name) for name in ("success", "preservation")]
    return np.concatenate([part.reindex(probes).to_numpy(float) for part in parts], axis=1)


def _areas(sums: np.ndarray, sizes: np.ndarray | float) -> np.ndarray:
    """Areas (…) under the frontiers of mean scores, of sums (…, 2 P) over so many edits (…, 1)."""
    successes, preserved = np.split(sums / sizes, 2, axis=-1)
    return area(successes, preserved)


def _swap_p(sums: list[np.ndarray], size: float, draws: int, seed: int) -> float:
    """Two-sided p of the gain: which of two pictures is whose, is as good as tossed if neither model is better."""
    first, second = sums
    swapped = np.random.default_rng(seed).integers(0, 2, (draws, len(first))).astype(float)
    moved = swapped @ (second - first)
    gains = _areas(second.sum(0) - moved, size) - _areas(first.sum(0) + moved, size)
    observed = abs(_areas(second.sum(0), size) - _areas(first.sum(0), size))
    return float((1 + (np.abs(gains) >= observed - 1e-12).sum()) / (1 + draws))


def _cell(value: np.ndarray, drawn: np.ndarray, sizes: np.ndarray) -> dict[str, float | int]:
    low, high = interval(drawn[:, None])
    return make_cell(float(value), (low[0], high[0]), sizes=sizes)
