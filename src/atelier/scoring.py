"""Pictures → scores: every edit of every model, measured once, as one table with a row per edit and model.

The models are the two that made pictures (`baseline`, `finetuned`), two controls that need none (`copy`: the source as
it is; `composite`: the fine-tuned picture inside the garment's mask, the source outside) and, where a picture was
rendered, `target`, the exact answer.

Legend: B batch, H W pixels. Pictures are float (B, 3, H, W) in [0, 1], masks (B, 1, H, W) in {0, 1}.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from atelier.errors import UserError
from atelier.images import from_png, mask_tensor, to_pixels, to_tensor
from atelier.measures import leakage, localisation, pixel
from atelier.measures.clip import ClipScorer, directional, similarity
from atelier.measures.colour import delta_e
from atelier.measures.perceptual import Lpips
from atelier.records import Edit, Probe, Zones
from atelier.world import COLOURS_LAB

EDITORS = ("baseline", "finetuned")
MODELS = (*EDITORS, "copy", "composite", "target")


@dataclass(frozen=True)
class Case:
    """A probe with its zones and the pictures that the editors made of it."""

    probe: Probe
    zones: Zones
    edited: dict[str, bytes]  # model → PNG


@dataclass(frozen=True)
class Scorers:
    """What scores: two networks, and the passage through the editor's VAE and back (its floor is no leakage)."""

    clip: ClipScorer
    lpips: Lpips
    reconstruct: Callable[[torch.Tensor], torch.Tensor]  # (B, 3, H, W) → (B, 3, H, W)
    device: torch.device


@dataclass(frozen=True)
class _Batch:
    """Some cases as tensors."""

    probes: list[Probe]
    source: torch.Tensor
    target: torch.Tensor  # the source where no exact target is known
    has_target: torch.Tensor  # bool (B,)
    tight: torch.Tensor  # the zone that the composite is cut with
    garment: torch.Tensor  # what counts as inside: the exact mask where the picture was rendered, else the tight zone
    other: torch.Tensor  # the other garment; empty where there is none
    floor: torch.Tensor  # (B, 1, H, W): what encoding and decoding alone change
    source_features: torch.Tensor
    captions: tuple[torch.Tensor, torch.Tensor]  # features of source and target captions


def join_cases(probes: Sequence[Probe], zones: Sequence[Zones], edits: dict[str, Sequence[Edit]]) -> list[Case]:
    """Bring the rows of one probe together, in the probes' order; a probe that `mask` refused (no zone) is left out.

    Raises:
        UserError: no probe has a zone, or a model lacks the edit of a probe.
    """
    zone_of = {zone.row_id: zone for zone in zones}
    edit_of = {model: {edit.probe_id: edit.edited for edit in rows} for model, rows in edits.items()}
    cases = []
    for probe in probes:
        if probe.probe_id not in zone_of:
            continue
        for model, rows in edit_of.items():
            if probe.probe_id not in rows:
                raise UserError(
                    f"{model} edits: none of probe {probe.probe_id!r}; run the generate stage for these probes"
                )
        edited = {model: rows[probe.probe_id] for model, rows in edit_of.items()}
        cases.append(Case(probe, zone_of[probe.probe_id], edited))
    if not cases:
        raise UserError(f"zones: none belongs to any of the {len(probes)} probes; run the mask stage for these probes")
    return cases


def score_cases(cases: Sequence[Case], scorers: Scorers, batch_size: int) -> pd.DataFrame:
    """Measure every case under every model.

    Returns a row per probe and model: probe_id, domain, source_id, prompt, factor, model, and a column per measure, NaN
    where a measure is not defined (`delta_e` of a pattern, anything against a target that nobody knows).
    """
    tables = []
    with tqdm(total=len(cases), desc="measure", unit="probe", disable=None) as progress:
        for batch, edited in _batches(cases, scorers, batch_size):
            tables += [_score(model, pictures, batch, scorers) for model, pictures in edited.items()]
            progress.update(len(batch.probes))
    return pd.concat(tables, ignore_index=True)


def _batches(
    cases: Sequence[Case], scorers: Scorers, batch_size: int
) -> Iterator[tuple[_Batch, dict[str, torch.Tensor]]]:
    """The cases as tensors, with the pictures of every model. What belongs to a source is computed once per source."""
    place, features, floors = _prepare_sources(cases, scorers, batch_size)
    texts = sorted({text for case in cases for text in (case.probe.source_caption, case.probe.target_caption)})
    text_at, text_features = {text: index for index, text in enumerate(texts)}, scorers.clip.text_features(texts)
    for start in range(0, len(cases), batch_size):
        chunk = cases[start : start + batch_size]
        probes = [case.probe for case in chunk]
        empty = np.zeros_like(from_png(chunk[0].zones.tight))
        tight = mask_tensor([case.zones.tight for case in chunk])
        garment = mask_tensor([case.probe.exact_mask or case.zones.tight for case in chunk])
        other = torch.stack(
            [
                torch.from_numpy(from_png(p.other_mask) >= 128 if p.other_mask else empty > 0)[None].float()
                for p in probes
            ]
        )
        at = [place[probe.source_id] for probe in probes]
        batch = _Batch(
            probes=probes,
            source=_pictures([probe.source for probe in probes], scorers),
            target=_pictures([probe.target or probe.source for probe in probes], scorers),
            has_target=torch.tensor([probe.target is not None for probe in probes], device=scorers.device),
            tight=tight.to(scorers.device),
            garment=garment.to(scorers.device),
            other=other.to(scorers.device),
            floor=floors[at].to(scorers.device),
            source_features=features[at],
            captions=(
                text_features[[text_at[probe.source_caption] for probe in probes]],
                text_features[[text_at[probe.target_caption] for probe in probes]],
            ),
        )
        made = {model: _pictures([case.edited[model] for case in chunk], scorers) for model in EDITORS}
        composite = torch.where(batch.tight > 0, made["finetuned"], batch.source)
        yield batch, {**made, "copy": batch.source, "composite": composite, "target": batch.target}


def _prepare_sources(
    cases: Sequence[Case], scorers: Scorers, batch_size: int
) -> tuple[dict[str, int], torch.Tensor, torch.Tensor]:
    """source_id → row, CLIP features (S, D) and floors (S, 1, H, W; on the CPU) of the distinct sources."""
    sources = {case.probe.source_id: case.probe.source for case in cases}
    features, floors = [], []
    data = list(sources.values())
    for start in range(0, len(data), batch_size):
        pictures = _pictures(data[start : start + batch_size], scorers)
        features.append(scorers.clip.image_features(pictures, batch_size))
        floors.append(leakage.change_map(pictures, scorers.reconstruct(pictures)).cpu())
    return {name: row for row, name in enumerate(sources)}, torch.cat(features), torch.cat(floors)


def _score(model: str, edited: torch.Tensor, batch: _Batch, scorers: Scorers) -> pd.DataFrame:
    """All measures of one model's pictures (B, 3, H, W)."""
    source, garment = batch.source, batch.garment
    # The copy's features are the source's own, not computed again: rounding must not give it a direction.
    features = batch.source_features if model == "copy" else scorers.clip.image_features(edited)
    change = leakage.change_map(source, edited, batch.floor)
    scores = {
        "clip_similarity": 100 * similarity(features, batch.captions[1]),
        "clip_directional": 100 * directional(batch.source_features, features, *batch.captions),
        "image_similarity": 100 * similarity(batch.source_features, features),
        "lpips": scorers.lpips.distance(source, edited),
        "ssim": pixel.ssim(source, edited),
        "psnr_outside": pixel.psnr(source, edited, garment),
        "ssim_outside": pixel.ssim(source, edited, garment),
        "lpips_outside": scorers.lpips.distance_outside(source, edited, garment),
        "leakage_share": leakage.leakage_share(change, garment),
        "leakage_density": leakage.leakage_density(change, garment),
        "target_mae": _where(batch.has_target, pixel.absolute_error(edited, batch.target)),
        "target_rmse": _where(batch.has_target, pixel.squared_error(edited, batch.target).sqrt()),
        "target_lpips": _where(batch.has_target, scorers.lpips.distance(edited, batch.target)),
        "delta_e": torch.tensor(_colour_differences(edited, batch)),
        "right_garment": localisation.right_garment(change, garment, batch.other),
    }
    facts = [(p.probe_id, p.domain, p.source_id, p.prompt, p.factor, model) for p in batch.probes]
    table = pd.DataFrame(facts, columns=["probe_id", "domain", "source_id", "prompt", "factor", "model"])
    table = table.assign(**{name: values.double().cpu().numpy() for name, values in scores.items()})
    return table[batch.has_target.cpu().numpy()] if model == "target" else table


def _colour_differences(edited: torch.Tensor, batch: _Batch) -> list[float]:
    """ΔE2000 between garment and named colour for the colour prompts; NaN for the others."""
    pixels, masks = to_pixels(edited), batch.garment[:, 0].cpu().numpy() > 0
    return [
        delta_e(pixels[row], masks[row], COLOURS_LAB[probe.value]) if probe.factor == "colour" else float("nan")
        for row, probe in enumerate(batch.probes)
    ]


def _pictures(data: Sequence[bytes], scorers: Scorers) -> torch.Tensor:
    return to_tensor([from_png(png) for png in data]).to(scorers.device)


def _where(known: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    return torch.where(known, values, torch.full_like(values, torch.nan))
