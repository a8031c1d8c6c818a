"""Pretraining of the embedded Stable Diffusion 3 model, whose corpus holds too few people who lie."""
