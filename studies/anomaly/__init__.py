"""Anomalous images: a model that deforms people who lie, fine-tuned by DreamBooth-LoRA on a few correct images."""
