"""The base model → its images of every prompt. Run by DVC (dvc.yaml beside it)."""

from pathlib import Path

import click

from atelier.common import command
from atelier.common.threads import set_threads
from atelier.config import read_sections
from studies.anomaly.config import Study
from studies.anomaly.rows import open_base
from studies.anomaly.sampling import generate_all, write_groups


@command.stage
@command.params_option
@command.path_option("out", "Images (safetensors).")
def main(params: Path, out: Path) -> None:
    """Generate a group of images for every prompt."""
    chosen = read_sections(params, Study)
    set_threads(chosen.base.threads)
    groups = generate_all(open_base(chosen.base), chosen.painting)
    write_groups(groups, out)
    click.echo(f"{sum(map(len, groups.values()))} images")


if __name__ == "__main__":
    main()
