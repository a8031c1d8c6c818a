"""The work of `atelier edit`: defaults, networks, one photo or the rows of a CSV file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
from tqdm import tqdm

from atelier.cli.presets import read_preset
from atelier.cli.seed_sheet import draw_seed_sheet
from atelier.common.command import PARAMS
from atelier.common.errors import UserError
from atelier.common.notices import notice
from atelier.common.options import check_path, echo_path
from atelier.common.threads import set_threads
from atelier.config import Generate, Models, read_params
from atelier.images.photo import check_format, open_mask, open_photograph, save
from atelier.masks.predict import Search, make_search
from atelier.models.finetuned import TRAINED_FACTS
from atelier.models.instruct_pix2pix import Editor, open_weights
from atelier.sampling import photos
from atelier.sampling.batch_csv import read_batch
from atelier.sampling.regions import check_mask_format

FINETUNED = Path("models/finetuned")
MIN_AREA = 0.005  # mask.min_area where there is no parameters file


@dataclass(frozen=True)
class Settings:
    """What an edit is made with."""

    models: Models
    generate: Generate
    min_area: float  # share of a photo below which a mask is next to nothing
    weights: str | None  # folder or hub id of the editor; None: the fine-tuned one, or else `models.editor`


@dataclass(frozen=True)
class Files:
    """Files to write for one photo."""

    edit: Path
    mask: Path | None
    overlay: Path | None

    @property
    def all(self) -> list[Path]:
        """The files that are wanted."""
        return [path for path in (self.edit, self.mask, self.overlay) if path]


def read_settings(params: Path, weights: str | None, **given: float | None) -> Settings:
    """Return the settings of a parameters file; where params.yaml does not exist, those of the full-size preset.

    Args:
        given: values of the section `generate` to take instead; None leaves one as it is.
    """
    if params.exists() or params != PARAMS:
        chosen = read_params(params)
        models, generate, min_area = chosen.models, chosen.generate, chosen.mask.min_area
    else:
        preset = read_preset("full-size")
        models, min_area = Models(**preset["models"], device="auto"), MIN_AREA
        generate = Generate(**preset["generate"], sweep_probes=0, seed=0)
    generate = generate.model_copy(update={name: value for name, value in given.items() if value is not None})
    return Settings(models, generate, min_area, weights)


def _load(settings: Settings) -> tuple[Editor, Search]:
    """Load the editor, by default the fine-tuned one in models/finetuned, and the garment segmenter."""
    models, weights = settings.models, settings.weights
    set_threads(models.threads)
    if weights is None:
        weights = str(FINETUNED)
        if not (FINETUNED / TRAINED_FACTS).exists():
            click.echo(f"no fine-tuned editor in {FINETUNED}: editing with the base, {models.editor}", err=True)
            weights = models.editor
    return open_weights(weights, models.dtype, models.device), make_search(models)


def edit_one(photo: Path, instruction: str, files: Files, mask: str, seeds: Sequence[int], settings: Settings) -> None:
    """Edit a photo, with a seed or several; write the files and print their paths."""
    masks = [] if mask in (photos.AUTO, photos.NONE) else [Path(mask)]
    _check_files(files, [photo, *masks])
    _check_pictures(photo, masks)
    editor, search = _load(settings)
    cut = photos.describe_cut(editor, instruction)
    if cut:
        notice(cut)
    photograph = open_photograph(photo, editor.size)
    edit = photos.open_edit(photograph, instruction, seeds[0], mask)
    if mask == photos.AUTO:
        (edit,) = photos.find_masks(search, [edit])
        if isinstance(edit, UserError):
            raise edit
    for line in photos.describe_edit(edit, settings.min_area):
        notice(line)
    photos.save_views(edit, files.mask, files.overlay)
    seeds = list(dict.fromkeys(seeds))
    edits = photos.make_edits(editor, [replace(edit, seed=seed) for seed in seeds], settings.generate, progress=True)
    if len(seeds) == 1:
        save(next(edits), files.edit, photograph.profile)
    else:
        save(draw_seed_sheet(photograph.own_pixels, seeds, edits), files.edit, photograph.profile)
        click.echo("wrote a contact sheet; use --seed for one of the edits at full size", err=True)
    for path in files.all:
        echo_path(path)


def _check_files(files: Files, inputs: Sequence[Path]) -> None:
    """Refuse a file to write that is an input, has a wrong format, or is named twice."""
    check_format(files.edit)
    if files.mask:
        check_mask_format(files.mask)
    if files.overlay:
        check_format(files.overlay)
    for path in inputs:
        check_path(path)
    for number, out in enumerate(files.all):
        if any(out.exists() and path.exists() and out.samefile(path) for path in inputs):
            raise UserError(f"{out} is an input; write to another file")
        if out.resolve() in [other.resolve() for other in files.all[:number]]:
            raise UserError(f"{out} is named for two of -o, --save-mask and --overlay")


def _check_pictures(photo: Path, masks: Sequence[Path]) -> None:
    """Report a wrong file before the editor is loaded."""
    photograph = open_photograph(photo, size=1)
    for path in masks:
        open_mask(path, photograph)


def edit_listed(file: Path, out_dir: Path, mask: str, seed: int, settings: Settings) -> None:
    """Edit the rows of a CSV file; report what is refused, and exit with code 2 if anything is."""
    batch = read_batch(file, out_dir, mask=mask, seed=seed)
    for line, reason in batch.refused.items():
        click.echo(f"{file}, line {line}: {reason}", err=True)
    refused = len(batch.refused)
    if batch.requests:
        editor, search = _load(settings)
        for request in batch.requests:
            cut = photos.describe_cut(editor, request.instruction)
            if cut:
                notice(f"{file}, line {request.line}: {cut}")
        results = photos.edit_batch(editor, batch.requests, settings.generate, search, settings.min_area)
        for result in tqdm(results, "edit", total=len(batch.requests), unit="photo", disable=None):
            for note in result.notes:
                notice(f"{file}, line {result.request.line}: {note}")
            if result.refused is None:
                for path in result.request.written:
                    echo_path(path)
            else:
                refused += 1
                click.echo(f"{file}, line {result.request.line}: {result.refused}", err=True)
    click.echo(f"{len(batch.requests) + len(batch.refused) - refused} edited, {refused} refused", err=True)
    if refused:
        raise click.exceptions.Exit(2)
