"""`atelier export`: write a fine-tuned editor as a diffusers pipeline."""

from pathlib import Path

import click

from atelier.common.command import Command
from atelier.common.options import OUT_FOLDER, PATH, echo_path


@click.command(cls=Command)
@click.argument("folder", default=Path("models/finetuned"), type=PATH)
@click.option("--out", required=True, type=OUT_FOLDER, help="Folder to write; it must not exist yet.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    help="Data type of the written weights; bfloat16 halves their size.",
)
def export(folder: Path, out: Path, dtype: str) -> None:
    """Write a fine-tuned FOLDER (models/finetuned) as a pipeline that diffusers loads, with a model card.

    A LoRA is merged into the weights and also written separately: pytorch_lora_weights.safetensors for diffusers and
    lora-kohya.safetensors for ComfyUI. The model card lists the parameters, data digests and metrics that dvc.lock
    records for these weights.

    \b
    Examples:
      atelier export --out exported
      atelier export models/finetuned --out exported --dtype bfloat16
    """
    from atelier.export.pipeline import export as write

    for remark in write(folder, out, Path.cwd(), dtype):
        click.echo(remark, err=True)
    echo_path(out)
