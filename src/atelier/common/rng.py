"""Random numbers as a function of what they are for, so that nothing depends on what was drawn before."""

import hashlib

import torch


def derive_seed(*parts: int | str) -> int:
    """A seed in [0, 2⁶³) from whatever tells one draw from another: a section's seed, a purpose, a step or an id."""
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def make_generator(*parts: int | str) -> torch.Generator:
    """A generator on the CPU (every device then gets the same numbers), seeded by `derive_seed`."""
    return torch.Generator().manual_seed(derive_seed(*parts))
