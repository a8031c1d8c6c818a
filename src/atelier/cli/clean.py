"""`atelier clean`: list the checkpoints of interrupted runs, and remove those that can't be used any more."""

import click

from atelier.common.command import Command


@click.command(cls=Command)
@click.option("--remove", is_flag=True, help="Remove the checkpoints that no present configuration can use.")
@click.option("--all", "everything", is_flag=True, help="With --remove: also those that could be resumed.")
def clean(remove: bool, everything: bool) -> None:
    """List the checkpoints of interrupted runs (.ckpt/), with their sizes and whether they can be resumed.

    A run can't be resumed after its code, torch or its data has changed. Checkpoints of a running process stay.

    \b
    Examples:
      atelier clean
      atelier clean --remove
    """
    from atelier.common.stale import discard_stored, list_stored

    freed = total = 0
    for run in list_stored():
        total += run.size
        state = "in use" if run.in_use else run.unusable or "can be resumed"
        if remove and not run.in_use and (everything or run.unusable) and discard_stored(run):
            freed += run.size
            state = f"removed: {state}"
        click.echo(f"{run.store.folder}  {run.size / 1e6:,.1f} MB  {run.stage}  {state}")
    click.echo(f"{total / 1e6:,.1f} MB in checkpoints" + (f", {freed / 1e6:,.1f} MB removed" if remove else ""))
