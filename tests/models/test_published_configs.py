"""Configurations as the public models have them, written by early versions of the libraries, are accepted."""

import json

import pytest
from diffusers import (
    AutoencoderKL,
    EulerAncestralDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    PNDMScheduler,
    SD3Transformer2DModel,
    UNet2DConditionModel,
)
from transformers import CLIPModel, CLIPTextModel, SegformerForSemanticSegmentation

from atelier.common.errors import UserError
from atelier.models import meta
from atelier.models.check import check_folder, check_tokenizer_files
from atelier.models.parts import check_config

UNET = {
    "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.6.0", "act_fn": "silu", "attention_head_dim": 8,
    "block_out_channels": [320, 640, 1280, 1280], "center_input_sample": False, "cross_attention_dim": 768,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"], "downsample_padding": 1,
    "flip_sin_to_cos": True, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2, "mid_block_scale_factor": 1,
    "norm_eps": 1e-05, "norm_num_groups": 32, "out_channels": 4, "sample_size": 64,
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
}  # fmt: skip
VAE = {
    "_class_name": "AutoencoderKL", "_diffusers_version": "0.6.0", "act_fn": "silu",
    "block_out_channels": [128, 256, 512, 512], "down_block_types": ["DownEncoderBlock2D"] * 4, "in_channels": 3,
    "latent_channels": 4, "layers_per_block": 2, "norm_num_groups": 32, "out_channels": 3, "sample_size": 512,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}  # fmt: skip
NOISE = {"beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000}
PNDM = {
    "_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", **NOISE, "set_alpha_to_one": False,
    "skip_prk_steps": True, "steps_offset": 1, "trained_betas": None, "clip_sample": False,
}  # fmt: skip
EULER = {
    "_class_name": "EulerAncestralDiscreteScheduler", "_diffusers_version": "0.12.0.dev0", **NOISE,
    "prediction_type": "epsilon", "trained_betas": None,
}  # fmt: skip
FLOW = {
    "_class_name": "FlowMatchEulerDiscreteScheduler", "_diffusers_version": "0.29.0.dev0",
    "num_train_timesteps": 1000, "shift": 3.0,
}  # fmt: skip
TRANSFORMER = {
    "_class_name": "SD3Transformer2DModel", "_diffusers_version": "0.29.0.dev0", "attention_head_dim": 64,
    "caption_projection_dim": 1536, "in_channels": 16, "joint_attention_dim": 4096, "num_attention_heads": 24,
    "num_layers": 24, "out_channels": 16, "patch_size": 2, "pooled_projection_dim": 2048, "pos_embed_max_size": 192,
    "sample_size": 128,
}  # fmt: skip
TEXT = {
    "architectures": ["CLIPTextModel"], "attention_dropout": 0.0, "bos_token_id": 0, "dropout": 0.0, "eos_token_id": 2,
    "hidden_act": "quick_gelu", "hidden_size": 768, "initializer_factor": 1.0, "initializer_range": 0.02,
    "intermediate_size": 3072, "layer_norm_eps": 1e-05, "max_position_embeddings": 77, "model_type": "clip_text_model",
    "num_attention_heads": 12, "num_hidden_layers": 12, "pad_token_id": 1, "projection_dim": 768,
    "torch_dtype": "float32", "transformers_version": "4.22.0.dev0", "vocab_size": 49408,
}  # fmt: skip
CLIP = {  # of a version that leaves out what has the default's value
    "architectures": ["CLIPModel"], "logit_scale_init_value": 2.6592, "model_type": "clip", "projection_dim": 768,
    "text_config": {"hidden_size": 768, "model_type": "clip_text_model", "num_attention_heads": 12},
    "vision_config": {"hidden_size": 1024, "model_type": "clip_vision_model", "num_attention_heads": 16},
    "transformers_version": "4.40.0",
}  # fmt: skip
SEGFORMER = {
    "model_type": "segformer", "depths": [3, 4, 6, 3], "hidden_sizes": [64, 128, 320, 512],
    "id2label": {"0": "Background", "4": "Upper-clothes"}, "transformers_version": "4.24.0",
}  # fmt: skip
CONFIGS = {
    UNet2DConditionModel: UNET, AutoencoderKL: VAE, PNDMScheduler: PNDM, EulerAncestralDiscreteScheduler: EULER,
    FlowMatchEulerDiscreteScheduler: FLOW, SD3Transformer2DModel: TRANSFORMER, CLIPTextModel: TEXT, CLIPModel: CLIP,
    SegformerForSemanticSegmentation: SEGFORMER,
}  # fmt: skip
PROCESSOR = {
    "crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": 224,
}  # fmt: skip
TOKENIZER = {"model_max_length": 77, "pad_token": "<|endoftext|>", "eos_token": {"content": "<|endoftext|>"}}


@pytest.mark.parametrize("kind", CONFIGS, ids=lambda kind: kind.__name__)
def test_a_published_configuration_is_accepted_and_an_empty_one_is_not(kind, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIGS[kind]))
    check_config(path, kind)
    path.write_text("{}")
    with pytest.raises(UserError, match=r"config\.json: "):
        check_config(path, kind)


def test_a_vocabulary_in_two_files_and_an_early_image_processor_are_accepted(tmp_path):
    from safetensors.torch import save_file

    for name, facts in (("config", CLIP), ("preprocessor_config", PROCESSOR), ("tokenizer_config", TOKENIZER)):
        (tmp_path / f"{name}.json").write_text(json.dumps(facts))
    save_file({}, tmp_path / "model.safetensors")
    (tmp_path / "vocab.json").write_text('{"a": 0}')
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    check_folder(tmp_path, "clip")
    (tmp_path / "merges.txt").unlink()
    with pytest.raises(UserError, match=r"merges\.txt is missing"):
        check_tokenizer_files(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"block_out_channels": 5}'])
def test_a_layout_of_a_damaged_base_is_one_line(content, tmp_path):
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet/config.json").write_text(content)
    with pytest.raises(UserError, match=r"unet/config\.json: ") as refusal:
        meta.build_layout(tmp_path)
    assert "\n" not in str(refusal.value)
