"""The edits beside the usual ones, scored: a sweep over guidance as points of a frontier, and no-op instructions.

Legend: B batch, H W pixels. Pictures are float (B, 3, H, W) in [0, 1].
"""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from atelier.batches import Batch, Scorers, Sources, Texts, iter_batches, pictures
from atelier.cases import EDITORS, Case, Guidance
from atelier.measures import frontier, leakage
from atelier.measures.clip import directional
from atelier.measures.pixel import mean_over

POINTS = ["domain", "source_id", "probe_id", "model", "guidance_text", "guidance_image", "success", "preservation"]
NOOPS = ["domain", "source_id", "probe_id", "model", "change", "lpips"]


def score_sweep(
    sweep: Mapping[Guidance, Sequence[Case]], sources: Sources, scorers: Scorers, batch_size: int
) -> pd.DataFrame:
    """Success and preservation (`measures.frontier`) of every swept edit: `POINTS`, a row per point, model, probe."""
    rows = []
    photographs = [case.probe for cases in sweep.values() for case in cases if case.probe.target is None]
    texts = Texts([text for p in photographs for text in (p.source_caption, p.target_caption)], scorers)
    for point, cases in sweep.items():
        for kind in (True, False):  # a batch is of rendered pictures or of photographs
            alike = [case for case in cases if (case.probe.target is not None) == kind]
            for batch in iter_batches(alike, sources, scorers, batch_size):
                for model in EDITORS:
                    edited = pictures([case.edited[model] for case in batch.cases], scorers)
                    change = leakage.change_map(batch.source, edited, batch.floor)
                    if kind:
                        placed = _place_rendered(edited, change, batch)
                    else:
                        features = sources.features[sources.rows(batch.cases)]
                        placed = _place_photographs(edited, change, batch, features, texts, scorers)
                    rows += [
                        (p.domain, p.source_id, p.probe_id, model, *point, *values)
                        for p, *values in zip(batch.probes, *(part.double().tolist() for part in placed), strict=True)
                    ]
    return pd.DataFrame(rows, columns=POINTS)


def score_noops(cases: Sequence[Case], sources: Sources, scorers: Scorers, batch_size: int) -> pd.DataFrame:
    """What each editor did to pictures that it was asked to leave as they are: a row per picture and model, `NOOPS`.

    `change` is the RMS change above the floor, `lpips` the distance to the source. No directional similarity: the
    captions do not differ, and so there is no direction.
    """
    rows = []
    for batch in iter_batches(cases, sources, scorers, batch_size):
        for model in EDITORS:
            edited = pictures([case.edited[model] for case in batch.cases], scorers)
            moved = leakage.rms(leakage.change_map(batch.source, edited, batch.floor))
            values = moved.double().tolist(), scorers.lpips.distance(batch.source, edited).double().tolist()
            rows += [
                (p.domain, p.source_id, p.probe_id, model, change, lpips)
                for p, change, lpips in zip(batch.probes, *values, strict=True)
            ]
    return pd.DataFrame(rows, columns=NOOPS)


def _place_rendered(edited: torch.Tensor, change: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Success and preservation (B,) against the exact target."""
    parts = batch.source, batch.target, batch.garment
    return (
        frontier.success(batch.source, edited, batch.target, batch.garment),
        frontier.preservation(change, frontier.untouched(*parts), frontier.asked_change(*parts)),
    )


def _place_photographs(
    edited: torch.Tensor, change: torch.Tensor, batch: Batch, source_features: torch.Tensor, texts: Texts,
    scorers: Scorers,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Success by CLIP's direction, preservation against the change that was made."""
    captions = texts([p.source_caption for p in batch.probes]), texts([p.target_caption for p in batch.probes])
    success = directional(source_features, scorers.clip.image_features(edited), *captions).clamp_min(0)
    return success, frontier.preservation(change, 1 - batch.garment, mean_over(change, batch.garment))
