"""Tiny, random networks of the real classes that score edits: enough to test the arithmetic around them."""

import string
from pathlib import Path

import pytest
import torch

from atelier.measures.features import FeatureNet


def build_clip(folder: Path, side: int = 32) -> Path:
    """Save a random CLIP (model, tokenizer, image processor) of the real classes: 96 tokens, `side` px, 16 features."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer

    letters = string.ascii_lowercase + "-"
    symbols = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={symbol: index for index, symbol in enumerate(symbols)}, merges=[])
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {
        **tower,
        "vocab_size": len(symbols),
        "max_position_embeddings": 96,
        "bos_token_id": len(symbols) - 2,
        "eos_token_id": len(symbols) - 1,
    }
    vision = {**tower, "image_size": side, "patch_size": 8}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))
    processor = CLIPImageProcessor(
        size={"shortest_edge": side}, crop_size=side, image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.3, 0.4]
    )
    for part in (model, tokenizer, processor):
        part.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="session")
def tiny_features_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random feature network."""
    folder = tmp_path_factory.mktemp("features")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        FeatureNet((8, 16, 16)).save(folder)
    return folder
