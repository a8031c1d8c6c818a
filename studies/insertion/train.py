"""One run: train a concept by one method, and generate images at checkpoints and other scales. Run by DVC."""

from pathlib import Path

import click

from atelier.common import command
from atelier.common.threads import set_threads
from atelier.config import read_sections
from atelier.models.loading import load_model
from studies.common.train import train
from studies.insertion.config import METHODS, Study, settings_of
from studies.insertion.prompts import NOUNS, concept_name, list_requests
from studies.insertion.runs import class_rows, facts_of, generate_run, sampling_validation, training_rows, write_run


@command.stage
@command.path_option("params", "The study's parameters.")
@click.option("--concept", type=click.Choice(list(NOUNS)), required=True, help="Class noun of the concept.")
@click.option("--method", type=click.Choice(METHODS), required=True, help="Training method.")
@command.path_option("photographs", "Folder of its training images.")
@command.path_option("out", "Folder for pictures.safetensors, facts.json and weights.")
def main(params: Path, concept: str, method: str, photographs: Path, out: Path) -> None:
    """Train the base model on a concept, and generate images from plain and complex prompts."""
    chosen = read_sections(params, Study)
    set_threads(chosen.base.threads)
    own = {"textual_inversion": chosen.textual_inversion, "dreambooth": chosen.dreambooth, "lora": chosen.lora}
    settings = settings_of(method, concept, chosen.teaching, own[method])
    base = load_model(chosen.base.painter, chosen.base.dtype, chosen.base.device)
    name = concept_name(method, concept, chosen.teaching)
    rows = training_rows(base, photographs, name, chosen.teaching)
    if method == "dreambooth":
        rows += class_rows(base, concept, chosen.dreambooth, chosen.painting)
    requests = list_requests(concept, name, chosen.painting)
    validate = sampling_validation(requests, chosen.painting, chosen.frontier, settings.epochs)
    inputs = [chosen.base.painter, photographs, params]
    with train(base, rows, settings, inputs, validate, f"{concept} {method}") as trained:
        pictures = generate_run(trained, settings, requests, chosen.painting, chosen.frontier)
        facts = facts_of(trained, settings, rows)
        write_run(out, trained, settings, pictures, facts)
    click.echo(f"{out.name}: {facts['steps']} steps, loss {facts['first_loss']:.3f} → {facts['last_loss']:.3f}")


if __name__ == "__main__":
    main()
