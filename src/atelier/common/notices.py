"""Warnings to the user: one line each on stderr, which does not break a progress bar."""

import sys

from tqdm import tqdm


def notice(text: str) -> None:
    """Print one line on stderr; runs of white space become one space."""
    tqdm.write(f"atelier: {' '.join(text.split())}", file=sys.stderr)
