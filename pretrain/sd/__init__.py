"""Pretraining of the embedded Stable Diffusion model (text to image) and its CLIP: `dvc repro pretrain/sd/dvc.yaml`."""
