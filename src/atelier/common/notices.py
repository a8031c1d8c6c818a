"""Warnings to the user: one line each on stderr, which does not break a progress bar."""

import sys

from tqdm import tqdm

from atelier.common.errors import one_line


def notice(text: str) -> None:
    """Print one line on stderr."""
    tqdm.write(f"atelier: {one_line(text)}", file=sys.stderr)
