"""Pretraining of the embedded Stable Diffusion model (text to image) and its CLIP: `make pipeline DIR=pretrain/sd`."""
