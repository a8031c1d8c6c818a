"""The networks of the full-size study as their publishers configure them, built without weights on torch's meta device.

What is not given is the libraries' default, as in the published files.
"""

import torch

UNET = {  # timbrooks/instruct-pix2pix, unet/config.json
    "sample_size": 64, "in_channels": 8, "out_channels": 4, "layers_per_block": 2, "cross_attention_dim": 768,
    "block_out_channels": (320, 640, 1280, 1280), "attention_head_dim": 8,
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
}  # fmt: skip
VAE = {  # its vae/config.json
    "sample_size": 512, "latent_channels": 4, "layers_per_block": 2, "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip
SCHEDULER = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
TEXT = {  # openai/clip-vit-large-patch14's text tower, which is also the editor's text encoder
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
    "vocab_size": 49408, "max_position_embeddings": 77, "projection_dim": 768,
}  # fmt: skip
VISION = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
    "image_size": 224, "patch_size": 14, "projection_dim": 768,
}  # fmt: skip
CLOTHES = (  # mattmdjaga/segformer_b2_clothes: ATR's labels
    "Background", "Hat", "Hair", "Sunglasses", "Upper-clothes", "Skirt", "Pants", "Dress", "Belt", "Left-shoe",
    "Right-shoe", "Face", "Left-leg", "Right-leg", "Left-arm", "Right-arm", "Bag", "Scarf",
)  # fmt: skip
SEGFORMER_B2 = {
    "hidden_sizes": [64, 128, 320, 512], "depths": [3, 4, 6, 3], "num_attention_heads": [1, 2, 5, 8],
    "decoder_hidden_size": 768,
}  # fmt: skip


def build_unet() -> torch.nn.Module:
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        return UNet2DConditionModel(**UNET)


def build_vae() -> torch.nn.Module:
    from diffusers import AutoencoderKL

    with torch.device("meta"):
        return AutoencoderKL(**VAE)


def build_text_encoder() -> torch.nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        return CLIPTextModel(CLIPTextConfig(**TEXT))


def build_clip() -> torch.nn.Module:
    from transformers import CLIPConfig, CLIPModel

    with torch.device("meta"):
        return CLIPModel(CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=768))


def build_lpips() -> torch.nn.Module:
    """The backbone has no weights here; the package carries the linear layers' and loads them itself."""
    import lpips

    with torch.device("meta"):
        metric = lpips.LPIPS(net="alex", pretrained=False, pnet_rand=True, verbose=False)
    return metric.to("meta")  # some of its constants are made on the CPU in any case


def build_segmenter() -> torch.nn.Module:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    labels = {"id2label": dict(enumerate(CLOTHES)), "label2id": {name: n for n, name in enumerate(CLOTHES)}}
    with torch.device("meta"):
        return SegformerForSemanticSegmentation(SegformerConfig(**SEGFORMER_B2, **labels))
