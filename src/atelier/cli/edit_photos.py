"""The work of `atelier edit`: defaults, networks, one photo or the rows of a CSV file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import click
import numpy as np
from PIL import Image
from tqdm import tqdm

from atelier.cli.seed_sheet import draw_seed_sheet
from atelier.common.errors import UserError
from atelier.common.notices import notice
from atelier.common.options import check_path, echo_path
from atelier.editing.photo_editor import PhotoEditor, repeat
from atelier.editing.record import make_record, read_record
from atelier.editing.settings import FINETUNED, Settings, identify, load_networks, read_settings
from atelier.images.photo import check_format, open_mask, open_photograph, save
from atelier.sampling import photos
from atelier.sampling.batch_csv import read_batch
from atelier.sampling.regions import check_mask_format


@dataclass(frozen=True)
class Files:
    """Files to write for one photo."""

    edit: Path
    mask: Path | None = None
    overlay: Path | None = None
    record: Path | None = None

    @property
    def all(self) -> list[Path]:
        """The files that are wanted."""
        return [path for path in (self.edit, self.mask, self.overlay, self.record) if path]


def edit_one(photo: Path, instruction: str, files: Files, mask: str, seeds: Sequence[int], settings: Settings) -> None:
    """Edit a photo, with a seed or several; write the files and print their paths."""
    photos.check_keep(settings.generate, mask)
    masks = [] if mask in (photos.AUTO, photos.NONE) else [Path(mask)]
    _check_files(files, [photo, *masks])
    _check_pictures(photo, masks)
    editor, search = load_networks(settings)
    _tell_base(settings)
    cut = photos.describe_cut(editor, instruction)
    if cut:
        notice(cut)
    photograph = open_photograph(photo, editor.size)
    edit = photos.find_mask(search, photos.open_edit(photograph, instruction, seeds[0], mask), mask)
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
    if files.record:
        identity = {"editor": settings.weights, "editor_sha256": identify(settings.weights)}
        make_record(edit, settings.generate, **identity).write(files.record)
    for path in files.all:
        echo_path(path)


def repeat_edit(photo: Path, record_file: Path, files: Files, params: Path, weights: str | None) -> None:
    """Make the edit of a record again; write the files and print their paths.

    Args:
        weights: folder of the editor of all turns, if it is no longer where the record says.
    """
    _check_files(files, [photo, record_file])
    _check_pictures(photo, [])
    record = read_record(record_file)
    load = cache(lambda name: PhotoEditor(read_settings(params, name)))
    edited = repeat(photo, record, lambda turn: load(weights or turn.editor))
    for line in edited.notes:
        notice(line)
    save(np.asarray(edited.picture), files.edit, edited.picture.info.get("icc_profile"))
    if files.mask:
        save(np.asarray(edited.mask or Image.new("L", edited.picture.size, 255)), files.mask)
    for path in files.all:
        echo_path(path)


def _tell_base(settings: Settings) -> None:
    """Say that the base edits, where no editor was named and none was fine-tuned."""
    if settings.fell_back:
        click.echo(f"no fine-tuned editor in {FINETUNED}: editing with the base, {settings.weights}", err=True)


def _check_files(files: Files, inputs: Sequence[Path]) -> None:
    """Refuse a file to write that is an input, has a wrong format, or is named twice."""
    check_format(files.edit)
    if files.mask:
        check_mask_format(files.mask)
    if files.overlay:
        check_format(files.overlay)
    if files.record and files.record.suffix != ".json":
        raise UserError(f"{files.record}: expected a record as .json")
    for path in inputs:
        check_path(path)
    for number, out in enumerate(files.all):
        if any(out.exists() and path.exists() and out.samefile(path) for path in inputs):
            raise UserError(f"{out} is an input; write to another file")
        if out.resolve() in [other.resolve() for other in files.all[:number]]:
            raise UserError(f"{out} is named for two of -o, --save-mask, --overlay and --record")


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
        editor, search = load_networks(settings)
        _tell_base(settings)
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
