"""`atelier edit`: one photograph, or a list of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atelier.common.command import PARAMS, PATH, Command
from atelier.common.errors import UserError

if TYPE_CHECKING:
    from atelier.config import Generate, Models
    from atelier.masks.predict import Finder
    from atelier.models.instruct_pix2pix import Editor

FINETUNED = Path("models/finetuned")
SEED = click.IntRange(0, 2**31 - 1)


@click.command(cls=Command)
@click.argument("photo", required=False, type=PATH)
@click.argument("instruction", required=False)
@click.option("-o", "--out", type=PATH, help="Picture to write: .png, .jpg or .webp.  [default: PHOTO-edited.png]")
@click.option("--mask", default="auto", show_default=True, metavar="auto|none|FILE",
              help="Where the photograph may change: the garment that the instruction names, everywhere, or where a "
              "picture is white.")  # fmt: skip
@click.option("--weights", help="A fine-tuned folder, or an editor's folder or hub name.  "
              "[default: models/finetuned, or else models.editor]")  # fmt: skip
@click.option("--steps", type=click.IntRange(1, 1000), help="Sampling steps.  [default: generate.steps]")
@click.option("--guidance-text", type=click.FloatRange(min=0),
              help="How strongly to follow the words.  [default: generate.guidance_text]")  # fmt: skip
@click.option("--guidance-image", type=click.FloatRange(min=0),
              help="How closely to keep to the photograph.  [default: generate.guidance_image]")  # fmt: skip
@click.option("--seed", "seed", type=SEED, multiple=True,
              help="Of the starting noise; several times: a sheet of them.  [default: generate.seed]")  # fmt: skip
@click.option("--seeds", type=click.IntRange(1, 64), help="So many seeds, from --seed on, in one labelled sheet.")
@click.option("--batch", type=PATH, help="CSV of jobs: image, instruction[, mask, seed, output]; instead of PHOTO.")
@click.option("--out-dir", type=PATH, help="Folder for the pictures of --batch.")
@click.option("--params", default=PARAMS, show_default=True, type=PATH, help="Where defaults are read from.")
def edit(
    photo: Path | None, instruction: str | None, out: Path | None, mask: str, weights: str | None, steps: int | None,
    guidance_text: float | None, guidance_image: float | None, seed: tuple[int, ...], seeds: int | None,
    batch: Path | None, out_dir: Path | None, params: Path,
) -> None:  # fmt: skip
    """Edit PHOTO by an INSTRUCTION, at the photograph's own size and orientation.

    With a mask every pixel outside it stays as it is. The photograph is never squashed: it is letterboxed for the
    editor. Transparency is laid over white. A picture named by -o is overwritten, the photograph itself never. Defaults
    come from params.yaml; without one they are those of `atelier config full-size`, and seed 0.

    A row of --batch that cannot be done is named and left out, the others are done, and the exit code is 2. Its paths
    are relative to the CSV file; `output` is a name inside --out-dir.

    \b
    Examples:
      atelier edit photo.jpg "make the shirt red" -o red.png
      atelier edit photo.jpg "add stripes to the clothes" --mask none --seeds 4 -o sheet.png
      atelier edit photo.jpg "make the shirt red" --mask shirt.png --steps 50 --guidance-text 9
      atelier edit --batch jobs.csv --out-dir edits/
    """
    names = _check_form(photo, instruction, out, batch, out_dir, seed, seeds)
    models, settings = _defaults(params)
    given = {"steps": steps, "guidance_text": guidance_text, "guidance_image": guidance_image}
    settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
    first = seed[0] if seed else settings.seed
    if batch is not None:
        _edit_batch(batch, names, mask, first, weights, models, settings)
    else:
        chosen = list(range(first, first + seeds)) if seeds else list(dict.fromkeys(seed)) or [first]
        _edit_one(photo, instruction, names, mask, chosen, weights, models, settings)


def _check_form(
    photo: Path | None, instruction: str | None, out: Path | None, batch: Path | None, out_dir: Path | None,
    seed: Sequence[int], seeds: int | None,
) -> Path:  # fmt: skip
    """Where to write: a picture or, for a list, a folder. Refuses what belongs to the other form of the command."""
    if seeds and len(seed) > 1:
        raise UserError("--seeds counts on from one --seed; several are given")
    if batch is not None:
        if photo is not None or out is not None or seeds or len(seed) > 1 or out_dir is None:
            raise UserError("--batch takes --out-dir, and neither PHOTO, -o, --seeds nor several --seed")
        return out_dir
    if photo is None or not instruction or not instruction.strip() or out_dir is not None:
        raise UserError('expected PHOTO "INSTRUCTION" [-o OUT], or --batch CSV --out-dir FOLDER')
    return out or _default_name(photo)


def _default_name(photo: Path) -> Path:
    name = photo.with_name(f"{photo.stem}-edited.png")
    if name.exists():
        raise UserError(f"{name} is there already; name the picture to write with -o")
    return name


def _defaults(params: Path) -> tuple["Models", "Generate"]:
    from atelier.config import Generate, Models, read_params

    if params.exists() or params != PARAMS:
        chosen = read_params(params)
        return chosen.models, chosen.generate
    from atelier.cli.presets import read_preset

    preset = read_preset("full-size")
    return Models(**preset["models"], device="auto"), Generate(**preset["generate"], sweep_probes=0, seed=0)


def _open(weights: str | None, models: "Models") -> tuple["Editor", "Finder"]:
    """The editor, by default the last fine-tuned one, and what finds garments."""
    from atelier.masks.predict import make_finder
    from atelier.models.instruct_pix2pix import TRAINED_FACTS, open_weights

    if weights is None:
        weights = str(FINETUNED)
        if not (FINETUNED / TRAINED_FACTS).exists():
            click.echo(f"no fine-tuned editor in {FINETUNED}: editing with the base, {models.editor}", err=True)
            weights = models.editor
    return open_weights(weights, models.dtype, models.device), make_finder(models)


def _edit_one(
    photo: Path, instruction: str, out: Path, mask: str, seeds: Sequence[int], weights: str | None,
    models: "Models", settings: "Generate",
) -> None:  # fmt: skip
    from atelier.cli.seed_sheet import draw_seed_sheet
    from atelier.images.photo import check_format, open_photograph, save
    from atelier.sampling.photos import AUTO, NONE, Task, choose_mask, make_edits

    check_format(out)
    inputs = [photo] if mask in (AUTO, NONE) else [photo, Path(mask)]
    if any(out.exists() and path.exists() and out.samefile(path) for path in inputs):
        raise UserError(f"{out}: is read from; write the edit under another name")
    open_photograph(photo, size=1)  # a wrong name should not wait for an editor to be loaded
    editor, find = _open(weights, models)
    photograph = open_photograph(photo, editor.size)
    where = choose_mask(mask, photograph, instruction, find)
    tasks = [Task(photograph, instruction, seed, where) for seed in seeds]
    edits = dict(zip(seeds, make_edits(editor, tasks, settings, progress=True), strict=True))
    if len(edits) == 1:
        save(edits[seeds[0]], out, photograph.profile)
    else:
        save(draw_seed_sheet(photograph.pixels, edits), out, photograph.profile)
        click.echo("a sheet to choose from; --seed gives one of them at full size", err=True)
    click.echo(out)


def _edit_batch(
    file: Path, out_dir: Path, mask: str, seed: int, weights: str | None, models: "Models", settings: "Generate"
) -> None:
    from tqdm import tqdm

    from atelier.sampling.batch_csv import read_jobs
    from atelier.sampling.photos import do_jobs

    listed = read_jobs(file, out_dir, mask=mask, seed=seed)
    for line, reason in listed.refused.items():
        click.echo(f"{file}, line {line}: {reason}", err=True)
    done, refused = 0, len(listed.refused)
    if listed.jobs:
        editor, find = _open(weights, models)
        outcomes = do_jobs(editor, listed.jobs, settings, find)
        for outcome in tqdm(outcomes, "edit", total=len(listed.jobs), unit="picture", disable=None):
            if outcome.refused is None:
                done += 1
                click.echo(outcome.job.output)
            else:
                refused += 1
                click.echo(f"{file}, line {outcome.job.line}: {outcome.refused}", err=True)
    click.echo(f"{done} edited, {refused} refused", err=True)
    if refused:
        raise click.exceptions.Exit(2)
