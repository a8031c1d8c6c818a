"""Pictures → scores: every edit of every model, measured once, as one table with a row per edit and model.

The models are the two that made pictures (`baseline`, `finetuned`), two controls that need none (`copy`: the source as
it is; `composite`: the fine-tuned picture inside the garment's mask, the source outside) and, where a picture was
rendered, `target`, the exact answer. The oracles (`oracles.ORACLES`) are scored beside them, as further models.

Legend: B batch, H W pixels. Pictures are float (B, 3, H, W) in [0, 1], masks (B, 1, H, W) in {0, 1}.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from atelier.batches import Batch, Scorers, Sources, Texts, iter_batches, pictures, prepare_sources
from atelier.cases import EDITORS, Case
from atelier.images import to_pixels, to_tensor
from atelier.instructions import PATTERNS
from atelier.measures import leakage, localisation, pixel, recognition, regions
from atelier.measures.clip import directional, similarity
from atelier.measures.colour import delta_e, hue_error
from atelier.measures.perceptual import mean_distance
from atelier.oracles import ORACLES, draw_oracles, other_pictures
from atelier.trimap import box_of
from atelier.world import COLOURS_LAB

__all__ = ["MODELS", "Case", "Scorers", "networks_of", "prepare_sources", "score_cases"]

MODELS = (*EDITORS, "copy", "composite", "target")
RESTS_ON = {  # a network's role → the measures that rest on it; the VAE's are those that its floor is taken off
    "clip": ("clip_*", "image_similarity", "pattern_recognised"),
    "lpips": ("lpips*", "target_lpips"),
    "leakage_floor": ("leakage_*", "right_garment", "face_change", "*_above_floor"),
}


Edited = dict[str, tuple[torch.Tensor, np.ndarray]]  # model → pictures (B, 3, H, W); where it is defined, bool (B,)


@dataclass(frozen=True)
class _Known:
    """What is the same of a batch for every model."""

    source_features: torch.Tensor  # CLIP's, (B, D)
    captions: tuple[torch.Tensor, torch.Tensor]  # of source and target captions, (B, D) each
    phrase: torch.Tensor  # of what the target caption says of the garment, (B, D)
    patterns: torch.Tensor  # of the captions that differ in the pattern, (B, N, D)
    source_layers: list[torch.Tensor]  # LPIPS'
    target_layers: list[torch.Tensor]
    boxes: list[list[float]]  # around the garment
    regions: dict[str, torch.Tensor]  # region → mask
    floor_scores: dict[str, torch.Tensor]
    other: torch.Tensor  # mask of the other garment; empty where there is none
    face: torch.Tensor  # mask of the face; empty where none is known


def score_cases(
    cases: Sequence[Case], sources: Sources, scorers: Scorers, batch_size: int, *, controls: bool = True
) -> pd.DataFrame:
    """Measure every case under every model that edited it and, beside them, under the controls and oracles.

    Args:
        controls: False leaves controls and oracles out, and any one model will do.

    Returns a row per probe and model: probe_id, domain, source_id, prompt, factor, model, and a column per measure, NaN
    where a measure is not defined (`delta_e` of a pattern, anything against a target that nobody knows).
    """
    tables = []
    texts = Texts([text for case in cases for text in _texts_of(case)], scorers)
    others = other_pictures(cases)
    with tqdm(total=len(cases), desc="measure", unit="probe", disable=None) as progress:
        for batch in iter_batches(cases, sources, scorers, batch_size):
            known = _know(batch, sources, texts, scorers)
            made = _made(batch, scorers)
            beside = _controls(batch, made["finetuned"][0], others) if controls else {}
            for model, (edited, defined) in (made | beside).items():
                tables.append(_score(model, edited, batch, known, scorers)[defined])
            progress.update(len(batch.cases))
    return pd.concat(tables, ignore_index=True)


def networks_of(measures: Sequence[str]) -> dict[str, str]:
    """Measure → the roles of the networks it rests on ("clip", "lpips + leakage_floor"); the others are left out.

    `frontier` is the area under the frontier: on photographs its success is CLIP's directional similarity.
    """
    found = {}
    for measure in measures:
        roles = [role for role, names in RESTS_ON.items() if any(fnmatchcase(measure, name) for name in names)]
        if roles:
            found[measure] = " + ".join(roles)
    return found | {"frontier": "leakage_floor, on photographs + clip"}


def _texts_of(case: Case) -> list[str]:
    probe = case.probe
    own = [probe.source_caption, probe.target_caption, recognition.garment_phrase(probe)]
    return own + recognition.pattern_captions(probe)


def _know(batch: Batch, sources: Sources, texts: Texts, scorers: Scorers) -> _Known:
    probes, rows = batch.probes, sources.rows(batch.cases)
    alternatives = [caption for probe in probes for caption in recognition.pattern_captions(probe)]
    return _Known(
        source_features=sources.features[rows],
        captions=(texts([p.source_caption for p in probes]), texts([p.target_caption for p in probes])),
        phrase=texts([recognition.garment_phrase(probe) for probe in probes]),
        patterns=texts(alternatives).unflatten(0, (len(probes), len(PATTERNS))),
        source_layers=scorers.lpips.features(batch.source),
        target_layers=scorers.lpips.features(batch.target),
        boxes=[box_of(mask) for mask in batch.garment[:, 0].cpu().numpy() > 0],
        regions=regions.region_masks(batch.garment, batch.zones),
        floor_scores={name: scores[rows] for name, scores in sources.floor_scores.items()},
        other=batch.masks([probe.other_mask for probe in probes]),
        face=batch.masks([probe.face_mask for probe in probes]),
    )


def _made(batch: Batch, scorers: Scorers) -> Edited:
    """What the models made."""
    everywhere = np.ones(len(batch.cases), bool)
    models = batch.cases[0].edited
    return {model: (pictures([case.edited[model] for case in batch.cases], scorers), everywhere) for model in models}


def _controls(batch: Batch, finetuned: torch.Tensor, others: Mapping[str, bytes | None]) -> Edited:
    """What controls and oracles are made of without a model, or out of the fine-tuned one's pictures."""
    everywhere = np.ones(len(batch.cases), bool)
    composite = torch.where(batch.zones.tight > 0, finetuned, batch.source)
    found = {"copy": (batch.source, everywhere), "composite": (composite, everywhere)}
    found["target"] = (batch.target, batch.rendered.cpu().numpy())
    drawn = [draw_oracles(case, others[case.probe.source_id]) for case in batch.cases]
    for name in ORACLES:
        defined = np.array([name in one for one in drawn])
        if defined.any():
            edited = batch.source.clone()
            edited[torch.from_numpy(defined)] = to_tensor([one[name] for one in drawn if name in one]).to(edited)
            found[name] = (edited, defined)
    return found


def _score(model: str, edited: torch.Tensor, batch: Batch, known: _Known, scorers: Scorers) -> pd.DataFrame:
    """All measures of one model's pictures (B, 3, H, W)."""
    source, garment = batch.source, batch.garment
    # The copy's features are the source's own, not computed again: rounding must not give it a direction.
    features = known.source_features if model == "copy" else scorers.clip.image_features(edited)
    side = scorers.clip.model.config.vision_config.image_size
    boxed = scorers.clip.image_features(recognition.crop_squares(edited, known.boxes, side))
    change = leakage.change_map(source, edited, batch.floor)
    layers = known.source_layers if model == "copy" else scorers.lpips.features(edited)
    maps = regions.compare(source, edited, garment, scorers.lpips, known.source_layers, layers)
    by_region = regions.measure_regions(maps, known.regions)
    scores = {
        "clip_similarity": 100 * similarity(features, known.captions[1]),
        "clip_directional": 100 * directional(known.source_features, features, *known.captions),
        "image_similarity": 100 * similarity(known.source_features, features),
        "lpips": mean_distance(maps.differences),
        "ssim": maps.ssim.mean((1, 2, 3)),
        **{f"{kind}_outside": by_region[f"{kind}_outside"] for kind in ("psnr", "ssim", "lpips")},
        "leakage_share": leakage.leakage_share(change, garment),
        "leakage_density": leakage.leakage_density(change, garment),
        "target_mae": _where(batch.rendered, pixel.absolute_error(edited, batch.target)),
        "target_rmse": _where(batch.rendered, pixel.squared_error(edited, batch.target).sqrt()),
        "target_lpips": _where(batch.rendered, mean_distance(scorers.lpips.differences(layers, known.target_layers))),
        **_colour_differences(edited, batch),
        "right_garment": localisation.right_garment(change, garment, known.other),
        "clip_inside_box": 100 * similarity(boxed, known.phrase),
        "pattern_recognised": _recognised(features, batch, known),
        "change_inside": leakage.change_inside(source, edited, garment),
        "face_change": pixel.mean_over(change, known.face),
        "mse_outside": by_region["mse_outside"],
        **regions.above_floor(by_region, known.floor_scores),
    }
    facts = [(p.probe_id, p.domain, p.source_id, p.prompt, p.factor, model) for p in batch.probes]
    table = pd.DataFrame(facts, columns=["probe_id", "domain", "source_id", "prompt", "factor", "model"])
    return table.assign(**{name: values.double().cpu().numpy() for name, values in scores.items()})


def _recognised(features: torch.Tensor, batch: Batch, known: _Known) -> torch.Tensor:
    """Whether the pattern asked for is the one recognised, for the pattern prompts; NaN for the others."""
    asks = [probe.factor == "pattern" for probe in batch.probes]
    wanted = [PATTERNS.index(probe.value) if probe.factor == "pattern" else 0 for probe in batch.probes]
    right = recognition.recognised(features, known.patterns, torch.tensor(wanted, device=features.device))
    return _where(torch.tensor(asks, device=features.device), right)


def _colour_differences(edited: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
    """ΔE2000 and hue error between garment and named colour for the colour prompts; NaN for the others."""
    pixels, masks = to_pixels(edited), batch.garment[:, 0].cpu().numpy() > 0
    found = {"delta_e": [float("nan")] * len(pixels), "hue_error": [float("nan")] * len(pixels)}
    for row, probe in enumerate(batch.probes):
        if probe.factor == "colour":
            for name, measure in (("delta_e", delta_e), ("hue_error", hue_error)):
                found[name][row] = measure(pixels[row], masks[row], COLOURS_LAB[probe.value])
    return {name: torch.tensor(values) for name, values in found.items()}


def _where(known: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    return torch.where(known, values, torch.full_like(values, torch.nan))
