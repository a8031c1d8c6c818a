"""Write tables as text: Markdown and CSV, with numbers, intervals and missing values in one form."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from atelier.stats.estimate import DIGITS

DASH = "–"  # for a missing value


def to_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV text, its numbers rounded so that two equal runs give equal bytes."""
    return table.to_csv(index=False, float_format=f"%.{DIGITS}g", lineterminator="\n")


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table: the first column is text, the others are aligned to the right."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def join_parts(parts: Iterable[str]) -> str:
    """Join the paragraphs, headings and tables of a Markdown page, one empty line between two."""
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def number(value: float | None, digits: int) -> str:
    """Return a number with so many decimals, or a dash for None and NaN."""
    return DASH if pd.isna(value) else f"{value:.{digits}f}"


def interval(estimate: Mapping[str, float], form: str) -> str:
    """Return an estimate's 95 % interval as `low … high`, each in a format such as `.3g`."""
    return f"{estimate['ci_lo']:{form}} … {estimate['ci_hi']:{form}}"
