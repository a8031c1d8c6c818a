"""Networks on torch's meta device: shapes without values, for `atelier blocks` and `atelier memory`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from atelier.common.errors import UserError
from atelier.models.check import opening
from atelier.models.parts import check_config

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel
    from torch.nn import Module

# The public editor (timbrooks/instruct-pix2pix): Stable Diffusion 1.5 with the source's 4 channels beside the noisy 4.
UNET = {
    "sample_size": 64,
    "in_channels": 8,
    "out_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
# Its autoencoder and text encoder, and openai/clip-vit-large-patch14, which scores validation edits.
_VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
_TEXT = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
_VISION = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "patch_size": 14,
}


# mattmdjaga/segformer_b2_clothes, which predicts masks, and the side that its processor resizes pictures to
_SEGMENTER = {
    "depths": [3, 4, 6, 3],
    "hidden_sizes": [64, 128, 320, 512],
    "num_attention_heads": [1, 2, 5, 8],
    "decoder_hidden_size": 768,
    "num_labels": 18,
}
_SEGMENTER_SIDE = 512


@dataclass(frozen=True)
class Segmenter:
    """A SegFormer, float32, and the side of its input in pixels."""

    build: Callable[[], "Module"]
    side: int


@dataclass(frozen=True)
class Layout:
    """The networks that the study holds in memory, as builders, and the sizes of the UNet's inputs."""

    unet: Callable[[], "Module"]
    others: Sequence[Callable[[], "Module"]]  # in the precision of the frozen weights: VAE, text encoder
    clip: Callable[[], "Module"]  # float32: scores validation edits
    stride: int  # pixels along a latent cell
    tokens: int  # of an instruction
    segmenter: Segmenter | None = None  # None: masks are all given


def build_full_size() -> "UNet2DConditionModel":
    """Build the full-size UNet on the meta device."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        return UNet2DConditionModel(**UNET)


def build_layout(base: Path) -> "UNet2DConditionModel":
    """Build the UNet of an editor's folder on the meta device.

    Raises:
        UserError: there is no editor in the folder, or its configuration is damaged.
    """
    from diffusers import UNet2DConditionModel

    path = Path(base) / "unet" / "config.json"
    if not path.is_file():
        raise UserError(f"{base}: no editor there (no {path}); give its folder, or use --full-size")
    with opening(f"{path}"), torch.device("meta"):
        check_config(path, UNet2DConditionModel)
        return UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(path))


def full_size() -> Layout:
    """Return the public editor's networks (timbrooks/instruct-pix2pix) and the paper's CLIP."""
    from diffusers import AutoencoderKL
    from transformers import (
        CLIPConfig,
        CLIPModel,
        CLIPTextConfig,
        CLIPTextModel,
        SegformerConfig,
        SegformerForSemanticSegmentation,
    )

    return Layout(
        unet=build_full_size,
        others=[lambda: AutoencoderKL(**_VAE), lambda: CLIPTextModel(CLIPTextConfig(**_TEXT))],
        clip=lambda: CLIPModel(CLIPConfig(text_config=_TEXT, vision_config=_VISION, projection_dim=768)),
        stride=8,
        tokens=77,
        segmenter=Segmenter(lambda: SegformerForSemanticSegmentation(SegformerConfig(**_SEGMENTER)), _SEGMENTER_SIDE),
    )


def of_base(base: Path, clip: Path, segmenter: Path | None = None) -> Layout:
    """Return the networks in an editor's folder, a CLIP's and a SegFormer's, if that is given.

    Raises:
        UserError: one of them is not in its folder, or a configuration is damaged.
    """
    from diffusers import AutoencoderKL
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel

    if not (Path(clip) / "config.json").is_file():
        raise UserError(f"{clip}: no CLIP there (no config.json); give its folder, or use --full-size")
    build_layout(base)  # raises where the folder is no editor
    with opening(f"{base}: no editor there"):
        check_config(Path(base) / "vae" / "config.json", AutoencoderKL)
        check_config(Path(base) / "text_encoder" / "config.json", CLIPTextModel)
        vae = AutoencoderKL.load_config(Path(base) / "vae")
        text = CLIPTextConfig.from_pretrained(Path(base) / "text_encoder")
    with opening(f"{clip}: no CLIP there"):
        check_config(Path(clip) / "config.json", CLIPModel)
    return Layout(
        unet=lambda: build_layout(base),
        others=[lambda: AutoencoderKL.from_config(vae), lambda: CLIPTextModel(text)],
        clip=lambda: CLIPModel(CLIPConfig.from_pretrained(clip)),
        stride=2 ** (len(vae["block_out_channels"]) - 1),
        tokens=text.max_position_embeddings,
        segmenter=None if segmenter is None else _segmenter(segmenter),
    )


def _segmenter(folder: Path) -> Segmenter:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor

    with opening(f"{folder}: no SegFormer there"):
        config = SegformerConfig.from_pretrained(folder)
        size = SegformerImageProcessor.from_pretrained(folder).size
        side = max(size["height"], size["width"])
    return Segmenter(lambda: SegformerForSemanticSegmentation(config), side)
