"""CLIP scores of an edit, in the public definition (InstructPix2Pix's `metrics/clip_similarity.py`).

With unit-normalised features I0, I1 of source and edited picture, T0, T1 of their captions:

    similarity        cos(I1, T1)              does the edited picture show what was asked for?
    directional       cos(I1 − I0, T1 − T0)    did the picture change as the captions changed?
    image similarity  cos(I0, I1)              how much of the source is left?

All are in [-1, 1] here; reports print them × 100, as the paper does.

Legend: B batch, H W pixels, D feature width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from atelier.errors import UserError

if TYPE_CHECKING:
    from transformers import CLIPModel, CLIPTokenizer

# Features are float32 of length 1: a difference shorter than this is rounding and has no direction.
NO_DIRECTION = 1e-5


@dataclass(frozen=True)
class ClipScorer:
    """A CLIP that scores edits: `name` is the folder or hub name it came from."""

    name: str
    model: "CLIPModel"
    tokenizer: "CLIPTokenizer"
    mean: torch.Tensor  # (1, 3, 1, 1), the checkpoint's own normalisation of pictures in [0, 1]
    std: torch.Tensor

    @classmethod
    def load(cls, path: str, device: str | torch.device = "cpu") -> "ClipScorer":
        """Load a transformers CLIP folder or hub name in float32, for inference.

        Raises:
            UserError: nothing that loads as a CLIP is there.
        """
        from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

        try:
            model = CLIPModel.from_pretrained(path, use_safetensors=True)
            tokenizer = CLIPTokenizer.from_pretrained(path)
            processor = CLIPImageProcessor.from_pretrained(path)
        except (OSError, ValueError) as error:
            first_line = str(error).strip().splitlines()[0]
            raise UserError(
                f"models.clip: {path}: no CLIP (model, tokenizer, image processor) here: {first_line}"
            ) from None
        model = model.float().to(device).eval().requires_grad_(False)
        mean, std = (
            torch.tensor(values, device=device).view(1, 3, 1, 1)
            for values in (processor.image_mean, processor.image_std)
        )
        return cls(path, model, tokenizer, mean, std)

    @torch.no_grad()
    def image_features(self, images: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
        """Unit features (B, D) of square pictures (B, 3, H, H) in [0, 1].

        Raises:
            ValueError: the pictures are not square, or not in [0, 1] (feeding [-1, 1] is a known public bug).
        """
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] != images.shape[3]:
            raise ValueError(f"expected (B, 3, H, H), got {tuple(images.shape)}")
        if images.numel() and (images.min() < 0 or images.max() > 1):
            raise ValueError(f"expected [0, 1], got [{images.min():.3f}, {images.max():.3f}]")
        side = self.model.config.vision_config.image_size
        features = []
        for batch in images.split(batch_size):
            pixels = batch.to(self.mean)
            if batch.shape[-1] != side:
                pixels = F.interpolate(pixels, size=(side, side), mode="bicubic", antialias=True).clamp(0, 1)
            output = self.model.get_image_features(pixel_values=(pixels - self.mean) / self.std)
            features.append(F.normalize(output.pooler_output, dim=-1))
        return torch.cat(features)

    @torch.no_grad()
    def text_features(self, texts: Sequence[str], batch_size: int = 64) -> torch.Tensor:
        """Unit features (B, D) of texts, cut at the model's own length."""
        length = self.model.config.text_config.max_position_embeddings
        features = []
        for start in range(0, len(texts), batch_size):
            tokens = self.tokenizer(
                list(texts[start : start + batch_size]),
                padding="max_length",
                truncation=True,
                max_length=length,
                return_tensors="pt",
            ).to(self.mean.device)
            output = self.model.get_text_features(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)
            features.append(F.normalize(output.pooler_output, dim=-1))
        return torch.cat(features)


def similarity(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Cosine (B,) between unit features (B, D): picture with text, or source with edited."""
    return (first * second).sum(-1)


def directional(
    source_image: torch.Tensor, edited_image: torch.Tensor, source_text: torch.Tensor, target_text: torch.Tensor
) -> torch.Tensor:
    """cos(I1 − I0, T1 − T0), (B,), of unit features (B, D); 0 where picture or caption did not change."""
    change, wanted = edited_image - source_image, target_text - source_text
    lengths = change.norm(dim=-1), wanted.norm(dim=-1)
    has_direction = (lengths[0] > NO_DIRECTION) & (lengths[1] > NO_DIRECTION)
    cosine = (change * wanted).sum(-1) / (lengths[0] * lengths[1]).clamp_min(NO_DIRECTION**2)
    return torch.where(has_direction, cosine, torch.zeros_like(cosine))
