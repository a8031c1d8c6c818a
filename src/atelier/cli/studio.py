"""`atelier studio`: edit photographs on a page of this machine."""

import threading
from pathlib import Path

import click

from atelier.common.command import PARAMS, Command
from atelier.common.options import PATH, TEXT


@click.command(cls=Command)
@click.option("--models", multiple=True, type=TEXT, help="Also offer this folder's editor, or those of its folders.")
@click.option("--params", default=PARAMS, type=PATH, help="Read the defaults from this parameters file.")
@click.option("--host", default="127.0.0.1", type=TEXT, help="Listen on this address; 0.0.0.0 is every network.")
@click.option("--port", type=click.IntRange(0, 65535), default=8778, help="Port to listen on; 0 takes a free one.")
def studio(models: tuple[str, ...], params: Path, host: str, port: int) -> None:
    """Edit photographs on a web page of this machine: photo, instruction, mask, variants, comparison, next turn.

    The page offers the editors of models/finetuned (if there is one), of models.editor and of --models. The record
    that it writes is repeated by `atelier edit --from`. Pictures stay on this machine and are deleted when the server
    stops; only with --host do other machines reach the page. Ctrl-C stops the server. It needs gradio
    (pip install -e '.[studio]').

    \b
    Examples:
      atelier studio
      atelier studio --models studies/mine/models/finetuned --port 9000
    """
    from atelier.studio.editors import Editors
    from atelier.studio.server import LOOPBACK, check_gradio, running

    editors = Editors(params, models)
    check_gradio()
    with running(editors, host, port) as url:
        click.echo(url)
        if host not in LOOPBACK:
            click.echo(f"{host}: other machines can open this page; there is no password", err=True)
        click.echo("Ctrl-C stops the server and deletes what was uploaded", err=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
