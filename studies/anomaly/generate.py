"""The untaught base's pictures of every prompt. Run by DVC (dvc.yaml beside it)."""

from pathlib import Path

import click

from atelier.common import command
from atelier.common.threads import set_threads
from atelier.config import read_sections
from studies.anomaly.config import Study
from studies.anomaly.rows import open_base
from studies.anomaly.sampling import paint_all, write_groups


@command.stage
@command.params_option
@command.path_option("out", "Pictures (safetensors).")
def main(params: Path, out: Path) -> None:
    """Paint."""
    chosen = read_sections(params, Study)
    set_threads(chosen.base.threads)
    groups = paint_all(open_base(chosen.base), chosen.painting)
    write_groups(groups, out)
    click.echo(f"{sum(map(len, groups.values()))} pictures")


if __name__ == "__main__":
    main()
