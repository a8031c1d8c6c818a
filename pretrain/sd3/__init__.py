"""Pretraining of the small Stable Diffusion 3 base, whose training pictures hold too few people who lie."""
