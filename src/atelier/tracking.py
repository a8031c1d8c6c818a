"""Runs in MLflow: parameters, curves, pictures, data digests, and where each came from. The only importer of mlflow.

The store is MLFLOW_TRACKING_URI, or else `mlflow.db` in the repository (DVC_ROOT; in a temporary experiment that is the
main workspace, so its runs outlive it). mlflow takes seconds to import, so that happens when a run starts.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atelier.errors import UserError
from atelier.files import digest

if TYPE_CHECKING:
    import numpy as np
    from mlflow import MlflowClient

EXPERIMENT = "atelier"
_BATCH = 500  # metrics in one call; the store's own limit is 1,000
_PATIENCE_S = 5.0  # metrics wait at most this long, so that a running curve can be watched


class Run:
    """One run that is being recorded. Metrics are buffered; `run` flushes them and closes it."""

    def __init__(self, client: "MlflowClient", run_id: str) -> None:
        self.run_id = run_id
        self._client = client
        self._metrics: list[Any] = []
        self._flushed = time.monotonic()

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record numbers at a step; the same name at several steps is a curve."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._metrics += [Metric(k, float(v), now, step) for k, v in values.items()]
        if len(self._metrics) >= _BATCH or time.monotonic() - self._flushed > _PATIENCE_S:
            self.flush()

    def log_report(self, report: Mapping[str, Any]) -> None:
        """Record a nested report (metrics/*.json): numbers as metrics named like `seen/copy/lpips`, words as tags.

        Of a figure with an interval ({"mean": …, "ci_lo": …}) the metric is the mean; the whole report is an artifact.
        """
        leaves = flatten(_means(report), "/")
        self.log_metrics({k: v for k, v in leaves.items() if isinstance(v, int | float)})
        for key, value in leaves.items():
            if isinstance(value, str):
                self._client.set_tag(self.run_id, key, value)
        self._client.log_dict(self.run_id, dict(report), "report.json")

    def log_artifact(self, path: Path, folder: str | None = None) -> None:
        """Keep a copy of a file, or of everything in a folder, under `folder` of the run."""
        log = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
        log(self.run_id, str(path), folder)

    def log_picture(self, pixels: "np.ndarray", name: str) -> None:
        """Keep a picture, uint8 (H, W, 3), as `name` (such as `validation/epoch-1.png`)."""
        self._client.log_image(self.run_id, pixels, artifact_file=name)

    def flush(self) -> None:
        """Send the metrics that wait."""
        for start in range(0, len(self._metrics), _BATCH):
            self._client.log_batch(self.run_id, metrics=self._metrics[start : start + _BATCH])
        self._metrics, self._flushed = [], time.monotonic()


@contextmanager
def run(
    stage: str,
    params: Mapping[str, Any],
    reads: Sequence[Path] = (),
    writes: Sequence[Path] = (),
    child_of: Path | None = None,
) -> Iterator[Run]:
    """Record a stage while the block runs.

    Args:
        stage: its name, also the run's.
        params: section name → the section (a mapping, or a model of `atelier.config`), kept as `section.key`.
        reads: data sets; their digests are kept.
        writes: files or folders that exist when the block ends; by their digests later runs find this one.
        child_of: what was read here of another run's writing: this run becomes a child of that one, or, where that
            one is itself a child, its sibling. So an evaluation stands under the training whose edits it measures.

    Raises:
        UserError: the store can't be opened.
    """
    client, experiment = _open_store()
    tags = {"stage": stage, **_origin()}
    parent = _writer(client, experiment, child_of) if child_of else None
    if parent:
        tags["mlflow.parentRunId"] = parent
    name = f"{tags['experiment']}/{stage}" if "experiment" in tags else stage
    record = Run(client, client.create_run(experiment, tags=tags, run_name=name).info.run_id)
    status = "FAILED"
    try:
        _log_params(client, record.run_id, params)
        _log_inputs(client, record.run_id, reads)
        yield record
        client.set_tag(record.run_id, "wrote", " ".join(digest(path) for path in writes))
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        record.flush()
        client.set_terminated(record.run_id, status)


def read_metrics(experiment: str, stage: str) -> dict[str, float]:
    """The last values of all metrics of a DVC experiment's newest finished run of a stage.

    Raises:
        UserError: there is no such run.
    """
    client, ours = _open_store()
    query = f"tags.experiment = '{experiment}' AND tags.stage = '{stage}' AND attributes.status = 'FINISHED'"
    runs = client.search_runs([ours], query, max_results=1, order_by=["attributes.start_time DESC"])
    if not runs:
        raise UserError(
            f"experiment {experiment}: no finished {stage} run in MLflow; if DVC took the stage from its cache, "
            f"remove the experiment and run it again with --force"
        )
    return dict(runs[0].data.metrics)


def flatten(nested: Mapping[str, Any], separator: str, prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} → {"a/b": 1} with the separator "/"; a model's fields count as a mapping's."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) or hasattr(value, "model_dump"):
            flat |= flatten(dict(value), separator, f"{prefix}{key}{separator}")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _means(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report with each figure that has a mean replaced by it."""
    return {
        key: value.get("mean", _means(value)) if isinstance(value, Mapping) else value for key, value in report.items()
    }


def _open_store() -> tuple["MlflowClient", str]:
    """A client of the store and the id of our experiment in it, made if it is not there."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    root = Path(os.environ.get("DVC_ROOT", ".")).resolve()
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root}/mlflow.db"
    try:
        client = MlflowClient(tracking_uri=uri)
        found = client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            try:
                return client, client.create_experiment(EXPERIMENT, artifact_location=_artifacts(uri))
            except MlflowException:  # made by another run since we looked; if not, the next line says what is wrong
                found = client.get_experiment_by_name(EXPERIMENT)
        return client, found.experiment_id
    except MlflowException as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{uri}: can't be used as an MLflow store ({reason}); see MLFLOW_TRACKING_URI") from None


def _artifacts(uri: str) -> str | None:
    """Where a store's artifacts go: beside a sqlite file, else where the store says (None).

    Left to mlflow, those of a sqlite store would go to the working directory: a temporary experiment's vanish with it.
    """
    file = uri.removeprefix("sqlite:///")
    return None if file == uri else (Path(file).resolve().parent / "mlartifacts").as_uri()


def _origin() -> dict[str, str]:
    """The DVC experiment's name (where there is one) and the revision that it, or this workspace, is based on."""
    name, revision = os.environ.get("DVC_EXP_NAME"), os.environ.get("DVC_EXP_BASELINE_REV")
    if not revision:
        head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
        revision = head.stdout.strip() if head.returncode == 0 else "not in git"
    return {"revision": revision} | ({"experiment": name} if name else {})


def _writer(client: "MlflowClient", experiment: str, path: Path) -> str | None:
    """The root run that wrote `path`, found by its digest: the newest if several did, None if no run did."""
    if not path.exists():  # a hub name: weights that came from elsewhere
        return None
    query = f"tags.wrote LIKE '%{digest(path)}%'"
    runs = client.search_runs([experiment], query, max_results=1, order_by=["attributes.start_time DESC"])
    return (runs[0].data.tags.get("mlflow.parentRunId") or runs[0].info.run_id) if runs else None


def _log_params(client: "MlflowClient", run_id: str, params: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    client.log_batch(run_id, params=[Param(key, str(value)) for key, value in flatten(params, ".").items()])


def _log_inputs(client: "MlflowClient", run_id: str, reads: Sequence[Path]) -> None:
    """Keep name and digest of each data set (MLflow allows a digest 36 characters)."""
    from mlflow.entities import Dataset, DatasetInput

    inputs = []
    for path in reads:
        source = json.dumps({"uri": str(path)})
        inputs.append(DatasetInput(Dataset(str(path), digest(path)[:36], "local", source)))
    if inputs:
        client.log_inputs(run_id, inputs)
