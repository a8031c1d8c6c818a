"""Seeds derived from the purpose of a draw, so that no draw depends on earlier ones."""

import hashlib

import torch


def derive_seed(*parts: int | str) -> int:
    """Return a seed in [0, 2⁶³) for the parts that identify a draw: a section's seed, a purpose, a step, an id."""
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def make_generator(*parts: int | str) -> torch.Generator:
    """Return a CPU generator seeded by `derive_seed`; drawing on the CPU gives every device the same numbers."""
    return torch.Generator().manual_seed(derive_seed(*parts))
