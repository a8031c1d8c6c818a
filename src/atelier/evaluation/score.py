"""Scores of every edit of every model: one table with a row per edit and model, a column per metric.

The models are the two editors (`baseline`, `finetuned`), two controls that need no editor (`copy`: the source itself;
`composite`: the fine-tuned image inside the garment's mask, the source outside) and, where there is an aligned target,
`target`, that target. Reference edits (`references.REFERENCES`) are scored like models.

Legend: B batch, H W pixels. Images are float (B, 3, H, W) in [0, 1], masks (B, 1, H, W) in {0, 1}.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from atelier.common.records import WHOLE
from atelier.evaluation.batches import Batch, Scorers, Sources, Texts, decode_images, features_of, iter_batches, take
from atelier.evaluation.references import REFERENCES, make_references, other_pictures
from atelier.evaluation.samples import Sample, captions_of, choose_referenced, garment_phrase, pattern_captions
from atelier.images.boxes import box_of
from atelier.images.tensors import to_pixels, to_tensor
from atelier.metrics import clip_garment, leakage, pixel, regions
from atelier.metrics.clip import directional, similarity
from atelier.metrics.colour import delta_e, hue_error
from atelier.metrics.lpips import layers_beside, layers_of_repeated, mean_distance
from atelier.metrics.registry import EDITORS, metric
from atelier.text.instructions import RENDERED_PATTERNS
from atelier.text.lexicon import lab_of

OF_PICTURES = (  # metrics that need no garment: those of prompts that name none
    "clip_similarity", "clip_directional", "image_similarity", "lpips", "ssim",
)  # fmt: skip
NOOPS = ["domain", "source_id", "probe_id", "model", "change", "lpips"]

Edited = dict[str, tuple[torch.Tensor, np.ndarray]]  # model → images (B, 3, H, W) and where they are defined, bool (B,)


@dataclass(frozen=True)
class Precomputed:
    """What all models of a batch share."""

    source_features: torch.Tensor  # of CLIP, (B, D)
    captions: tuple[torch.Tensor, torch.Tensor]  # of source and target captions, (B, D) each
    phrase: torch.Tensor  # of the target caption's phrase for the garment, (B, D)
    patterns: torch.Tensor  # of captions that differ in the pattern, (B, N, D)
    source_layers: list[torch.Tensor]  # of LPIPS
    target_layers: list[torch.Tensor]
    boxes: list[list[float]]  # around the garment
    regions: dict[str, torch.Tensor]  # region → mask
    floor_scores: dict[str, torch.Tensor]
    true_target: torch.Tensor  # features of CLIP of a test triplet's target, (B, D); NaN: none
    other: torch.Tensor  # mask of the other garment; empty if there is none
    face: torch.Tensor  # mask of the face; empty if none is known


def score_samples(
    samples: Sequence[Sample],
    sources: Sources,
    scorers: Scorers,
    batch_size: int,
    *,
    controls: bool = True,
    references: int | None = None,
) -> pd.DataFrame:
    """Score every sample under every model that edited it, under the controls and under the reference edits.

    Args:
        controls: False omits controls and reference edits; `finetuned` need not be among the models then.
        references: number of samples per domain whose reference edits are scored (`choose_referenced`); None: all.

    Returns:
        A row per probe and model: probe_id, domain, source_id, prompt, factor, model, and a column per metric, NaN if
        it is not defined (`delta_e` of a pattern prompt, a distance to an unknown target, whatever needs a garment for
        a prompt that names none, a CLIP score of captions that CLIP does not read or between which it sees no
        difference).
    """
    tables = []
    probes = [sample.probe for sample in samples]
    texts = Texts([g for p in probes for g in (captions_of(p), [garment_phrase(p)], pattern_captions(p))], scorers)
    others, referenced = other_pictures(samples), choose_referenced(samples, references)
    with tqdm(total=len(samples), desc="score", unit="probe", disable=None) as progress:
        for batch in iter_batches(samples, sources, scorers, batch_size):
            precomputed = precompute(batch, sources, texts, scorers)
            everywhere = np.ones(len(batch.samples), bool)
            edits: Edited = {
                model: (decode_images([sample.edited[model] for sample in batch.samples], scorers), everywhere)
                for model in batch.samples[0].edited
            }
            if controls:
                edits |= _controls(batch, edits["finetuned"][0])
                edits |= _references(batch, others, referenced)
            for model, (edited, defined) in edits.items():
                rows = np.flatnonzero(defined).tolist()
                parts = edited, batch, precomputed
                if len(rows) < len(defined):
                    parts = tuple(take(part, rows) for part in parts)
                if rows:
                    tables.append(_score(model, *parts, scorers))
            progress.update(len(batch.samples))
    return pd.concat(tables, ignore_index=True)


def score_noops(samples: Sequence[Sample], sources: Sources, scorers: Scorers, batch_size: int) -> pd.DataFrame:
    """Score how far each editor changed images under a no-op instruction: columns `NOOPS`, a row per image and model.

    `change` is the RMS change above the floor, `lpips` the distance to the source. There is no directional similarity:
    the captions do not differ.
    """
    rows = []
    for batch in iter_batches(samples, sources, scorers, batch_size):
        layers = scorers.lpips.features(batch.source)
        for model in EDITORS:
            edited = decode_images([sample.edited[model] for sample in batch.samples], scorers)
            change = leakage.rms(leakage.change_map(batch.source, edited, batch.floor))
            distances = mean_distance(scorers.lpips.differences(layers, scorers.lpips.features(edited)))
            values = change.double().tolist(), distances.double().tolist()
            rows += [
                (p.domain, p.source_id, p.probe_id, model, *both)
                for p, *both in zip(batch.probes, *values, strict=True)
            ]
    return pd.DataFrame(rows, columns=NOOPS)


def networks_of(metrics: Sequence[str]) -> dict[str, str]:
    """Return metric → roles of the networks it depends on ("clip", "lpips + leakage_floor"), if there are any.

    `frontier` is the area under the frontier: on photographs its success is CLIP's directional similarity.
    """
    found = {key: " + ".join(metric(key).rests_on) for key in metrics if metric(key).rests_on}
    return found | {"frontier": "leakage_floor, on photographs + clip"}


def precompute(batch: Batch, sources: Sources, texts: Texts, scorers: Scorers) -> Precomputed:
    """Compute what all models of a batch share: features of sources, targets and texts, regions, masks."""
    probes, rows, lpips = batch.probes, sources.rows(batch.samples), scorers.lpips
    source_layers = layers_of_repeated(batch.source, lpips, [probe.source for probe in probes])
    return Precomputed(
        source_features=sources.features[rows],
        captions=texts([captions_of(probe) for probe in probes]).unbind(1),
        phrase=texts([[garment_phrase(probe)] for probe in probes])[:, 0],
        patterns=texts([pattern_captions(probe) for probe in probes]),
        source_layers=source_layers,
        target_layers=layers_beside(batch.target, lpips, batch.source, source_layers),
        boxes=[box_of(mask) for mask in batch.garment[:, 0].cpu().numpy() > 0],
        regions=regions.region_masks(batch.garment, batch.zones),
        floor_scores={name: scores[rows] for name, scores in sources.floor_scores.items()},
        true_target=features_of([probe.true_target for probe in probes], scorers, sources.features[rows]),
        other=batch.masks([probe.other_mask for probe in probes]),
        face=batch.masks([probe.face_mask for probe in probes]),
    )


def _controls(batch: Batch, finetuned: torch.Tensor) -> Edited:
    """Return the controls of a batch; `composite` is of the fine-tuned editor's images."""
    everywhere = np.ones(len(batch.samples), bool)
    composite = torch.where(batch.zones.tight > 0, finetuned, batch.source)
    named = np.array([probe.factor != WHOLE for probe in batch.probes])
    found = {"copy": (batch.source, everywhere), "composite": (composite, named)}
    found["target"] = (batch.target, batch.exact.cpu().numpy())
    return found


def _references(batch: Batch, others: Mapping[str, bytes | None], referenced: Collection[str]) -> Edited:
    """Return the reference edits of a batch.

    Args:
        others: source_id → image of another source.
        referenced: probe_id of the samples that get reference edits.
    """
    found: Edited = {}
    references = [
        make_references(sample, others[sample.probe.source_id]) if sample.probe.probe_id in referenced else {}
        for sample in batch.samples
    ]
    for name in REFERENCES:
        defined = np.array([name in one for one in references])
        if defined.any():
            edited = batch.source.clone()
            edited[torch.from_numpy(defined)] = to_tensor([one[name] for one in references if name in one]).to(edited)
            found[name] = (edited, defined)
    return found


def _score(model: str, edited: torch.Tensor, batch: Batch, pre: Precomputed, scorers: Scorers) -> pd.DataFrame:
    """Return all scores of one model's images (B, 3, H, W): a row per sample."""
    source, garment = batch.source, batch.garment
    # The copy reuses the source's features: recomputing them in another batch would give it a direction by rounding.
    features = pre.source_features if model == "copy" else scorers.clip.image_features(edited)
    side = scorers.clip.model.config.vision_config.image_size
    boxed = scorers.clip.image_features(clip_garment.crop_squares(edited, pre.boxes, side))
    change = leakage.change_map(source, edited, batch.floor)
    known = {"copy": pre.source_layers, "target": pre.target_layers}
    layers = known[model] if model in known else scorers.lpips.features(edited)
    maps = regions.compare(source, edited, garment, scorers.lpips, pre.source_layers, layers)
    by_region = regions.measure_regions(maps, pre.regions)
    scores = {
        "clip_similarity": 100 * similarity(features, pre.captions[1]),
        "clip_directional": 100 * directional(pre.source_features, features, *pre.captions),
        "image_similarity": 100 * similarity(pre.source_features, features),
        "lpips": mean_distance(maps.differences),
        "ssim": maps.ssim.mean((1, 2, 3)),
        **{f"{name}_outside": by_region[f"{name}_outside"] for name in ("psnr", "ssim", "lpips")},
        "leakage_share": leakage.leakage_share(change, garment),
        "leakage_share_raw": leakage.leakage_share(leakage.change_map(source, edited), garment),
        "leakage_density": leakage.leakage_density(change, garment),
        "target_mae": _where(batch.exact, pixel.absolute_error(edited, batch.target)),
        "target_rmse": _where(batch.exact, pixel.squared_error(edited, batch.target).sqrt()),
        "target_similarity": 100 * similarity(features, pre.true_target),
        "target_lpips": _where(batch.exact, mean_distance(scorers.lpips.differences(layers, pre.target_layers))),
        **_colour_differences(edited, batch),
        "right_garment": leakage.right_garment(change, garment, pre.other),
        "clip_inside_box": 100 * similarity(boxed, pre.phrase),
        "pattern_recognised": _recognised(features, batch, pre),
        "change_inside": leakage.change_inside(source, edited, garment),
        "face_change": pixel.mean_over(change, pre.face),
        "mse_outside": by_region["mse_outside"],
        **regions.above_floor(by_region, pre.floor_scores),
    }
    facts = [(p.probe_id, p.domain, p.source_id, p.prompt, p.factor, model) for p in batch.probes]
    table = pd.DataFrame(facts, columns=["probe_id", "domain", "source_id", "prompt", "factor", "model"])
    table = table.assign(**{name: values.double().cpu().numpy() for name, values in scores.items()})
    table.loc[table["factor"] == WHOLE, [name for name in scores if name not in OF_PICTURES]] = np.nan
    return table


def _recognised(features: torch.Tensor, batch: Batch, pre: Precomputed) -> torch.Tensor:
    """Return whether CLIP recognises the requested pattern, (B,); NaN where none is requested."""
    patterns = [probe.pattern for probe in batch.probes]
    requested = [RENDERED_PATTERNS.index(one) if one in RENDERED_PATTERNS else -1 for one in patterns]
    index = torch.tensor(requested, device=features.device)
    return _where(index >= 0, clip_garment.recognised(features, pre.patterns, index))


def _colour_differences(edited: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
    """Return ΔE2000 and hue error (B,) between garment and named colour; NaN where none is named."""
    pixels, masks = to_pixels(edited), batch.garment[:, 0].cpu().numpy() > 0
    found = {"delta_e": [float("nan")] * len(pixels), "hue_error": [float("nan")] * len(pixels)}
    for row, probe in enumerate(batch.probes):
        if probe.colour:
            for name, measure in (("delta_e", delta_e), ("hue_error", hue_error)):
                found[name][row] = measure(pixels[row], masks[row], lab_of(probe.colour))
    return {name: torch.tensor(values) for name, values in found.items()}


def _where(defined: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    return torch.where(defined, values, torch.full_like(values, torch.nan))
