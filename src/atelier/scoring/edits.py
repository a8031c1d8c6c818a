"""Score one edit: every measure that what is known of it allows, NaN for the others.

Legend: B batch (1 here), H W pixels, D feature width. Images are float (1, 3, H, W) in [0, 1], masks (1, 1, H, W).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from atelier.images.tensors import to_tensor
from atelier.metrics import leakage, pixel
from atelier.metrics.boundary import band_width, boundary_error
from atelier.metrics.clip import ClipScorer, directional, similarity
from atelier.metrics.drift import measure_drift
from atelier.metrics.lpips import Lpips, distance_map, mean_distance
from atelier.scoring.measures import MEASURES
from atelier.scoring.pictures import Sources
from atelier.scoring.rows import Row

Scores = dict[str, float]


@dataclass(frozen=True)
class Networks:
    """What computes perceptual measures; None: they are left out."""

    clip: ClipScorer | None
    lpips: Lpips | None
    device: torch.device


class Scorer:
    """Scores the edits of one row; what depends on the source, the target and the texts alone is computed once."""

    def __init__(self, row: Row, sources: Sources, mask: np.ndarray | None, networks: Networks) -> None:
        """Prepare a row.

        Args:
            mask: given or found, bool (H, W), neither empty nor full; None: there is none.
        """
        self._row, self._pixels, self._inside, self._networks = row, sources.source, mask, networks
        self._source = self._tensor(sources.source)
        self._target = None if sources.target is None else self._tensor(sources.target)
        self._mask = None if mask is None else torch.tensor(mask)[None, None].float().to(networks.device)

    @torch.inference_mode()
    def score(self, pixels: np.ndarray) -> Scores:
        """Return measure → value of an edit, uint8 (H, W, 3), for every key of MEASURES."""
        edited = self._tensor(pixels)
        found = self._drift(pixels) | self._whole(edited)
        if self._mask is not None:
            found |= self._outside(edited, self._mask)
        if self._target is not None:
            found |= self._against(edited, self._target)
        if self._networks.clip is not None:
            found |= self._clip(edited, self._networks.clip)
        if self._networks.lpips is not None:
            found |= self._lpips(edited, self._networks.lpips)
        values = {key: float(found.get(key, math.nan)) for key in MEASURES}
        return {key: value if math.isfinite(value) else math.nan for key, value in values.items()}

    def _tensor(self, pixels: np.ndarray) -> torch.Tensor:
        return to_tensor([pixels]).to(self._networks.device)

    def _drift(self, pixels: np.ndarray) -> Mapping[str, float]:
        drift = measure_drift(self._pixels, pixels, self._inside)
        return {"drift_moved": drift.moved, "drift_shift": drift.shift, "drift_zoom": abs(drift.zoom),
                "drift_scale": drift.zoom}  # fmt: skip

    def _whole(self, edited: torch.Tensor) -> Mapping[str, torch.Tensor]:
        mae = pixel.absolute_error(self._source, edited)
        return {
            "ssim": pixel.ssim(self._source, edited),
            "psnr": pixel.psnr(pixel.squared_error(self._source, edited)),
            "emu_l1": mae,
        }

    def _outside(self, edited: torch.Tensor, mask: torch.Tensor) -> Mapping[str, torch.Tensor]:
        source, rest = self._source, 1 - mask
        change, squares = leakage.change_map(source, edited), (edited - source).square()
        radius = band_width(*edited.shape[-2:])
        inner, outer = boundary_error(edited, mask, radius, source=source, target=self._target)
        black = source * rest, edited * rest
        ssim_map = pixel.ssim_map(source, pixel.paste_inside(source, edited, mask))
        mse = pixel.mean_over(squares, rest)
        return {
            "mae_outside": pixel.mean_over(change, rest),
            "rmse_outside": mse.sqrt(),
            "psnr_outside": pixel.psnr(mse),
            "ssim_outside": pixel.mean_over(ssim_map, pixel.at_windows(rest)),
            "leakage_share_raw": leakage.leakage_share(change, mask),
            "change_inside": leakage.change_inside(source, edited, mask),
            "boundary_inside": inner,
            "boundary_outside": outer,
            "pie_mse": 1e4 * pixel.squared_error(*black),
            "pie_psnr": pixel.psnr(pixel.squared_error(*black)),
            "pie_ssim": 100 * structural_similarity_index_measure(*black, data_range=1.0),
        }

    def _against(self, edited: torch.Tensor, target: torch.Tensor) -> Mapping[str, torch.Tensor]:
        errors = {name: pixel.squared_error(one, target) for name, one in (("", edited), ("copy", self._source))}
        mae = pixel.absolute_error(edited, target)
        return {
            "target_rmse": errors[""].sqrt(),
            "target_mae": mae,
            "copy_rmse": errors["copy"].sqrt(),
            "copy_mae": pixel.absolute_error(self._source, target),
            "target_ssim": pixel.ssim(edited, target),
            "target_psnr": pixel.psnr(errors[""]),
            "magicbrush_l1": mae,
            "magicbrush_l2": errors[""],
        }

    def _lpips(self, edited: torch.Tensor, lpips: Lpips) -> Mapping[str, torch.Tensor]:
        layers = lpips.features(edited)
        found = {"lpips": mean_distance(lpips.differences(self._layers, layers))}
        if self._target is not None:
            found["target_lpips"] = mean_distance(lpips.differences(self._target_layers, layers))
        if self._mask is not None:
            rest, size = 1 - self._mask, tuple(edited.shape[-2:])
            pasted = pixel.paste_inside(self._source, edited, self._mask)
            outside = distance_map(lpips.differences(self._layers, lpips.features(pasted)), size)
            found["lpips_outside"] = pixel.mean_over(outside, rest)
            black = (one * rest for one in (self._source, edited))
            found["pie_lpips"] = 1e3 * lpips.distance(*black)
        return found

    def _clip(self, edited: torch.Tensor, clip: ClipScorer) -> Mapping[str, torch.Tensor]:
        seen = clip.image_features(to_square(edited))
        before, (source_text, target_text), instruction = self._features, self._captions, self._instruction
        kept = similarity(before, seen)
        matched = similarity(seen, target_text)
        turned = directional(before, seen, source_text, target_text)
        found = {
            "image_similarity": 100 * kept,
            "clip_similarity": 100 * matched,
            "clip_directional": 100 * turned,
            "clip_instruction": 100 * (similarity(seen, instruction) - similarity(before, instruction)),
            "magicbrush_clip_t": matched,
            "emu_clip_dir": turned,
            "emu_clip_im": kept,
            "emu_clip_out": matched,
            "pie_clip_whole": (100 * matched).clamp_min(0),
        }
        if self._target is not None:
            found["magicbrush_clip_i"] = similarity(seen, self._target_features)
        if self._mask is not None:
            part = clip.image_features(to_square(edited * self._mask))
            found["pie_clip_edited"] = (100 * similarity(part, target_text)).clamp_min(0)
        return found

    @cached_property
    def _layers(self) -> list[torch.Tensor]:
        return self._networks.lpips.features(self._source)

    @cached_property
    def _target_layers(self) -> list[torch.Tensor]:
        return self._networks.lpips.features(self._target)

    @cached_property
    def _features(self) -> torch.Tensor:
        return self._networks.clip.image_features(to_square(self._source))

    @cached_property
    def _target_features(self) -> torch.Tensor:
        return self._networks.clip.image_features(to_square(self._target))

    @cached_property
    def _captions(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Unit features (1, D) of source and target caption; NaN for one that is not given."""
        captions = self._row.source_caption, self._row.target_caption
        known = self._networks.clip.window(captions) if all(captions) else captions
        return self._read(known[0]), self._read(known[1])

    @cached_property
    def _instruction(self) -> torch.Tensor:
        return self._read(self._row.instruction)

    def _read(self, text: str) -> torch.Tensor:
        if not text:
            return torch.full_like(self._features, torch.nan)
        return self._networks.clip.text_features([text])


def to_square(images: torch.Tensor) -> torch.Tensor:
    """Crop images (B, 3, H, W) to their central square, as CLIP's own image processor does."""
    height, width = images.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[..., top : top + side, left : left + side]
