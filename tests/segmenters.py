"""A tiny SegFormer of the real class: random but for its bias, so that it finds one label everywhere."""

from pathlib import Path

import torch

LABELS = ("background", "upper", "lower", "full", "skin", "hair")


def build_segmenter(folder: Path, finds: str = "upper", labels: tuple[str, ...] = LABELS) -> Path:
    """Save model and image processor; the model finds `finds` in every pixel of every picture."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor

    config = SegformerConfig(
        num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[8, 8], patch_sizes=[7, 3], strides=[4, 2],
        num_attention_heads=[1, 1], mlp_ratios=[1, 1], decoder_hidden_size=8,
        id2label=dict(enumerate(labels)), label2id={label: number for number, label in enumerate(labels)},
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = SegformerForSemanticSegmentation(config)
    with torch.no_grad():
        model.decode_head.classifier.bias[labels.index(finds)] += 100
    model.save_pretrained(folder)
    SegformerImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder
