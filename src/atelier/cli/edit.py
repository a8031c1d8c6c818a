"""`atelier edit`: edit one photo, or a batch from a CSV file."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atelier.common.command import PARAMS, Command
from atelier.common.errors import UserError
from atelier.common.notices import notice
from atelier.common.options import (
    FREE_TEXT,
    OUT_FILE,
    OUT_FOLDER,
    PATH,
    SCALE,
    SEED,
    TEXT,
    check_output,
    check_path,
    echo_path,
)

if TYPE_CHECKING:
    from atelier.config import Generate, Models
    from atelier.masks.predict import Finder
    from atelier.models.instruct_pix2pix import Editor

    Load = Callable[[], tuple[Editor, Finder]]

FINETUNED = Path("models/finetuned")
MOST_SEEDS = 64
MASK_HELP = "Region that may change: the instruction's garment (auto), everything (none), or the white pixels of FILE."


@click.command(cls=Command)
@click.argument("photo", required=False, type=PATH)
@click.argument("instruction", required=False, type=FREE_TEXT)
@click.option(
    "-o", "--out", type=OUT_FILE, help="Image file to write: .png, .jpg or .webp.  [default: PHOTO-edited.png]"
)
@click.option("--mask", default="auto", type=TEXT, metavar="auto|none|FILE", help=MASK_HELP)
@click.option(
    "--weights", type=TEXT, help="Folder or hub id of an editor.  [default: models/finetuned, or else models.editor]"
)
@click.option("--steps", type=click.IntRange(1, 1000), help="Number of sampling steps.  [default: generate.steps]")
@click.option("--guidance-text", type=SCALE, help="Text guidance scale s_T.  [default: generate.guidance_text]")
@click.option("--guidance-image", type=SCALE, help="Image guidance scale s_I.  [default: generate.guidance_image]")
@click.option("--seed", type=SEED, multiple=True, help="Seed of the noise; repeatable.  [default: generate.seed]")
@click.option(
    "--seeds", type=click.IntRange(1, MOST_SEEDS), help="Number of seeds from --seed on, for a contact sheet."
)
@click.option("--batch", type=PATH, help="CSV file: image, instruction[, mask, seed, output]; instead of PHOTO.")
@click.option("--out-dir", type=OUT_FOLDER, help="Folder for the outputs of --batch.")
@click.option("--params", default=PARAMS, type=PATH, help="Parameters file to read defaults from.")
def edit(
    photo: Path | None,
    instruction: str | None,
    out: Path | None,
    mask: str,
    weights: str | None,
    steps: int | None,
    guidance_text: float | None,
    guidance_image: float | None,
    seed: tuple[int, ...],
    seeds: int | None,
    batch: Path | None,
    out_dir: Path | None,
    params: Path,
) -> None:
    """Edit PHOTO by an INSTRUCTION, at the photo's own size and orientation.

    With a mask, no pixel outside it changes. The editor sees the photo letterboxed to a square, of the size that it
    was fine-tuned at. Transparent pixels are composited over white. An existing file named by -o is overwritten, but
    never the photo itself. Defaults come from params.yaml; without that file they are those of `atelier config
    full-size`, with seed 0.

    With --batch, rows that cannot be edited are reported and skipped, and the exit code is then 2. Paths in the CSV
    file are relative to it; `output` is a name inside --out-dir.

    \b
    Examples:
      atelier edit photo.jpg "make the shirt red" -o red.png
      atelier edit photo.jpg "add stripes to the clothes" --mask none --seeds 4 -o sheet.png
      atelier edit photo.jpg "make the shirt red" --mask shirt.png --steps 50 --guidance-text 9
      atelier edit --batch jobs.csv --out-dir edits/
    """
    target = _check_form(photo, instruction, out, batch, out_dir, seed, seeds)
    models, settings = _defaults(params)
    given = {"steps": steps, "guidance_text": guidance_text, "guidance_image": guidance_image}
    settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
    first = seed[0] if seed else settings.seed
    load = partial(_load, weights, models)
    if batch is not None:
        _edit_batch(batch, target, mask, first, load, settings)
    else:
        chosen = list(range(first, first + seeds)) if seeds else list(dict.fromkeys(seed)) or [first]
        _edit_one(photo, instruction, target, mask, chosen, load, settings)


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


def _defaults(params: Path) -> tuple["Models", "Generate"]:
    from atelier.config import Generate, Models, read_params

    if params.exists() or params != PARAMS:
        chosen = read_params(params)
        return chosen.models, chosen.generate
    from atelier.cli.presets import read_preset

    preset = read_preset("full-size")
    return Models(**preset["models"], device="auto"), Generate(**preset["generate"], sweep_probes=0, seed=0)


def _load(weights: str | None, models: "Models") -> tuple["Editor", "Finder"]:
    """Load the editor, by default the fine-tuned one in models/finetuned, and the garment segmenter."""
    from atelier.masks.predict import make_finder
    from atelier.models.finetuned import TRAINED_FACTS
    from atelier.models.instruct_pix2pix import open_weights

    if weights is None:
        weights = str(FINETUNED)
        if not (FINETUNED / TRAINED_FACTS).exists():
            click.echo(f"no fine-tuned editor in {FINETUNED}: editing with the base, {models.editor}", err=True)
            weights = models.editor
    return open_weights(weights, models.dtype, models.device), make_finder(models)


def _edit_one(
    photo: Path, instruction: str, out: Path, mask: str, seeds: Sequence[int], load: "Load", settings: "Generate"
) -> None:
    from atelier.cli.seed_sheet import draw_seed_sheet
    from atelier.images.photo import check_format, open_photograph, save
    from atelier.sampling.photos import AUTO, NONE, PhotoEdit, choose_mask, describe_cut, make_edits

    check_format(out)
    masks = [] if mask in (AUTO, NONE) else [Path(mask)]
    inputs = [photo, *masks]
    for path in inputs:
        check_path(path)
    if any(out.exists() and path.exists() and out.samefile(path) for path in inputs):
        raise UserError(f"{out} is an input; write the edit to another file")
    _check_pictures(photo, masks)
    editor, find = load()
    cut = describe_cut(editor, instruction)
    if cut:
        notice(cut)
    photograph = open_photograph(photo, editor.size)
    region = choose_mask(mask, photograph, instruction, find)
    seeds = list(dict.fromkeys(seeds))
    requests = [PhotoEdit(photograph, instruction, seed, region) for seed in seeds]
    edits = make_edits(editor, requests, settings, progress=True)
    if len(seeds) == 1:
        save(next(edits), out, photograph.profile)
    else:
        save(draw_seed_sheet(photograph.own_pixels, seeds, edits), out, photograph.profile)
        click.echo("wrote a contact sheet; use --seed for one of the edits at full size", err=True)
    echo_path(out)


def _check_pictures(photo: Path, masks: Sequence[Path]) -> None:
    """Report a wrong file before the editor is loaded."""
    from atelier.images.photo import open_mask, open_photograph

    photograph = open_photograph(photo, size=1)
    for path in masks:
        open_mask(path, photograph)


def _edit_batch(file: Path, out_dir: Path, mask: str, seed: int, load: "Load", settings: "Generate") -> None:
    from tqdm import tqdm

    from atelier.sampling.batch_csv import read_batch
    from atelier.sampling.photos import describe_cut, edit_batch

    batch = read_batch(file, out_dir, mask=mask, seed=seed)
    for line, reason in batch.refused.items():
        click.echo(f"{file}, line {line}: {reason}", err=True)
    refused = len(batch.refused)
    if batch.requests:
        editor, find = load()
        for request in batch.requests:
            cut = describe_cut(editor, request.instruction)
            if cut:
                notice(f"{file}, line {request.line}: {cut}")
        results = edit_batch(editor, batch.requests, settings, find)
        for result in tqdm(results, "edit", total=len(batch.requests), unit="photo", disable=None):
            if result.refused is None:
                echo_path(result.request.output)
            else:
                refused += 1
                click.echo(f"{file}, line {result.request.line}: {result.refused}", err=True)
    click.echo(f"{len(batch.requests) + len(batch.refused) - refused} edited, {refused} refused", err=True)
    if refused:
        raise click.exceptions.Exit(2)
