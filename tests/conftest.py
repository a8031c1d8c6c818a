"""Shared fixtures: tiny random instances of the real classes, so that no unit test depends on trained weights."""

import json
from pathlib import Path

import pytest
import torch
from fixtures_browser import page_file, view  # noqa: F401
from fixtures_chromium import chromium  # noqa: F401
from fixtures_concepts import sd, sd3, sd3_folder, sd_folder  # noqa: F401
from fixtures_edits import study  # noqa: F401
from fixtures_page import page_data  # noqa: F401
from fixtures_pairing import items, paired, prepared_items, shelf  # noqa: F401
from fixtures_scoring import tiny_clip_folder, tiny_features_folder  # noqa: F401 - fixtures for every test

torch.set_num_threads(1)  # tiny networks gain nothing from more, and tests that run side by side lose much

INSTRUCTIONS = [
    "make the shirt red", "change shirt to blue", "add stripes to the clothes", "change to a floral pattern",
    "make the trousers plaid", "turn the skirt green", "a yellow dress instead", "add dots to the jacket",
]  # fmt: skip


def build_tokenizer(texts: list[str], length: int):
    """A byte-level BPE CLIP tokenizer learned from `texts`."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    special = ["<|startoftext|>", "<|endoftext|>"]
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=900, special_tokens=special, end_of_word_suffix="</w>", show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    learner.train_from_iterator(texts, trainer)
    learned = json.loads(learner.to_str())["model"]
    merges = [tuple(pair) for pair in learned["merges"]]
    return CLIPTokenizer(vocab=learned["vocab"], merges=merges, model_max_length=length)


def build_editor(folder: Path) -> None:
    """Save a random editor of the embedded base's layout (f=4, 16 tokens, v-prediction), as small as can be."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = build_tokenizer(INSTRUCTIONS, length=16)
    cross = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=8, out_channels=4, block_out_channels=(8, 8, 16, 16), layers_per_block=1,
        down_block_types=cross, up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        cross_attention_dim=16, attention_head_dim=2, norm_num_groups=4,
    )  # fmt: skip
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(8, 8, 16), latent_channels=4, norm_num_groups=4, sample_size=32, scaling_factor=0.5,
    )  # fmt: skip
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
            max_position_embeddings=16, projection_dim=16, bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
        rescale_betas_zero_snr=True, timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=False,
    )  # fmt: skip
    parts = {"unet": unet, "vae": vae, "text_encoder": text_encoder, "tokenizer": tokenizer, "scheduler": scheduler}
    pipeline = StableDiffusionInstructPix2PixPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipeline.save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_editor_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers folder with a random editor for 32-px pictures (8 × 8 latents)."""
    folder = tmp_path_factory.mktemp("editor")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        build_editor(folder)
    return folder
