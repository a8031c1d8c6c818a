"""Guidance sweep: success and preservation of the swept edits, and the area under each model's frontier.

Legend: B batch, E edits, P guidance points, K source images (clusters), D draws. Images are float (B, 3, H, W) in
[0, 1].
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from atelier.evaluation.batches import Batch, Scorers, Sources, Texts, decode_images, iter_batches
from atelier.evaluation.samples import Guidance, Sample, captions_of
from atelier.metrics import frontier, leakage
from atelier.metrics.clip import directional
from atelier.metrics.pixel import mean_over
from atelier.metrics.registry import EDITORS
from atelier.stats.bootstrap import Clusters, interval
from atelier.stats.estimate import Estimate, add_p, make_estimate, significant

GUIDANCE = ["guidance_text", "guidance_image"]
POINTS = ["domain", "source_id", "probe_id", "model", *GUIDANCE, "success", "preservation"]


def score_sweep(
    sweep: Mapping[Guidance, Sequence[Sample]], sources: Sources, scorers: Scorers, batch_size: int
) -> pd.DataFrame:
    """Score success and preservation (`metrics.frontier`): columns `POINTS`, a row per guidance, model and probe.

    Success is NaN for a photograph whose captions have no direction; the functions below leave its probe out.
    """
    rows = []
    photographs = [one.probe for samples in sweep.values() for one in samples if one.probe.aligned_target is None]
    texts = Texts(map(captions_of, photographs), scorers)
    for guidance, samples in sweep.items():
        for exact in (True, False):  # a batch has exact targets, or none
            alike = [sample for sample in samples if (sample.probe.aligned_target is not None) == exact]
            for batch in iter_batches(alike, sources, scorers, batch_size):
                for model in EDITORS:
                    edited = decode_images([sample.edited[model] for sample in batch.samples], scorers)
                    scores = _score(edited, batch, sources, texts, scorers)
                    rows += [
                        (p.domain, p.source_id, p.probe_id, model, *guidance, *values)
                        for p, *values in zip(batch.probes, *(part.double().tolist() for part in scores), strict=True)
                    ]
    return pd.DataFrame(rows, columns=POINTS)


def _score(
    edited: torch.Tensor, batch: Batch, sources: Sources, texts: Texts, scorers: Scorers
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return success and preservation (B,): against the exact targets, or by CLIP and leakage for photographs."""
    change, garment = leakage.change_map(batch.source, edited, batch.floor), batch.garment
    if batch.exact.all():
        success = frontier.success(batch.source, edited, batch.target, garment)
        asked = frontier.asked_change(batch.source, batch.target, garment)
        outside = frontier.untouched(batch.source, batch.target, garment)
    else:
        captions = texts([captions_of(probe) for probe in batch.probes]).unbind(1)
        features = sources.features[sources.rows(batch.samples)], scorers.clip.image_features(edited)
        success = directional(*features, *captions).clamp_min(0)
        asked, outside = mean_over(change, garment), 1 - garment
    return success, frontier.preservation(change, outside, asked)


def tabulate_frontiers(points: pd.DataFrame) -> pd.DataFrame:
    """Average `score_sweep`'s table: domain, model, guidance_text, guidance_image, success, preservation, n (edits)."""
    groups = points.dropna(subset="success").groupby(["domain", "model", *GUIDANCE])
    means = groups[["success", "preservation"]].mean()
    return means.assign(n=groups.size()).reset_index()


def summarise_frontiers(points: pd.DataFrame, draws: int, seed: int) -> dict[str, Any]:
    """Return domain → baseline, finetuned, gain → area → estimate; each draw of sources has a frontier of its own.

    `left_out`, where there are any, is the number of probes without a success, of which there is no estimate.

    The gain's p is of the permutation test that swaps the two models' edits, at all guidance points, by whole sources.
    """
    return {str(domain): _summarise(part, draws, seed) for domain, part in points.groupby("domain", sort=False)}


def _summarise(points: pd.DataFrame, draws: int, seed: int) -> dict[str, Any]:
    unscored = points.loc[points["success"].isna(), "probe_id"].unique()
    left_out = {"left_out": len(unscored)} if len(unscored) else {}
    scored = points[~points["probe_id"].isin(unscored)]
    return left_out if scored.empty else _areas_of(scored, draws, seed) | left_out


def _areas_of(points: pd.DataFrame, draws: int, seed: int) -> dict[str, Any]:
    sources = points.drop_duplicates("probe_id").set_index("probe_id")["source_id"].sort_index()
    clusters = Clusters.draw(sources.to_numpy(str), draws, seed)
    _, sizes = clusters.totals(np.ones((len(sources), 1)))
    scores = [_scores(points[points["model"] == model], sources.index) for model in EDITORS]
    sums = [clusters.totals(values)[0] for values in scores]
    drawn = [_areas(clusters.counts @ total, clusters.counts @ sizes) for total in sums]
    areas = [_areas(total.sum(0), sizes.sum()) for total in sums]
    estimates = {
        model: {"area": _estimate(*values, sizes)} for model, *values in zip(EDITORS, areas, drawn, strict=True)
    }
    gain = _estimate(areas[1] - areas[0], drawn[1] - drawn[0], sizes)
    return estimates | {"gain": {"area": add_p(gain, p=significant(_swap_p(sums, sizes.sum(), draws, seed)))}}


def _scores(points: pd.DataFrame, probes: pd.Index) -> np.ndarray:
    """Return success at each guidance point, then preservation: (E, 2 P)."""
    parts = [points.pivot(index="probe_id", columns=GUIDANCE, values=name) for name in ("success", "preservation")]
    return np.concatenate([part.reindex(probes).to_numpy(float) for part in parts], axis=1)


def _areas(sums: np.ndarray, sizes: np.ndarray | float) -> np.ndarray:
    """Return areas (…) under the frontiers of mean scores, from sums (…, 2 P) over numbers of edits (…, 1)."""
    return frontier.area(*np.split(sums / sizes, 2, axis=-1))


def _swap_p(sums: list[np.ndarray], size: float, draws: int, seed: int) -> float:
    """Return two-sided p of the gain: under the null hypothesis the two models are exchangeable for each source."""
    first, second = sums
    swapped = np.random.default_rng(seed).integers(0, 2, (draws, len(first))).astype(float)
    moved = swapped @ (second - first)
    gains = _areas(second.sum(0) - moved, size) - _areas(first.sum(0) + moved, size)
    observed = abs(_areas(second.sum(0), size) - _areas(first.sum(0), size))
    return float((1 + (np.abs(gains) >= observed - 1e-12).sum()) / (1 + draws))


def _estimate(value: np.ndarray, drawn: np.ndarray, sizes: np.ndarray) -> Estimate:
    low, high = interval(drawn[:, None])
    return make_estimate(float(value), (low[0], high[0]), sizes=sizes)
