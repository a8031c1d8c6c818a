"""CLIP scores of an edit, as defined by InstructPix2Pix (`metrics/clip_similarity.py` of its repository).

With unit features I0, I1 of source and edited image, T0, T1 of their captions:

    similarity        cos(I1, T1)              does the edited image match the target caption?
    directional       cos(I1 − I0, T1 − T0)    did the image change as the captions do?
    image similarity  cos(I0, I1)              how much of the source is left?

All are in [-1, 1]; reports print them × 100, as the paper does.

A text longer than the network reads has no features (NaN): its end would be cut off, often with the very words that
name the edit. Of captions that differ in a few words `ClipScorer.window` chooses a part that is read and contains
them. A score that is not defined is NaN, never 0: reports leave it out and count it.

Legend: B batch, H W pixels, D feature width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from atelier.common.iterables import batched
from atelier.metrics.windows import change_window
from atelier.models.check import opening
from atelier.models.parts import PROBES, check_finite, read_folder, read_tokenizer
from atelier.models.tokens import TokenLimit

if TYPE_CHECKING:
    from transformers import CLIPModel, CLIPTokenizer

BATCH = 64  # images in one pass, unless a caller says otherwise
NO_DIRECTION = 1e-5  # a shorter difference of unit float32 features is rounding and has no direction


@dataclass(frozen=True)
class ClipScorer:
    """CLIP model that scores edits; `name` is the folder or hub id that it was loaded from."""

    name: str
    model: "CLIPModel"
    tokenizer: "CLIPTokenizer"
    mean: torch.Tensor  # (1, 3, 1, 1), the checkpoint's normalisation of images in [0, 1]
    std: torch.Tensor

    @classmethod
    def load(cls, path: str, device: str | torch.device = "cpu") -> "ClipScorer":
        """Load a transformers CLIP from a folder or hub id in float32, for inference.

        Raises:
            UserError: there is no CLIP.
        """
        from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

        with opening(f"models.clip: {path}: no CLIP (model, tokenizer, image processor) here"):
            model = read_folder(CLIPModel, path, "clip")
            tokenizer = read_tokenizer(CLIPTokenizer, path, model)
            processor = CLIPImageProcessor.from_pretrained(path)
            model = model.float().to(device).eval().requires_grad_(False)
            mean, std = (
                torch.tensor(values, device=device).view(1, 3, 1, 1)
                for values in (processor.image_mean, processor.image_std)
            )
            scorer = cls(path, model, tokenizer, mean, std)
            side = model.config.vision_config.image_size
            tried = {
                "text": scorer.text_features(PROBES),
                "image": scorer.image_features(torch.zeros(1, 3, side, side)),
            }
            check_finite(tried, "features of a first text and image")
        return scorer

    @property
    def limit(self) -> TokenLimit:
        """How much of a text the model reads."""
        return TokenLimit(self.tokenizer, self.model.config.text_config.max_position_embeddings)

    def window(self, texts: Sequence[str]) -> list[str]:
        """Return the part of captions to compare: all of them, or if they are too long one that contains the change.

        Texts that cannot be shortened are returned as they are, and have no features.
        """
        return change_window(texts, self.limit.fits)

    @torch.no_grad()
    def image_features(self, images: torch.Tensor, batch_size: int = BATCH) -> torch.Tensor:
        """Return unit features (B, D) of square images (B, 3, H, H) in [0, 1].

        Raises:
            ValueError: the images are not square, or not in [0, 1] ([-1, 1] is a known bug of public code).
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
    def text_features(self, texts: Sequence[str], batch_size: int = BATCH) -> torch.Tensor:
        """Return unit features (B, D) of texts; NaN for a text longer than the model reads."""
        length, features = self.limit.length, []
        for batch in batched(texts, batch_size):
            tokens = self.tokenizer(
                list(batch), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
            ).to(self.mean.device)
            output = self.model.get_text_features(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)
            unread = torch.tensor([not self.limit.fits(text) for text in batch], device=self.mean.device)
            features.append(F.normalize(output.pooler_output, dim=-1).masked_fill(unread[:, None], torch.nan))
        return torch.cat(features)


def similarity(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the cosine (B,) between unit features (B, D) of image and text, or of source and edited image."""
    return (first * second).sum(-1)


def directional(
    source_image: torch.Tensor, edited_image: torch.Tensor, source_text: torch.Tensor, target_text: torch.Tensor
) -> torch.Tensor:
    """Return cos(I1 − I0, T1 − T0), (B,), of unit features (B, D).

    0 if the image did not change: nothing was edited. NaN if the captions have no direction (`has_direction`): the
    score is not defined then, whatever the image.
    """
    change, wanted = edited_image - source_image, target_text - source_text
    length = change.norm(dim=-1)
    cosine = (change * wanted).sum(-1) / (length * wanted.norm(dim=-1)).clamp_min(NO_DIRECTION**2)
    scores = torch.where(length > NO_DIRECTION, cosine, torch.zeros_like(cosine))
    return scores.masked_fill(~has_direction(source_text, target_text), torch.nan)


def has_direction(source_text: torch.Tensor, target_text: torch.Tensor) -> torch.Tensor:
    """Return whether captions differ for the network, bool (B,), from unit features (B, D); no if one was not read."""
    return (target_text - source_text).norm(dim=-1) > NO_DIRECTION
