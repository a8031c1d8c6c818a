"""MLflow runs: parameters, curves, images, data digests and origin of each stage. The only module that imports mlflow.

The store is MLFLOW_TRACKING_URI, by default `mlflow.db` in the repository (DVC_ROOT: in a temporary experiment that is
the main workspace, so that its runs persist). mlflow takes seconds to import, so it is imported when a run starts.

`MlflowClient` and not the fluent API: that keeps the active run in global state, sends every metric in a call of its
own and ends an interrupted run as FAILED instead of KILLED.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atelier.common.errors import UserError
from atelier.common.files import digest
from atelier.common.iterables import batched

if TYPE_CHECKING:
    import numpy as np
    from mlflow import MlflowClient
    from mlflow.entities import Run as StoredRun

EXPERIMENT = "atelier"
_BATCH = 500  # metrics per call; the store accepts at most 1,000
_MAX_DELAY_S = 5.0  # of a buffered metric, so that the curves of a running stage can be watched


class NullLogger:
    """Replaces a `Run` where nothing is recorded: by hand, in tests, in all processes but the main one."""

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None: ...

    def log_picture(self, pixels: "np.ndarray", name: str) -> None: ...

    def log_artifact(self, path: Path, folder: str | None = None) -> None: ...


class Run:
    """A run being recorded. Metrics are buffered; `run` flushes them and ends the run."""

    def __init__(self, client: "MlflowClient", run_id: str) -> None:
        self.run_id = run_id
        self._client = client
        self._metrics: list[Any] = []
        self._flushed = time.monotonic()

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log metrics at a step; values of one name at several steps form a curve."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._metrics += [Metric(k, float(v), now, step) for k, v in values.items()]
        if len(self._metrics) >= _BATCH or time.monotonic() - self._flushed > _MAX_DELAY_S:
            self.flush()

    def log_report(self, report: Mapping[str, Any]) -> None:
        """Log a nested report (metrics/*.json): numbers as metrics named like `seen/copy/lpips`, strings as tags.

        Of an estimate with an interval ({"mean": …, "ci_lo": …}) the mean is logged. The report itself is an artifact.
        """
        leaves = flatten(_means(report), "/")
        self.log_metrics({k: v for k, v in leaves.items() if isinstance(v, int | float)})
        for key, value in leaves.items():
            if isinstance(value, str):
                self._client.set_tag(self.run_id, key, value)
        self._client.log_dict(self.run_id, dict(report), "report.json")

    def log_artifact(self, path: Path, folder: str | None = None) -> None:
        """Log a copy of a file, or of a folder's content, under `folder` of the run's artifacts."""
        log = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
        log(self.run_id, str(path), folder)

    def log_picture(self, pixels: "np.ndarray", name: str) -> None:
        """Log an image, uint8 (H, W, 3), as the artifact `name` (such as `validation/epoch-1.png`)."""
        self._client.log_image(self.run_id, pixels, artifact_file=name)

    def flush(self) -> None:
        """Send the buffered metrics."""
        for batch in batched(self._metrics, _BATCH):
            self._client.log_batch(self.run_id, metrics=batch)
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
        stage: name of the stage and of the run.
        params: section name → section (a mapping, or a model of `atelier.config`), logged as `section.key`.
        reads: input files and folders; their digests are logged.
        writes: outputs that exist at the end of the block; later runs find this run by their digests.
        child_of: an input that another run wrote. That run becomes the parent of this one or, if it is a child itself,
            its sibling: an evaluation appears below the training whose edits it measures.

    Raises:
        UserError: the store cannot be opened.
    """
    client, experiment = _open_store()
    from mlflow.entities import Dataset, DatasetInput, Param

    tags = {"stage": stage, **_origin()}
    if child_of is not None and child_of.exists():  # a hub name is no path: no run wrote those weights
        writer = _newest_run(client, experiment, f"tags.wrote LIKE '%{digest(child_of)}%'")
        if writer:
            tags["mlflow.parentRunId"] = writer.data.tags.get("mlflow.parentRunId") or writer.info.run_id
    name = f"{tags['experiment']}/{stage}" if "experiment" in tags else stage
    record = Run(client, client.create_run(experiment, tags=tags, run_name=name).info.run_id)
    status = "FAILED"
    try:
        values = [Param(key, str(value)) for key, value in flatten(params, ".").items()]
        client.log_batch(record.run_id, params=values)
        if reads:  # MLflow limits a digest to 36 characters
            sources = [(str(path), digest(path)[:36], json.dumps({"uri": str(path)})) for path in reads]
            client.log_inputs(record.run_id, [DatasetInput(Dataset(one, md, "local", uri)) for one, md, uri in sources])
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
    """Return the last values of all metrics of a stage's newest finished run in a DVC experiment.

    Raises:
        UserError: there is no such run.
    """
    query = f"tags.experiment = '{experiment}' AND tags.stage = '{stage}' AND attributes.status = 'FINISHED'"
    found = _newest_run(*_open_store(), query)
    if found is None:
        raise UserError(
            f"experiment {experiment}: no finished {stage} run in MLflow; if DVC restored the stage from its cache, "
            f"remove the experiment and run it again with --force"
        )
    return dict(found.data.metrics)


def flatten(nested: Mapping[str, Any], separator: str, prefix: str = "") -> dict[str, Any]:
    """Return {"a/b": 1} for {"a": {"b": 1}} and the separator "/"; pydantic models count as mappings."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) or hasattr(value, "model_dump"):
            flat |= flatten(dict(value), separator, f"{prefix}{key}{separator}")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _means(report: Mapping[str, Any]) -> dict[str, Any]:
    """Replace each mapping that has a mean by that mean."""
    return {
        key: value.get("mean", _means(value)) if isinstance(value, Mapping) else value for key, value in report.items()
    }


def _open_store() -> tuple["MlflowClient", str]:
    """Return a client of the store and the id of the experiment EXPERIMENT, created if it does not exist."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    root = Path(os.environ.get("DVC_ROOT", ".")).resolve()
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root}/mlflow.db"
    file = uri.removeprefix("sqlite:///")
    # By default mlflow puts a sqlite store's artifacts into the working directory: lost with a temporary experiment.
    artifacts = None if file == uri else (Path(file).resolve().parent / "mlartifacts").as_uri()
    try:
        client = MlflowClient(tracking_uri=uri)
        found = client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            try:
                return client, client.create_experiment(EXPERIMENT, artifact_location=artifacts)
            except MlflowException:  # another run created it meanwhile; otherwise the next line raises the reason
                found = client.get_experiment_by_name(EXPERIMENT)
        return client, found.experiment_id
    except MlflowException as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{uri}: cannot be used as an MLflow store ({reason}); see MLFLOW_TRACKING_URI") from None


def _newest_run(client: "MlflowClient", experiment: str, query: str) -> "StoredRun | None":
    runs = client.search_runs([experiment], query, max_results=1, order_by=["attributes.start_time DESC"])
    return runs[0] if runs else None


def _origin() -> dict[str, str]:
    """Return the DVC experiment's name, if any, and the revision that it, or the workspace, is based on."""
    name, revision = os.environ.get("DVC_EXP_NAME"), os.environ.get("DVC_EXP_BASELINE_REV")
    if not revision:
        head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
        revision = head.stdout.strip() if head.returncode == 0 else "not in git"
    return {"revision": revision} | ({"experiment": name} if name else {})
