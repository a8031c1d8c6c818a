"""Scores and images → metrics.json, tables.md and a contact sheet. Run by DVC (dvc.yaml beside it)."""

from pathlib import Path

import click
import pandas as pd
from PIL import Image

from atelier.common import command
from atelier.common.files import atomic_write, write_json
from atelier.config import read_sections
from studies.anomaly.config import Study
from studies.anomaly.prompts import FAMILIES, draw_prompts
from studies.anomaly.sampling import read_groups
from studies.anomaly.sheets import draw_sheet
from studies.anomaly.summary import KINDS, count_faults, summarise
from studies.anomaly.tables import write_tables


@command.stage
@command.params_option
@command.path_option("results", "Folder of the scores.")
@command.path_option("original", "The base model's images (safetensors).")
@command.path_option("runs", "Folder of the training runs.")
@command.path_option("out", "Folder for the report.")
def main(params: Path, results: Path, original: Path, runs: Path, out: Path) -> None:
    """Summarise the scores; write tables and contact sheets."""
    chosen = read_sections(params, Study)
    pictures, groups, sets = (pd.read_csv(results / f"{name}.csv") for name in ("pictures", "groups", "sets"))
    metrics = {
        family: {
            **{kind: summarise(pictures, kind, family, chosen.measuring) for kind in ("deformed", "count")},
            **{kind: summarise(groups, kind, family, chosen.measuring) for kind in KINDS},
            "to_correct": sets[sets["family"] == family].set_index("system")["to_correct"].to_dict(),
            "faults": count_faults(pictures, family),
        }
        for family in FAMILIES
    }
    generated = {"original": read_groups(original)}
    generated |= {arm: read_groups(runs / arm / "painted.safetensors") for arm in ("plain", "prior")}
    prompts = draw_prompts(chosen.painting.prompts, chosen.painting.seed)
    with atomic_write(out) as folder:
        folder.mkdir()
        write_json(folder / "metrics.json", metrics)
        (folder / "tables.md").write_text(write_tables(metrics, chosen.base, chosen.painting), encoding="utf-8")
        for family in FAMILIES:
            Image.fromarray(draw_sheet(prompts, generated, pictures, family)).save(folder / f"{family}.png")
    click.echo(f"report in {out}")


if __name__ == "__main__":
    main()
