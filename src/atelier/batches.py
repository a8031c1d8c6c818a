"""Cases → tensors to be measured, a batch at a time. What belongs to a source is computed once per source.

Legend: B batch, H W pixels, D feature width. Pictures are float (B, 3, H, W) in [0, 1], masks (B, 1, H, W) in {0, 1}.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from atelier import trimap
from atelier.cases import Case
from atelier.images import from_png, mask_tensor, to_tensor
from atelier.measures import leakage, regions
from atelier.measures.clip import ClipScorer
from atelier.measures.perceptual import Lpips
from atelier.records import Probe


@dataclass(frozen=True)
class Scorers:
    """What scores: two networks, and the passage through the editor's VAE and back (its floor is no leakage)."""

    clip: ClipScorer
    lpips: Lpips
    reconstruct: Callable[[torch.Tensor], torch.Tensor]  # (B, 3, H, W) → (B, 3, H, W)
    device: torch.device


@dataclass(frozen=True)
class Sources:
    """What is known of S sources in their zones before any edit of them is looked at."""

    row_of: dict[tuple, int]  # `_key` of a case → row
    features: torch.Tensor  # CLIP's, (S, D)
    floors: torch.Tensor  # (S, 1, H, W), on the CPU: what encoding and decoding alone change
    floor_scores: dict[str, torch.Tensor]  # (S,) each: `regions.measure_regions` of that

    def rows(self, cases: Sequence[Case]) -> list[int]:
        return [self.row_of[_key(case)] for case in cases]


@dataclass(frozen=True)
class Batch:
    """Some cases as tensors."""

    cases: Sequence[Case]
    source: torch.Tensor
    target: torch.Tensor  # the source where no exact target is known
    rendered: torch.Tensor  # bool (B,): whether one is known
    garment: torch.Tensor  # what counts as inside: the exact mask where the picture was rendered, else the tight zone
    zones: trimap.TrimapZones
    floor: torch.Tensor  # (B, 1, H, W)

    @property
    def probes(self) -> list[Probe]:
        return [case.probe for case in self.cases]

    def masks(self, pngs: Sequence[bytes | None]) -> torch.Tensor:
        """Masks (B, 1, H, W) out of PNGs; empty where there is none."""
        return torch.cat(
            [torch.zeros_like(self.garment[:1]) if png is None else mask_tensor([png]).to(self.garment) for png in pngs]
        )


class Texts:
    """CLIP's unit features of some texts, each distinct one computed once."""

    def __init__(self, texts: Sequence[str], scorers: Scorers) -> None:
        distinct = sorted(set(texts))
        self._row_of = {text: row for row, text in enumerate(distinct)}
        self._features = scorers.clip.text_features(distinct) if distinct else torch.empty(0, 0)

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        """Features (B, D) of B of them."""
        return self._features[[self._row_of[text] for text in texts]]


def prepare_sources(cases: Sequence[Case], scorers: Scorers, batch_size: int) -> Sources:
    """Features and floors of the distinct sources (in distinct zones) of some cases."""
    distinct = {_key(case): case for case in cases}
    features, floors, scores = [], [], []
    for chunk in _chunks(list(distinct.values()), batch_size):
        source = pictures([case.probe.source for case in chunk], scorers)
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


def iter_batches(cases: Sequence[Case], sources: Sources, scorers: Scorers, batch_size: int) -> Iterator[Batch]:
    """The cases as tensors, `batch_size` at a time, in their order."""
    for chunk in _chunks(cases, batch_size):
        probes = [case.probe for case in chunk]
        garment, zones = _zones(chunk, scorers)
        yield Batch(
            cases=chunk,
            source=pictures([probe.source for probe in probes], scorers),
            target=pictures([probe.target or probe.source for probe in probes], scorers),
            rendered=torch.tensor([probe.target is not None for probe in probes], device=scorers.device),
            garment=garment,
            zones=zones,
            floor=sources.floors[sources.rows(chunk)].to(scorers.device),
        )


def pictures(data: Sequence[bytes], scorers: Scorers) -> torch.Tensor:
    """PNG pictures as a tensor (B, 3, H, W) where the networks are."""
    return to_tensor([from_png(png) for png in data]).to(scorers.device)


def _zones(cases: Sequence[Case], scorers: Scorers) -> tuple[torch.Tensor, trimap.TrimapZones]:
    tight = mask_tensor([case.zones.tight for case in cases]).to(scorers.device)
    garment = mask_tensor([case.probe.exact_mask or case.zones.tight for case in cases]).to(scorers.device)
    boxes = torch.tensor([case.zones.box for case in cases], device=scorers.device)
    return garment, trimap.zones(tight, boxes)


def _key(case: Case) -> tuple:
    return case.probe.source_id, case.probe.exact_mask, case.zones.tight, *case.zones.box


def _chunks(cases: Sequence[Case], size: int) -> Iterator[Sequence[Case]]:
    return (cases[start : start + size] for start in range(0, len(cases), size))
