"""`atelier score`: measures for edits made anywhere."""

from pathlib import Path

import click

from atelier.common.command import PARAMS, Command
from atelier.common.errors import UserError
from atelier.common.options import OUT_FOLDER, PATH, TEXT, check_path, echo_path


@click.command(cls=Command)
@click.argument("table", type=PATH, required=False)
@click.option("--source", type=PATH, help="Folder of sources, instead of TABLE.")
@click.option(
    "--edited",
    multiple=True,
    type=TEXT,
    metavar="NAME=FOLDER",
    help="An editor and the folder of its edits, named as their sources; repeatable. With --source.",
)
@click.option("--instructions", type=PATH, help="CSV file: source (a file name), instruction, captions. With --source.")
@click.option("--masks", type=PATH, help="Folder of masks, named as their sources. With --source.")
@click.option("--targets", type=PATH, help="Folder of exact targets, named as their sources. With --source.")
@click.option("--out", required=True, type=OUT_FOLDER, help="Folder to write scores, summary, sheet and page to.")
@click.option("--params", type=PATH, default=PARAMS, help="Parameters file, for its section models.")
@click.option("--clip", type=TEXT, help="CLIP: a folder or hub name, or none.  [default: models.clip]")
@click.option(
    "--lpips", type=TEXT, help="LPIPS: alex, vgg, squeeze, a feature network, or none.  [default: models.lpips]"
)
@click.option("--segmenter", type=TEXT, help="Finds masks that are not given; or none.  [default: models.segmenter]")
def score(
    table: Path | None,
    source: Path | None,
    edited: tuple[str, ...],
    instructions: Path | None,
    masks: Path | None,
    targets: Path | None,
    out: Path,
    params: Path,
    **networks: str | None,
) -> None:
    """Measure edits made anywhere: what they moved, what they damaged, and how near they are to what was asked.

    TABLE is a CSV file with the columns source, edited (or edited:NAME for each of several editors) and optionally
    instruction, mask, target, source_caption and target_caption. docs/scoring.md defines the measures. What cannot be
    scored is told in one line each; the exit code is 2 only if nothing could be.

    \b
    Examples:
      atelier score edits.csv --out scored
      atelier score --source photos --edited kontext=k --edited qwen=q --instructions asked.csv --out scored
    """
    from atelier.common.threads import set_threads
    from atelier.editing.settings import read_settings
    from atelier.scoring.folders import read_folders
    from atelier.scoring.run import load_networks, report_on, score_all, write_results
    from atelier.scoring.table import read_table

    folders = (edited, instructions, masks, targets)
    if (table is None) == (source is None) or (table and any(folders)):
        raise UserError("expected either TABLE or --source with --edited, not both")
    models = read_settings(params, None).models
    models = models.model_copy(update={name: value for name, value in networks.items() if value is not None})
    if table is not None:
        listed = read_table(table)
    else:
        chosen = _editors(edited)
        listed = read_folders(source, chosen, instructions=instructions, masks=masks, targets=targets)
    set_threads(models.threads)
    used, search = load_networks(models)
    results = score_all(listed, used, search, lambda refusal: click.echo(str(refusal), err=True))
    if not results.scores:
        raise UserError(f"{table or source}: nothing could be scored")
    scores, report = report_on(results, listed.editors, used, models)
    for path in write_results(out, results, scores, report):
        echo_path(path)
    click.echo(f"{len(results.scores)} edits scored; {len(results.refused)} rows or edits could not be", err=True)


def _editors(edited: tuple[str, ...]) -> dict[str, Path]:
    """Return editor → folder."""
    found: dict[str, Path] = {}
    for word in edited:
        name, equals, folder = word.partition("=")
        if not equals or not folder.strip():
            raise UserError(f"--edited {word!r}: expected NAME=FOLDER")
        if name.strip() in found:
            raise UserError(f"--edited: editor {name.strip()!r} is named twice; expected it once")
        check_path(Path(folder))
        found[name.strip()] = Path(folder)
    return found
