"""The networks of an editor as shapes: what `atelier memory` builds where it takes no memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atelier.common.errors import UserError
from atelier.models.blocks import build_full_size, build_layout

if TYPE_CHECKING:
    from torch.nn import Module

# Stable Diffusion 1.5's autoencoder and text encoder, and openai/clip-vit-large-patch14, which scores validation edits.
_VAE = {
    "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip
_TEXT = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
_VISION = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "patch_size": 14
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """What stands in memory during training, as builders; and what the UNet is fed."""

    unet: Callable[[], "Module"]
    others: Sequence[Callable[[], "Module"]]  # in the precision of the frozen weights: VAE, text encoder
    clip: Callable[[], "Module"]  # float32: scores validation edits
    stride: int  # pixels along a latent cell
    tokens: int  # of an instruction


def full_size() -> Layout:
    """The public editor's networks (timbrooks/instruct-pix2pix) and the paper's CLIP."""
    from diffusers import AutoencoderKL
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel

    return Layout(
        unet=build_full_size,
        others=[lambda: AutoencoderKL(**_VAE), lambda: CLIPTextModel(CLIPTextConfig(**_TEXT))],
        clip=lambda: CLIPModel(CLIPConfig(text_config=_TEXT, vision_config=_VISION, projection_dim=768)),
        stride=8,
        tokens=77,
    )


def of_base(base: Path, clip: Path) -> Layout:
    """The networks in an editor's folder and in a CLIP's.

    Raises:
        UserError: there is no editor or no CLIP in the folder.
    """
    from diffusers import AutoencoderKL
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel

    if not (Path(clip) / "config.json").is_file():
        raise UserError(f"{clip}: no CLIP there (no config.json); give its folder, or use --full-size")
    build_layout(base)  # says what is wrong with the folder
    vae = AutoencoderKL.load_config(Path(base) / "vae")
    text = CLIPTextConfig.from_pretrained(Path(base) / "text_encoder")
    return Layout(
        unet=lambda: build_layout(base),
        others=[lambda: AutoencoderKL.from_config(vae), lambda: CLIPTextModel(text)],
        clip=lambda: CLIPModel(CLIPConfig.from_pretrained(clip)),
        stride=2 ** (len(vae["block_out_channels"]) - 1),
        tokens=text.max_position_embeddings,
    )
