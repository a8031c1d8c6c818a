"""Images of all systems and controls → scores by image, group and family. Run by DVC (dvc.yaml beside it)."""

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
    load_scorers,
    reconstruct,
    score_groups,
    score_images,
    score_sets,
)
from studies.anomaly.prompts import draw_prompts
from studies.anomaly.rows import ARMS, open_base
from studies.anomaly.sampling import read_groups


@command.stage
@command.params_option
@command.path_option("original", "The base model's images (safetensors).")
@command.path_option("runs", "Folder of the training runs.")
@command.path_option("out", "Folder for pictures.csv, groups.csv and sets.csv.")
def main(params: Path, original: Path, runs: Path, out: Path) -> None:
    """Score the images."""
    chosen = read_sections(params, Study)
    set_threads(chosen.base.threads)
    base, sampling, seed, size = open_base(chosen.base), chosen.painting, chosen.pictures.seed, chosen.pictures.size
    prompts = draw_prompts(sampling.prompts, sampling.seed)
    correct, others = (correct_groups(prompts, sampling.group, seed + more, size) for more in (0, 1))
    generated = read_groups(original)
    systems = {
        "original": generated,
        **{arm: read_groups(runs / arm / "painted.safetensors") for arm in ARMS},
        "one picture": {key: pixels[:1].repeat(len(pixels), 1, 1, 1) for key, pixels in generated.items()},
        "correct": correct,
        "correct, decoded": {
            key: torch.from_numpy(to_pixels(reconstruct(base, to_tensor(pixels.numpy()))))
            for key, pixels in correct.items()
        },
    }
    scorers = load_scorers(base, chosen.base, chosen.pictures)
    tables = {
        "pictures": pd.concat([score_images(name, groups, scorers) for name, groups in systems.items()]),
        "groups": pd.concat([score_groups(name, groups, scorers) for name, groups in systems.items()]),
        "sets": pd.concat([score_sets(name, groups, others, scorers) for name, groups in systems.items()]),
    }
    with atomic_write(out) as folder:
        folder.mkdir()
        for name, table in tables.items():
            (folder / f"{name}.csv").write_text(to_csv(table), encoding="utf-8")
    click.echo(tables["pictures"].groupby(["family", "system"])["deformed"].mean().to_string())


if __name__ == "__main__":
    main()
