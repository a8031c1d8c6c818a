"""`atelier edit`: edit one photo, or a batch from a CSV file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from atelier.common.command import PARAMS, Command
from atelier.common.errors import UserError
from atelier.common.options import (
    FREE_TEXT,
    OUT_FILE,
    OUT_FOLDER,
    PATH,
    SCALE,
    SEED,
    TEXT,
    check_output,
)

MOST_SEEDS = 64
KEEP = ["none", "consistent", "latent", "composite"]  # config.KeepMode
HELP = {
    "out": "Write the edit to this image file: .png, .jpg or .webp.  [default: PHOTO-edited.png]",
    "mask": "Change only the instruction's garment (auto), everything (none), or the white pixels of FILE.",
    "save_mask": "Also write the mask to this file (.png or .webp), at the photo's size: white may change.",
    "overlay": "Also write the photo with the mask tinted green and the rest faded, to check what was found.",
    "record": "Also write what the edit was made with to this .json file.",
    "repeat": "Make the edit of a file of --record again; INSTRUCTION and its options are the file's.",
    "weights": "Edit with the editor of this folder or hub id.  [default: models/finetuned, or else models.editor]",
    "steps": "Sample in this number of steps.  [default: generate.steps]",
    "guidance_text": "Use this text guidance scale s_T.  [default: generate.guidance_text]",
    "guidance_image": "Use this image guidance scale s_I.  [default: generate.guidance_image]",
    "keep": "Keep this while sampling: what agrees with PHOTO, or what is outside the mask.  [default: generate.keep]",
    "seed": "Draw the noise with this seed; repeatable.  [default: generate.seed]",
    "seeds": "Edit with this number of seeds, from --seed on, and write a contact sheet.",
    "batch": "Edit the rows of this CSV file instead of PHOTO; its columns are explained above.",
    "out_dir": "Write the outputs of --batch to this folder.",
    "params": "Read the defaults from this parameters file.",
}


@click.command(cls=Command)
@click.argument("photo", required=False, type=PATH)
@click.argument("instruction", required=False, type=FREE_TEXT)
@click.option("-o", "--out", type=OUT_FILE, help=HELP["out"])
@click.option("--mask", default="auto", type=TEXT, metavar="auto|none|FILE", help=HELP["mask"])
@click.option("--save-mask", type=OUT_FILE, help=HELP["save_mask"])
@click.option("--overlay", type=OUT_FILE, help=HELP["overlay"])
@click.option("--record", type=OUT_FILE, help=HELP["record"])
@click.option("--from", "repeat", type=PATH, help=HELP["repeat"])
@click.option("--weights", type=TEXT, help=HELP["weights"])
@click.option("--steps", type=click.IntRange(1, 1000), help=HELP["steps"])
@click.option("--guidance-text", type=SCALE, help=HELP["guidance_text"])
@click.option("--guidance-image", type=SCALE, help=HELP["guidance_image"])
@click.option("--keep", type=click.Choice(KEEP), help=HELP["keep"])
@click.option("--seed", type=SEED, multiple=True, help=HELP["seed"])
@click.option("--seeds", type=click.IntRange(1, MOST_SEEDS), help=HELP["seeds"])
@click.option("--batch", type=PATH, help=HELP["batch"])
@click.option("--out-dir", type=OUT_FOLDER, help=HELP["out_dir"])
@click.option("--params", default=PARAMS, type=PATH, help=HELP["params"])
def edit(photo: Path | None, instruction: str | None, repeat: Path | None, **options: Any) -> None:
    """Edit PHOTO by an INSTRUCTION, at the photo's own size and orientation.

    With a mask, no pixel outside it changes. --keep latent also holds the rest while the edit is sampled, and --keep
    consistent what the edit leaves nearly as it was, without a mask. The editor sees the photo letterboxed to a square,
    of the size that it was fine-tuned at. Transparent pixels are composited over white. An existing file named by -o
    is overwritten, but never the photo itself. Defaults come from params.yaml; without that file they are those of
    `atelier config full-size`, with seed 0.

    On stderr, the command says which garment it found and how large it is. It warns of next to nothing found, of a
    photo much larger than what the editor sees, and of one of a kind that segmenter and editor may not know.

    With --batch, each row of a CSV file is an edit. Its columns are image and instruction; mask, seed, output,
    save_mask and overlay are optional. Paths are relative to the CSV file; output, save_mask and overlay are names
    inside --out-dir. Rows that cannot be edited are reported and skipped, and the exit code is then 2.

    \b
    Examples:
      atelier edit photo.jpg "make the shirt red" -o red.png
      atelier edit photo.jpg "add stripes to the clothes" --mask none --seeds 4 -o sheet.png
      atelier edit photo.jpg "make the shirt red" --mask shirt.png --steps 50 --guidance-text 9
      atelier edit photo.jpg "make the shirt red" -o red.png --save-mask shirt.png --overlay check.png
      atelier edit photo.jpg "add stripes to the clothes" -o striped.png --mask none --keep consistent
      atelier edit photo.jpg "make the shirt red" -o red.png --record red.json
      atelier edit photo.jpg --from red.json -o again.png
      atelier edit --batch jobs.csv --out-dir edits/
    """
    if repeat is None:
        _edit(photo, instruction, **options)
    else:
        _repeat(photo, instruction, repeat, **options)


def _edit(
    photo: Path | None,
    instruction: str | None,
    *,
    out: Path | None,
    mask: str,
    save_mask: Path | None,
    overlay: Path | None,
    record: Path | None,
    weights: str | None,
    steps: int | None,
    guidance_text: float | None,
    guidance_image: float | None,
    keep: str | None,
    seed: tuple[int, ...],
    seeds: int | None,
    batch: Path | None,
    out_dir: Path | None,
    params: Path,
) -> None:
    """Edit a photo or a batch."""
    target = _check_form(photo, instruction, out, batch, out_dir, seed, seeds)
    _check_views({"--save-mask": save_mask, "--overlay": overlay}, mask, batch)
    if record is not None and (batch is not None or seeds or len(seed) > 1):
        raise UserError("--record is for one edit of one photo")
    from atelier.cli.edit_photos import Files, edit_listed, edit_one
    from atelier.editing.settings import read_settings

    scales = {"guidance_text": guidance_text, "guidance_image": guidance_image}
    settings = read_settings(params, weights, steps=steps, keep=keep, **scales)
    first = seed[0] if seed else settings.generate.seed
    if batch is not None:
        edit_listed(batch, target, mask, first, settings)
    else:
        several = range(first, first + seeds) if seeds else dict.fromkeys(seed or [first])
        edit_one(photo, instruction, Files(target, save_mask, overlay, record), mask, list(several), settings)


def _repeat(
    photo: Path | None,
    instruction: str | None,
    file: Path,
    *,
    out: Path | None,
    save_mask: Path | None,
    weights: str | None,
    params: Path,
    **others: Any,
) -> None:
    """Make the edit of a record again; refuse options that the record already says."""
    context = click.get_current_context()
    options = {parameter.name: parameter.opts[-1] for parameter in context.command.params}
    given = [options[name] for name in others if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if instruction or given:
        said = given[0] if given else "INSTRUCTION"
        raise UserError(f"{said}: --from repeats an edit as its file says; leave it out")
    if photo is None or out is None:
        raise UserError("expected PHOTO --from RECORD.json -o OUT")
    from atelier.cli.edit_photos import Files, repeat_edit

    repeat_edit(photo, file, Files(out, save_mask), params, weights)


def _check_form(
    photo: Path | None,
    instruction: str | None,
    out: Path | None,
    batch: Path | None,
    out_dir: Path | None,
    seed: Sequence[int],
    seeds: int | None,
) -> Path:
    """Return the file or, for --batch, the folder to write to. Refuse options of the other form of the command."""
    if seeds and len(seed) > 1:
        raise UserError("--seeds counts from a single --seed, but several are given")
    if len(seed) > MOST_SEEDS:
        raise UserError(f"--seed: given {len(seed)} times; at most {MOST_SEEDS}")
    if batch is not None:
        if photo is not None or out is not None or seeds or len(seed) > 1 or out_dir is None:
            raise UserError("--batch requires --out-dir and excludes PHOTO, -o, --seeds and repeated --seed")
        return out_dir
    if photo is None or not instruction or not instruction.strip() or out_dir is not None:
        raise UserError('expected PHOTO "INSTRUCTION" [-o OUT], or --batch CSV --out-dir FOLDER')
    if out is None:
        if not photo.name:
            raise UserError(f"{photo}: is a folder, not a picture")
        out = photo.with_name(f"{photo.stem}-edited.png")
        check_output(out)
        if out.exists():
            raise UserError(f"{out} exists already; name the file to write with -o")
    return out


def _check_views(views: Mapping[str, Path | None], mask: str, batch: Path | None) -> None:
    """Refuse --save-mask and --overlay where there is no mask to show, or more than one."""
    for name in (name for name, path in views.items() if path):
        if batch is not None:
            column = name.strip("-").replace("-", "_")
            raise UserError(f"{name} is for one photo; for --batch, name the files in the CSV file's column {column}")
        if mask == "none":
            raise UserError(f"{name} shows a mask, but --mask none uses none")
