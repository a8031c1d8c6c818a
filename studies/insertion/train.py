"""One run: teach the base a concept by a method, and paint it, at checkpoints and at other scales too. Run by DVC."""

from pathlib import Path

import click

from atelier.common import command
from atelier.common.threads import set_threads
from atelier.models.loading import load_model
from studies.common.train import train
from studies.insertion.config import METHODS, read_study, settings_of
from studies.insertion.prompts import NOUNS, called, orders
from studies.insertion.runs import class_rows, facts_of, judge_for, lesson_of, paint_run, write_run


@command.stage
@command.path_option("params", "The study's parameters.")
@click.option("--concept", type=click.Choice(list(NOUNS)), required=True, help="Class noun of the concept.")
@click.option("--method", type=click.Choice(METHODS), required=True, help="How it is taught.")
@command.path_option("photographs", "Folder of its photographs.")
@command.path_option("out", "Folder for pictures.safetensors, facts.json and weights.")
def main(params: Path, concept: str, method: str, photographs: Path, out: Path) -> None:
    """Teach the base a concept, and paint it by plain and complex prompts."""
    chosen = read_study(params)
    set_threads(chosen.base.threads)
    own = {"textual_inversion": chosen.textual_inversion, "dreambooth": chosen.dreambooth, "lora": chosen.lora}
    settings = settings_of(method, concept, chosen.teaching, own[method])
    base = load_model(chosen.base.painter, chosen.base.dtype, chosen.base.device)
    name = called(method, concept, chosen.teaching)
    rows = lesson_of(base, photographs, name, chosen.teaching)
    if method == "dreambooth":
        rows += class_rows(base, concept, chosen.dreambooth, chosen.painting)
    wanted = orders(concept, name, chosen.painting)
    judge = judge_for(wanted, chosen.painting, chosen.frontier, settings.epochs)
    trained = train(base, rows, settings, [chosen.base.painter, photographs, params], judge, f"{concept} {method}")
    pictures, facts = (
        paint_run(trained, settings, wanted, chosen.painting, chosen.frontier),
        facts_of(trained, settings, rows),
    )
    write_run(out, trained, settings, pictures, facts)
    click.echo(f"{out.name}: {facts['steps']} steps, loss {facts['first_loss']:.3f} → {facts['last_loss']:.3f}")


if __name__ == "__main__":
    main()
