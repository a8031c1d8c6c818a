"""The six stages as DVC runs them, a process each, on a few tiny pictures and random networks: files in, files out."""

import csv
import json
import os
import shutil
from pathlib import Path

import forks
import pyarrow.parquet as pq
import pytest
from import_graph import ROOT
from mlflow import MlflowClient
from PIL import Image
from pipelines import PIPELINE, STAGES, commands, copy_tables, outputs
from ruamel.yaml import YAML
from segmenters import build_segmenter

from atelier.common.files import digest

pytestmark = pytest.mark.slow

SMALL = {
    "prepare": {"size": 32, "seen_rows": 120, "unseen_rows": 24},
    "pair": {"triplets": 40, "probes": 4, "test_triplets": 4},
    "train": {"epochs": 2, "batch_size": 8, "validation": 4, "checkpoint_steps": 3},
    "generate": {"steps": 2, "batch_size": 8, "sweep_probes": 2, "sweep_text": "1.0+1.2", "sweep_image": "1.0"},
    "evaluate": {"draws": 100, "sheet_rows": 2},
}


@pytest.fixture(scope="module")
def params(tmp_path_factory, tiny_editor_folder, tiny_clip_folder, tiny_features_folder) -> Path:
    """The shipped parameters, but small, and with random networks."""
    values = YAML().load(ROOT / "params.yaml")
    segmenter = build_segmenter(tmp_path_factory.mktemp("segmenter"))  # finds an upper garment everywhere in its box
    models = {"editor": str(tiny_editor_folder), "clip": str(tiny_clip_folder), "lpips": str(tiny_features_folder),
              "segmenter": str(segmenter), "device": "cpu", "threads": 1}  # fmt: skip
    for section, changes in (SMALL | {"models": models}).items():
        values[section].update(changes)
    path = tmp_path_factory.mktemp("params") / "params.yaml"
    YAML().dump(values, path)
    return path


def run_pipeline(where: Path, params: Path, editor: Path, threads: int = 1, first: str = "prepare") -> Path:
    """Run the commands of dvc.yaml in a folder, in order, from one stage on; `models.threads` beats `threads`."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": str(threads)}
    environment |= {"DVC_ROOT": str(where), "MLFLOW_TRACKING_URI": ""}
    (where / "params.yaml").write_bytes(params.read_bytes())
    copy_tables(where)
    for name in list(STAGES)[list(STAGES).index(first) :]:
        for words in commands(name, str(editor)):
            result = forks.run(["-m", *words], where, environment)
            assert result.returncode == 0, f"{name}: {result.stderr}"
    return where


@pytest.fixture(scope="module")
def first(tmp_path_factory, params, tiny_editor_folder) -> Path:
    return run_pipeline(tmp_path_factory.mktemp("first"), params, tiny_editor_folder)


def test_every_declared_output_is_written_and_nothing_half(first):
    for path in (path for stage in STAGES.values() for path in outputs(stage)):
        for key in ("baseline", "finetuned") if "${key}" in path else ("",):
            assert (first / path.replace("${key}", key)).exists()
    assert list(first.rglob("*.partial")) == []
    pictures = [*(first / "metrics").rglob("*.png")]
    assert first / "metrics" / "train" / "validation.png" in pictures
    assert any("sheets" in picture.parts for picture in pictures)
    assert min(side for picture in pictures for side in Image.open(picture).size) >= 32


def test_reports_hold_nested_scalars_only(first):
    """DVC drops a list in a metrics file without a word."""

    def leaves(value):
        return [leaf for child in value.values() for leaf in leaves(child)] if isinstance(value, dict) else [value]

    for report in (first / "metrics").glob("*.json"):
        for leaf in leaves(json.loads(report.read_text())):
            assert leaf is None or isinstance(leaf, int | float | str), (report.name, leaf)


def test_the_evaluation_has_every_domain_and_model_of_the_study_and_the_headline_a_few_of_its_figures(first):
    report, headline = (json.loads((first / f"metrics/{name}.json").read_text()) for name in ("evaluate", "headline"))
    assert headline.keys() == {"seen", "unseen", "baseline"}
    for domain in ("seen", "unseen"):
        figures = headline[domain]
        assert report[domain].keys() >= {"baseline", "finetuned", "copy", "composite", "target", "gain"}
        scores = report[domain]["finetuned"]
        assert scores.keys() >= {"clip_similarity", "clip_directional", "image_similarity", "lpips", "ssim"}
        assert scores["clip_directional"].keys() == {"mean", "ci_lo", "ci_hi", "n", "clusters"}
        assert report[domain]["copy"]["lpips"]["mean"] == pytest.approx(0, abs=1e-6)
        assert report[domain]["copy"]["ssim"]["mean"] == pytest.approx(1, abs=1e-6)
        assert figures["dir"] == pytest.approx(scores["clip_directional"]["mean"], rel=1e-3)
        before = report[domain]["baseline"]["leakage_share"]["mean"]
        assert headline["baseline"][domain]["leakage"] == pytest.approx(before, rel=1e-3)


def test_the_curves_that_dvc_plots_have_the_columns_it_is_told_of(first):
    plots = [next(iter(plot.values())) for plot in PIPELINE["plots"] if isinstance(plot, dict)]
    assert plots
    for plot in plots:
        for path, columns in plot["y"].items():
            rows = list(csv.DictReader((first / path).open()))
            assert rows, path
            assert {plot["x"], *([columns] if isinstance(columns, str) else columns)} <= rows[0].keys(), path


def test_the_page_is_one_file_with_every_edit(first):
    page = (first / "metrics/report/index.html").read_text(encoding="utf-8")
    assert all(probe in page for probe in pq.read_table(first / "data/masks/probes.parquet")["row_id"].to_pylist())
    assert "attn+mid+up" in page
    assert digest(first / "data/edits/finetuned.parquet") in page


def test_both_models_make_the_same_edits(first):
    facts = ["probe_id", "kind", "guidance_text", "guidance_image"]
    files = (first / "data" / "edits" / f"{name}.parquet" for name in ("baseline", "finetuned"))
    baseline, finetuned = (pq.read_table(file, columns=facts) for file in files)
    assert baseline.equals(finetuned)
    assert set(baseline["kind"].to_pylist()) == {"edit", "noop", "sweep"}


def test_runs_are_recorded_and_the_evaluation_stands_under_the_training(first):
    client = MlflowClient(tracking_uri=f"sqlite:///{first}/mlflow.db")
    experiment = client.get_experiment_by_name("atelier")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert {run.data.tags["stage"].split("@")[0] for run in runs.values()} == set(STAGES)
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    training = runs["train"].info.run_id
    assert runs["evaluate"].data.tags["mlflow.parentRunId"] == training
    assert runs["generate@finetuned"].data.tags["mlflow.parentRunId"] == training
    assert {"seen/dir", "baseline/unseen/leakage"} <= runs["evaluate"].data.metrics.keys()
    assert len(client.get_metric_history(training, "validation/directional")) > 1
    assert runs["train"].data.params["train.unfreeze"] == "attn+mid+up"
    assert runs["train"].inputs.dataset_inputs
    assert client.list_artifacts(training)


def test_a_second_run_with_other_threads_gives_the_same_bytes(first, tmp_path, params, tiny_editor_folder):
    """From the masks on: the stages before compute nothing that is split over threads."""
    for name in ("prepared", "pairs"):
        shutil.copytree(first / "data" / name, tmp_path / "data" / name)
    for name in ("prepare", "pair"):
        (tmp_path / "metrics").mkdir(exist_ok=True)
        shutil.copy(first / "metrics" / f"{name}.json", tmp_path / "metrics")
    shutil.copytree(first / "metrics" / "prepare", tmp_path / "metrics" / "prepare")
    second = run_pipeline(tmp_path, params, tiny_editor_folder, threads=3, first="mask")
    for name in ("metrics", "data", "models"):
        for path in sorted(file for file in (first / name).rglob("*") if file.is_file()):
            relative = path.relative_to(first)
            assert digest(second / relative) == digest(path), relative
