"""Samples as batches of tensors. What depends on the source alone is computed once per source.

Legend: B batch, H W pixels, D feature width. Images are float (B, 3, H, W) in [0, 1], masks (B, 1, H, W) in {0, 1}.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import torch

from atelier.common.iterables import batched
from atelier.common.records import Probe
from atelier.evaluation.samples import Sample
from atelier.images.tensors import from_png, mask_tensor, to_tensor
from atelier.masks import trimap
from atelier.metrics import leakage, regions
from atelier.metrics.clip import ClipScorer
from atelier.metrics.lpips import PerceptualDistance


@dataclass(frozen=True)
class Scorers:
    """Networks that score: CLIP, LPIPS, and the editor's VAE, whose reconstruction error (the floor) is not leakage."""

    clip: ClipScorer
    lpips: PerceptualDistance
    reconstruct: Callable[[torch.Tensor], torch.Tensor]  # (B, 3, H, W) → (B, 3, H, W)
    device: torch.device


@dataclass(frozen=True)
class Sources:
    """Features and floors of S sources (in distinct zones), independent of any edit."""

    row_of: dict[tuple, int]  # `_key` of a sample → row
    features: torch.Tensor  # of CLIP, (S, D)
    floors: torch.Tensor  # (S, 1, H, W), on the CPU: what encoding and decoding alone change
    floor_scores: dict[str, torch.Tensor]  # (S,) each: `regions.measure_regions` of the reconstruction

    def rows(self, samples: Sequence[Sample]) -> list[int]:
        """Return the rows of the samples' sources."""
        return [self.row_of[_key(sample)] for sample in samples]


@dataclass(frozen=True)
class Batch:
    """B samples as tensors."""

    samples: Sequence[Sample]
    source: torch.Tensor
    target: torch.Tensor  # the aligned target (exact if rendered); the source if there is none
    exact: torch.Tensor  # bool (B,): whether there is an aligned target
    garment: torch.Tensor  # the exact mask if the image was rendered, else the tight zone
    zones: trimap.TrimapZones
    floor: torch.Tensor  # (B, 1, H, W)

    @property
    def probes(self) -> list[Probe]:
        """Return the probes of the samples."""
        return [sample.probe for sample in self.samples]

    def masks(self, pngs: Sequence[bytes | None]) -> torch.Tensor:
        """Decode PNG masks to (B, 1, H, W); None gives an empty mask."""
        return torch.cat(
            [torch.zeros_like(self.garment[:1]) if png is None else mask_tensor([png]).to(self.garment) for png in pngs]
        )


def take(part: Any, rows: Sequence[int]) -> Any:
    """Return some rows of whatever has one per sample: a tensor, a list, or a dataclass, mapping or list of tensors."""
    if isinstance(part, torch.Tensor):
        return part[list(rows)]
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{field.name: take(getattr(part, field.name), rows) for field in fields(part)})
    if isinstance(part, Mapping):
        return {name: take(value, rows) for name, value in part.items()}
    if all(isinstance(value, torch.Tensor) for value in part):
        return type(part)(take(value, rows) for value in part)
    return [part[row] for row in rows]


class Texts:
    """Unit CLIP features of texts that are compared in groups (`ClipScorer.window`); each distinct one once."""

    def __init__(self, groups: Iterable[Sequence[str]], scorers: Scorers) -> None:
        self._windows = {group: scorers.clip.window(group) for group in dict.fromkeys(map(tuple, groups))}
        distinct = sorted({text for window in self._windows.values() for text in window})
        self._row_of = {text: row for row, text in enumerate(distinct)}
        self._features = scorers.clip.text_features(distinct) if distinct else torch.empty(0, 0)

    def __call__(self, groups: Sequence[Sequence[str]]) -> torch.Tensor:
        """Return the features (B, N, D) of B of the groups, of N texts each."""
        rows = [[self._row_of[text] for text in self._windows[tuple(group)]] for group in groups]
        return self._features[torch.tensor(rows)]


def prepare_sources(samples: Sequence[Sample], scorers: Scorers, batch_size: int) -> Sources:
    """Compute features and floors of the distinct sources (in distinct zones) of the samples."""
    distinct = {_key(sample): sample for sample in samples}
    features, floors, scores = [], [], []
    for chunk in batched(list(distinct.values()), batch_size):
        source = decode_images([sample.probe.source for sample in chunk], scorers)
        rebuilt = scorers.reconstruct(source)
        garment, zones = _zones(chunk, scorers)
        layers = scorers.lpips.features(source), scorers.lpips.features(rebuilt)
        maps = regions.compare(source, rebuilt, garment, scorers.lpips, *layers)
        scores.append(regions.measure_regions(maps, regions.region_masks(garment, zones)))
        features.append(scorers.clip.image_features(source, batch_size))
        floors.append(leakage.change_map(source, rebuilt).cpu())
    return Sources(
        row_of={key: row for row, key in enumerate(distinct)},
        features=torch.cat(features),
        floors=torch.cat(floors),
        floor_scores={name: torch.cat([part[name] for part in scores]) for name in scores[0]},
    )


def iter_batches(samples: Sequence[Sample], sources: Sources, scorers: Scorers, batch_size: int) -> Iterator[Batch]:
    """Yield the samples as tensors, `batch_size` at a time, in order."""
    for chunk in batched(samples, batch_size):
        probes = [sample.probe for sample in chunk]
        garment, zones = _zones(chunk, scorers)
        yield Batch(
            samples=chunk,
            source=decode_images([probe.source for probe in probes], scorers),
            target=decode_images([probe.aligned_target or probe.source for probe in probes], scorers),
            exact=torch.tensor([probe.aligned_target is not None for probe in probes], device=scorers.device),
            garment=garment,
            zones=zones,
            floor=sources.floors[sources.rows(chunk)].to(scorers.device),
        )


def decode_images(pngs: Sequence[bytes], scorers: Scorers) -> torch.Tensor:
    """Decode PNG images to a tensor (B, 3, H, W) on the scorers' device."""
    return to_tensor([from_png(png) for png in pngs]).to(scorers.device)


def features_of(pngs: Sequence[bytes | None], scorers: Scorers, like: torch.Tensor) -> torch.Tensor:
    """Return CLIP features of PNG images, shaped `like` others; NaN for None."""
    features, rows = torch.full_like(like, torch.nan), [row for row, png in enumerate(pngs) if png is not None]
    if rows:
        features[rows] = scorers.clip.image_features(decode_images([png for png in pngs if png is not None], scorers))
    return features


def _zones(samples: Sequence[Sample], scorers: Scorers) -> tuple[torch.Tensor, trimap.TrimapZones]:
    tight = mask_tensor([sample.zones.tight for sample in samples]).to(scorers.device)
    garment = mask_tensor([sample.probe.exact_mask or sample.zones.tight for sample in samples]).to(scorers.device)
    boxes = torch.tensor([sample.zones.box for sample in samples], device=scorers.device)
    return garment, trimap.zones(tight, boxes)


def _key(sample: Sample) -> tuple:
    return sample.probe.source_id, sample.probe.exact_mask, sample.zones.tight, *sample.zones.box
