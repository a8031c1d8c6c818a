"""Anomalous pictures: a base that deforms people who lie, mended by DreamBooth-LoRA on a few correct pictures."""
