"""All systems' and controls' pictures → scores by picture, group and family. Run by DVC (dvc.yaml beside it)."""

from pathlib import Path

import click
import pandas as pd
import torch

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.common.threads import set_threads
from atelier.config import read_sections
from atelier.images.tensors import to_pixels, to_tensor
from atelier.stats.tables import to_csv
from studies.anomaly.config import Study
from studies.anomaly.metrics import (
    correct_groups,
    decode_again,
    make_ruler,
    measure_groups,
    measure_pictures,
    measure_sets,
)
from studies.anomaly.prompts import draw_prompts
from studies.anomaly.rows import ARMS, open_base
from studies.anomaly.sampling import read_groups


@command.stage
@command.params_option
@command.path_option("original", "The base's pictures (safetensors).")
@command.path_option("runs", "Folder of the trainings.")
@command.path_option("out", "Folder for pictures.csv, groups.csv and sets.csv.")
def main(params: Path, original: Path, runs: Path, out: Path) -> None:
    """Measure."""
    chosen = read_sections(params, Study)
    set_threads(chosen.base.threads)
    base, painting, seed, size = open_base(chosen.base), chosen.painting, chosen.pictures.seed, chosen.pictures.size
    prompts = draw_prompts(painting.prompts, painting.seed)
    correct, others = (correct_groups(prompts, painting.group, seed + more, size) for more in (0, 1))
    painted = read_groups(original)
    systems = {
        "original": painted,
        **{arm: read_groups(runs / arm / "painted.safetensors") for arm in ARMS},
        "one picture": {key: pixels[:1].repeat(len(pixels), 1, 1, 1) for key, pixels in painted.items()},
        "correct": correct,
        "correct, decoded": {
            key: torch.from_numpy(to_pixels(decode_again(base, to_tensor(pixels.numpy()))))
            for key, pixels in correct.items()
        },
    }
    ruler = make_ruler(base, chosen.base, chosen.pictures)
    tables = {
        "pictures": pd.concat([measure_pictures(name, groups, ruler) for name, groups in systems.items()]),
        "groups": pd.concat([measure_groups(name, groups, ruler) for name, groups in systems.items()]),
        "sets": pd.concat([measure_sets(name, groups, others, ruler) for name, groups in systems.items()]),
    }
    with atomic_write(out) as folder:
        folder.mkdir()
        for name, table in tables.items():
            (folder / f"{name}.csv").write_text(to_csv(table), encoding="utf-8")
    click.echo(tables["pictures"].groupby(["family", "system"])["deformed"].mean().to_string())


if __name__ == "__main__":
    main()
