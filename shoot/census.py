"""Count what stored shots show: the table of the data card.

python -m shoot.census data/shots
"""

from collections import Counter
from pathlib import Path
from typing import Any

import click

from atelier.common.command import Command
from atelier.common.errors import UserError
from shoot.examples import read_facts

Facts = dict[str, Any]


def count(rows: list[Facts]) -> dict[str, Counter[str]]:
    """Count the values of each fact over shots; twins only for how they differ."""
    shots, twins = [row for row in rows if not row["twin"]], [row for row in rows if row["twin"]]
    return {
        "domain": Counter(row["domain"] for row in shots),
        "view": Counter(row["view"] for row in shots),
        "crop": Counter("upper body and thighs" if row["close"] else "whole figure" for row in shots),
        "sex": Counter("female" if row["female"] else "male" for row in shots),
        "hair": Counter(row["hair"] for row in shots),
        "garment": Counter(cut["kind"] for row in shots for cut in row["outfit"]),
        "garments worn": Counter(str(len(row["outfit"])) for row in shots),
        "cut of the twin": Counter(row["twin"][1] for row in twins),
    }


def tabulate(rows: list[Facts]) -> str:
    """Return the counts as a Markdown table, the most frequent value first."""
    lines = ["| what | shots |", "|---|---|"]
    for what, found in count(rows).items():
        lines.append(f"| {what} | {', '.join(f'{value} {number}' for value, number in found.most_common())} |")
    return "\n".join(lines) + "\n"


@click.command(cls=Command)
@click.argument("shots", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(shots: Path) -> None:
    """Print how many shots show what."""
    rows = list(read_facts(shots))
    if not rows:
        raise UserError(f"{shots}: no shots (files NAME.shot)")
    plain = [row for row in rows if not row["twin"]]
    items, people = {row["item"] for row in rows}, {row["person"] for row in plain}
    click.echo(f"{len(plain)} shots of {len(items)} outfits and {len(people)} people, {len(rows) - len(plain)} twins\n")
    click.echo(tabulate(rows), nl=False)


if __name__ == "__main__":
    main()
