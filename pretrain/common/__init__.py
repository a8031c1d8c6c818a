"""What the pretraining pipelines share: options, corpora, the training loop, autoencoder losses, latents, tokenizer.

Public: `autoencoder`, `corpus`, `latents`, `loop`, `options`, `tokenizer`.
"""
