"""What MLflow's pages show of a run: description, source, data sets, and a report as metrics and a table."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures_tracking import stored
from import_graph import ROOT

from atelier import tracking
from atelier.evaluation.summary import headline
from atelier.tracking.facts import MOST_METRICS, as_table, key_numbers, texts

REPORT = json.loads((ROOT / "metrics" / "evaluate.json").read_text())


def test_a_run_has_a_description_a_source_a_version_and_described_inputs(workspace, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "B")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "0123abc")
    monkeypatch.setenv("USER", "ada")
    Path("masks").mkdir()
    pq.write_table(pa.table({"prompt": ["a", "b"], "weight": [0.5, 1.0]}), "masks/rows.parquet")
    Path("damaged.parquet").write_bytes(b"not parquet")
    with tracking.run("generate@finetuned", {}, [Path("masks/rows.parquet"), Path("damaged.parquet")]):
        pass
    client, (run,) = stored(workspace)
    tags = run.data.tags
    assert "Edits every probe" in tags["mlflow.note.content"]
    assert "`dvc repro generate@finetuned` in DVC experiment B" in tags["mlflow.note.content"]
    assert (tags["mlflow.source.name"], tags["mlflow.source.git.commit"]) == ("stages/generate.py", "0123abc")
    assert tags["mlflow.user"] == "ada"
    assert "stages" in client.get_experiment_by_name("atelier").tags["mlflow.note.content"]
    described = {one.dataset.name: one for one in run.inputs.dataset_inputs}
    whole = described["masks/rows.parquet"]
    assert json.loads(whole.dataset.profile)["num_rows"] == 2
    columns = json.loads(whole.dataset.schema)["mlflow_colspec"]
    assert [(one["name"], one["type"]) for one in columns] == [("prompt", "string"), ("weight", "double")]
    assert [tag.value for tag in whole.tags] == ["masks"]
    assert described["damaged.parquet"].dataset.schema is None


@pytest.mark.parametrize("name", ["evaluate", "prepare", "pair", "mask"])
def test_a_report_has_few_metrics_and_every_number_in_its_table(name):
    report = json.loads((ROOT / "metrics" / f"{name}.json").read_text())
    assert 0 < len(key_numbers(report)) <= MOST_METRICS
    table = as_table(report)
    for keys, measure, mean in zip(table["of"], table["measure"], table["mean"], strict=True):
        value = report
        for key in [*filter(None, keys.split("/")), measure]:
            value = value.get(key, {})
        if "/" not in measure and value != {}:  # a key of its own may hold a slash
            assert mean == (value.get("mean") if isinstance(value, dict) else value)
    leaves = json.dumps(report).count('"mean":')
    assert sum(mean is not None for mean in table["mean"]) >= leaves


def test_the_metrics_of_an_evaluation_are_the_headline_s():
    short = key_numbers(headline(REPORT))
    assert {"seen/clip", "unseen/rmse", "baseline/seen/dir", "baseline/unseen/leakage"} <= short.keys()
    assert len(short) <= MOST_METRICS
    origin = {f"origin/{part}" for part in REPORT["origin"]}
    assert texts(REPORT).keys() == origin | {f"networks/{role}" for role in REPORT["networks"]}
