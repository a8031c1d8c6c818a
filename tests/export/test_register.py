"""`atelier register`: a fine-tuned editor as a version of MLflow's registered model, loaded, and asked for edits."""

import io
import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from fixtures_cli_edit import WORDS, pixels, run_edit
from fixtures_finetuned import finetune_adapters, finetune_selectively
from fixtures_tracking import empty_store  # noqa: F401
from PIL import Image

from atelier import tracking
from atelier.cli import main
from atelier.common.errors import UserError
from atelier.editing.record import read_record
from atelier.export import register as registering
from atelier.export.register import NAME

FOLDER = Path("models/finetuned")


@pytest.fixture(autouse=True)
def _store(edit_project, monkeypatch, empty_store):  # noqa: F811
    Path("mlflow.db").write_bytes(empty_store)
    for name in ("MLFLOW_TRACKING_URI", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)
    yield
    mlflow.set_tracking_uri(None)


def train(score: float, base: Path, make=finetune_selectively, triplets: str = "seven") -> str:
    """Record a training that scored `score` in epoch 2, the best; return the run's id."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    data = Path("triplets.parquet")
    data.write_text(triplets)
    with tracking.run("train", {"train": {"validation": 48}}, reads=[data], writes=[FOLDER]) as run:
        make(FOLDER, base)
        for epoch, value in enumerate((0.1, score - 0.1, score, score - 0.2)):
            run.log_metrics({"validation/directional": value}, epoch)
    return run.run_id


def register(*words: str) -> str:
    found = CliRunner().invoke(main, ["register", "--example", "small.png", *words])
    assert found.exit_code == 0, found.output
    return found.output.strip()


def client() -> mlflow.MlflowClient:
    return mlflow.MlflowClient(tracking_uri=tracking.locate()[0])


def test_the_registered_editor_makes_the_command_lines_edit_where_the_repository_is_not(tiny_editor_folder):
    run = train(0.5, tiny_editor_folder)
    assert register() == f"models:/{NAME}/1, validation 0.5; champion: the first version"
    assert run_edit("small.png", WORDS, "-o", "cli.png", "--seed", "7", "--record", "cli.json").exit_code == 0
    version = client().get_model_version_by_alias(NAME, "champion")
    assert version.run_id == run
    assert client().get_run(run).info.status == "FINISHED"
    mlflow.set_tracking_uri(tracking.locate()[0])
    shutil.rmtree(FOLDER)
    Path("params.yaml").unlink()
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    given = pd.DataFrame({"picture": [Path("small.png").read_bytes()] * 2, "instruction": WORDS, "seed": [7, 8]})
    made = model.predict(given)
    same, other = (np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) for one in made["picture"])
    np.testing.assert_array_equal(same, pixels("cli.png"))
    assert (other != same).any()
    Path("served.json").write_text(made["record"][0])
    turn, own = (read_record(Path(name)).turns[0] for name in ("served.json", "cli.json"))
    assert turn.model_copy(update={"editor": own.editor, "editor_sha256": own.editor_sha256}) == own
    assert Image.open(io.BytesIO(made["mask"][0])).size == (96, 96)
    fewer = model.predict(given, params={"steps": 1})
    assert fewer["picture"][0] != made["picture"][0]
    one = given[:1].to_dict("records")[0]
    mixed = model.predict(pd.DataFrame([one, one | {"mask": "none", "seed": 9}])).to_dict("records")
    assert mixed[0]["picture"] == made["picture"][0]  # what one row leaves out is missing, not a value
    assert np.asarray(Image.open(io.BytesIO(mixed[1]["mask"]))).min() == 255
    with pytest.raises(UserError, match="expected auto or none"):  # no file of the server's is read
        model.predict(pd.DataFrame([one | {"mask": "small.png"}]))
    assert list(model.input_example.columns) == ["picture", "instruction"]


def empty_model(store: tracking.Store, run: object, *_: object) -> str:
    """Log a model without content in place of an editor."""
    made = store.client.create_logged_model(store.experiment, "editor")
    store.client.finalize_logged_model(made.model_id, "READY")
    return made.model_uri


def test_the_champion_is_the_best_on_the_same_triplets(tiny_editor_folder, monkeypatch):
    def champion() -> str:
        return str(client().get_model_version_by_alias(NAME, "champion").version)

    monkeypatch.setattr(registering, "_log", empty_model)
    finetune_selectively(Path("elsewhere"), tiny_editor_folder)
    assert register("elsewhere").endswith("champion: the first version")
    train(0.5, tiny_editor_folder)
    assert register().endswith("champion: 0.5 where version 1 has no score")
    train(0.4, tiny_editor_folder)
    assert register().endswith("version 2 stays champion: 0.5, this one has 0.4")
    assert champion() == "2"
    train(0.6, tiny_editor_folder)
    assert register().endswith("champion: 0.6 where version 2 has 0.5")
    assert champion() == "4"
    train(0.9, tiny_editor_folder, triplets="others")
    assert "validated on other triplets" in register()
    assert "has no score" in register("elsewhere")
    assert champion() == "4"


def test_a_lora_is_logged_by_mlflows_own_flavour_too(tiny_editor_folder):
    run = train(0.5, tiny_editor_folder, finetune_adapters)
    register()
    models = client().search_logged_models([client().get_run(run).info.experiment_id])
    flavours = {model.name: mlflow.models.get_model_info(model.model_uri).flavors.keys() for model in models}
    assert flavours["adapters"] >= {"diffusers"}
    assert flavours["editor"] == {"python_function"}


def test_what_cannot_be_registered_is_said_in_one_line(tiny_editor_folder):
    found = CliRunner().invoke(main, ["register", "--example", "small.png"])
    assert found.exit_code == 2
    assert "models/finetuned" in found.output
    assert len(found.output.strip().splitlines()) == 1
    train(0.5, tiny_editor_folder)
    found = CliRunner().invoke(main, ["register", "--example", "params.yaml"])
    assert found.exit_code == 2
    assert "params.yaml" in found.output
    assert not client().search_registered_models()
