"""Put a fine-tuned editor into MLflow's model registry: a logged model, a version of it, and the alias of the best.

The logged model is complete: the exported pipeline with its model card, the segmenter where that is a folder, and the
parameters that edits are made with. So it can be loaded and served where this repository is not.
"""

import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atelier import tracking
from atelier.common.files import digest, write_json
from atelier.editing.settings import Settings
from atelier.export import served_editor as served
from atelier.export.model_card import ADAPTERS
from atelier.export.pipeline import export
from atelier.images.photo import open_photograph
from atelier.models.finetuned import read_facts

if TYPE_CHECKING:
    from mlflow.entities import Run as StoredRun
    from mlflow.models import ModelSignature

NAME = "atelier-editor"  # of the registered model
CHAMPION = "champion"  # alias of the best version by validation; MLflow itself has `models:/NAME/latest`
SCORE, SCORED_ON = "validation", "validated_on"  # tags of a version: its directional similarity, and on what
_METRIC = "validation/directional"
_SMALL = 64  # px that the example is reduced to when it is checked


@dataclass(frozen=True)
class Registered:
    """A new version of the registered model.

    Attributes:
        uri: to load or serve it.
        score: directional similarity of its best epoch on the validation triplets; None: its run is not in the store.
        champion: why it is the champion, or is not.
    """

    uri: str
    version: str
    score: float | None
    champion: str


def register(folder: Path, settings: Settings, example: Path, instruction: str) -> Registered:
    """Log the fine-tuned editor of `folder` in the run that trained it, and register it as a new version.

    It becomes the champion if its validation score is higher than the champion's on the same triplets, or if there is
    no champion that has a score.

    Args:
        settings: what its edits are made with.
        example: a photograph, stored beside the model as the example of an input, with `instruction`.

    Raises:
        UserError: there is no fine-tuned editor, or the store cannot be used.
    """
    facts = read_facts(folder)
    open_photograph(example, _SMALL)  # raises an error that says what is wrong with it
    store = tracking.open_store()
    with tracking.store_faults(store.uri), _fluent():
        run = store.writer_of(digest(folder))
        uri = _log(store, run, folder, settings, (example, instruction), str(facts.get("method")))
        score, scored_on = _validation(store, run, facts.get("best_epoch"))
        tags = {"method": str(facts.get("method")), "sha256": str(facts.get("sha256"))}
        tags |= {} if score is None else {SCORE: repr(score), SCORED_ON: scored_on}
        version = _add_version(store, uri, run, tags)
        wins, why = _compare(_champion(store), score, scored_on)
        if wins:
            store.client.set_registered_model_alias(NAME, CHAMPION, version)
    return Registered(f"models:/{NAME}/{version}", version, score, why)


def signature() -> "ModelSignature":
    """Return the model's columns and parameters."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    binary, text = DataType.binary, DataType.string
    inputs = [ColSpec(binary, served.PICTURE), ColSpec(text, served.INSTRUCTION)]
    inputs += [ColSpec(text, served.MASK, required=False), ColSpec(DataType.long, served.SEED, required=False)]
    outputs = [ColSpec(binary, served.PICTURE), ColSpec(binary, served.MASK), ColSpec(text, served.RECORD)]
    unset = {"steps": DataType.long, "guidance_text": DataType.double, "guidance_image": DataType.double}
    params = [ParamSpec(name, kind, -1 if kind is DataType.long else -1.0) for name, kind in unset.items()]
    return ModelSignature(Schema(inputs), Schema(outputs), ParamSchema(params))


@contextmanager
def _fluent() -> Iterator[None]:
    """Let MLflow's module-level functions use our store; keep its progress and links out of the output."""
    import mlflow

    before, logger = mlflow.get_tracking_uri(), logging.getLogger("mlflow.pyfunc")
    level = logger.level
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    logger.setLevel(logging.WARNING)
    mlflow.set_tracking_uri(tracking.locate()[0])
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
            yield
    finally:
        mlflow.set_tracking_uri(before)
        logger.setLevel(level)


def _log(
    store: "tracking.Store",
    run: "StoredRun | None",
    folder: Path,
    settings: Settings,
    example: tuple[Path, str],
    method: str,
) -> str:
    """Log the model, and a LoRA's adapters by MLflow's own flavour beside it; return the model's URI."""
    import mlflow
    import pandas as pd

    from atelier import __version__

    shown = pd.DataFrame({served.PICTURE: [example[0].read_bytes()], served.INSTRUCTION: [example[1]]})
    with tempfile.TemporaryDirectory() as place:
        pipeline, kept = Path(place) / "editor", Path(place) / "settings.json"
        export(folder, pipeline, Path.cwd())
        models = settings.models.model_dump() | {"editor": "editor"}
        generate = settings.generate.model_dump()
        write_json(kept, {"models": models, "generate": generate, "min_area": settings.min_area})
        artifacts = {"editor": str(pipeline), "settings": str(kept)}
        artifacts |= {"segmenter": models["segmenter"]} if Path(models["segmenter"]).is_dir() else {}
        needs = [f"atelier=={__version__}"]
        with _run_of(store, run):
            if method == "lora" and (pipeline / ADAPTERS).exists():
                base = str(read_facts(folder)["base"])
                mlflow.diffusers.log_model(str(pipeline / ADAPTERS), base, name="adapters", pip_requirements=needs)
            return mlflow.pyfunc.log_model(
                name="editor",
                python_model=served.__file__,
                artifacts=artifacts,
                signature=signature(),
                input_example=shown,
                pip_requirements=needs,
            ).model_uri


@contextmanager
def _run_of(store: "tracking.Store", run: "StoredRun | None") -> Iterator[None]:
    """Make a finished run the active one while the block runs; a new one where the training's is not in the store."""
    import mlflow

    opened = (
        mlflow.start_run(run_id=run.info.run_id)
        if run is not None
        else mlflow.start_run(experiment_id=store.experiment, run_name="register", tags={"stage": "register"})
    )
    with opened:
        yield


def _validation(store: "tracking.Store", run: "StoredRun | None", best_epoch: Any) -> tuple[float | None, str]:
    """Return the validation score of the best epoch, and a digest of the data sets that the run read."""
    if run is None:
        return None, ""
    points = store.client.get_metric_history(run.info.run_id, _METRIC)
    scores = [point.value for point in points if point.step == best_epoch]
    data = sorted(one.dataset.digest for one in run.inputs.dataset_inputs)
    count = run.data.params.get("train.validation", "")
    return (scores[-1] if scores else None), json.dumps([*data, count], separators=(",", ":"))


def _add_version(store: "tracking.Store", uri: str, run: "StoredRun | None", tags: dict[str, str]) -> str:
    from mlflow.exceptions import MlflowException

    text = "Editors that were fine-tuned by the pipeline. The alias champion is the best by validation."
    try:
        store.client.create_registered_model(NAME, description=text)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    model = uri.removeprefix("models:/")
    run_id = None if run is None else run.info.run_id
    return str(store.client.create_model_version(NAME, uri, run_id, tags, model_id=model).version)


def _champion(store: "tracking.Store") -> Any:
    """Return the version that is the champion, None if there is none."""
    number = store.client.get_registered_model(NAME).aliases.get(CHAMPION)
    return None if number is None else store.client.get_model_version(NAME, str(number))


def _compare(champion: Any, score: float | None, scored_on: str) -> tuple[bool, str]:
    """Tell whether a version takes the champion's place, and why."""
    if champion is None:
        return True, "champion: the first version"
    name, old = f"version {champion.version}", champion.tags.get(SCORE)
    if score is None:
        return False, f"{name} stays champion: the run that trained this one is not in the store, so it has no score"
    if old is None:
        return True, f"champion: {score:.4g} where {name} has no score"
    if champion.tags.get(SCORED_ON) != scored_on:
        return False, (
            f"{name} stays champion: it was validated on other triplets, so the two cannot be compared; MLflow's page "
            f"of the model {NAME} changes it"
        )
    if score > float(old):
        return True, f"champion: {score:.4g} where {name} has {float(old):.4g}"
    return False, f"{name} stays champion: {float(old):.4g}, this one has {score:.4g}"
