"""A run being recorded. After the first fault of the store nothing more is recorded, and the work goes on."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atelier.common.files import digest
from atelier.common.iterables import batched
from atelier.common.notices import notice
from atelier.tracking.facts import as_table, describe_input, key_numbers, texts
from atelier.tracking.store import Store, reason

if TYPE_CHECKING:
    import numpy as np
    from mlflow.entities import Run as StoredRun

_BATCH = 500  # metrics per call; the store accepts at most 1,000
_MAX_DELAY_S = 5.0  # of a buffered metric, so that the curves of a running stage can be watched
_QUICK_S = 3.0  # a server that took longer to fail is not asked again, not even to end the run


class NullLogger:
    """Replaces a `Run` where nothing is recorded: by hand, in tests, in all processes but the main one."""

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None: ...

    def log_picture(self, pixels: "np.ndarray", name: str) -> None: ...

    def log_artifact(self, path: Path, folder: str | None = None) -> None: ...


class Run:
    """A run being recorded. Metrics are buffered; `runs.run` flushes them and ends the run.

    A continued run does not record a value again whose name and step it has already.
    """

    def __init__(self, store: Store, stored: "StoredRun") -> None:
        self.run_id = stored.info.run_id
        self._store, self._client = store, store.client
        self._params = set(stored.data.params)
        self._datasets = bool(stored.inputs and stored.inputs.dataset_inputs)
        self._steps: dict[str, set[int] | None] = dict.fromkeys(stored.data.metrics)  # None: not yet read
        self._metrics: list[Any] = []
        self._flushed = time.monotonic()
        self._failed = self._gave_up = self._told = False

    def log_inputs(self, params: Mapping[str, Any], reads: Mapping[Path, str]) -> None:
        """Log parameters, and input files with their digests."""
        from mlflow.entities import Param

        flat = {mlflow_name(key): str(value) for key, value in flatten(params, ".").items()}
        new = [Param(key, value) for key, value in flat.items() if key not in self._params]
        self.attempt(self._client.log_batch, self.run_id, params=new)
        if reads and not self._datasets:
            inputs = [describe_input(path, md) for path, md in reads.items()]
            self.attempt(self._client.log_inputs, self.run_id, inputs)

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log metrics at a step; values of one name at several steps form a curve."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        named = {mlflow_name(key): float(value) for key, value in values.items()}
        self._metrics += [Metric(k, v, now, step) for k, v in named.items() if step not in self._steps_of(k)]
        if len(self._metrics) >= _BATCH or time.monotonic() - self._flushed > _MAX_DELAY_S:
            self.flush()

    def log_report(self, report: Mapping[str, Any], compared: Mapping[str, Any] | None = None) -> None:
        """Log a nested report (metrics/*.json): key numbers as metrics, texts as tags, all numbers as one table.

        The table is the artifact measures.json, the report itself report.json.

        Args:
            compared: nested numbers to log as metrics, named like `seen/lpips`; None: the report's own, at most
                `facts.MOST_METRICS` of its upper levels.
        """
        from mlflow.entities import RunTag

        self.log_metrics(key_numbers(report if compared is None else compared))
        tags = [RunTag(mlflow_name(key), value) for key, value in texts(report).items()]
        self.attempt(self._client.log_batch, self.run_id, tags=tags)
        self.attempt(self._client.log_table, self.run_id, as_table(report), "measures.json")
        self.attempt(self._client.log_dict, self.run_id, dict(report), "report.json")

    def log_artifact(self, path: Path, folder: str | None = None) -> None:
        """Log a copy of a file, or of a folder's content, under `folder` of the run's artifacts."""
        log = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
        self.attempt(log, self.run_id, str(path), folder, size=_size(path))

    def log_picture(self, pixels: "np.ndarray", name: str) -> None:
        """Log an image, uint8 (H, W, 3), as the artifact `name` (such as `validation/epoch-1.png`)."""
        self.attempt(self._client.log_image, self.run_id, pixels, artifact_file=name)

    def log_outputs(self, paths: Sequence[Path]) -> None:
        """Log the digests of the files and folders that the run has written; later runs find it by them."""
        self.attempt(lambda: self._client.set_tag(self.run_id, "wrote", " ".join(digest(path) for path in paths)))

    def flush(self) -> None:
        """Send the buffered metrics."""
        metrics, self._metrics, self._flushed = self._metrics, [], time.monotonic()
        for batch in batched(metrics, _BATCH):
            self.attempt(self._client.log_batch, self.run_id, metrics=batch)

    def end(self, status: str) -> None:
        """End the run as FINISHED, FAILED or KILLED; also after a fault, unless a server made the work wait."""
        self.flush()
        if not self._gave_up:
            self._failed = False
            self.attempt(self._client.set_terminated, self.run_id, status)

    def attempt(self, function: Callable[..., Any], *args: Any, size: int = 0, **kwargs: Any) -> None:
        """Call a function of the store, unless one has failed before. The first failure is told in one line.

        Args:
            size: bytes that the function sends; they take time.
        """
        if self._failed:
            return
        began = time.monotonic()
        try:
            with self._store.patience(size) as store:
                store.call(function, *args, **kwargs)
        except Exception as error:  # mlflow, SQLAlchemy, requests, the file system: a fault of the observer of any type
            self._failed = True
            self._gave_up = self._store.remote and time.monotonic() - began > _QUICK_S
            if not self._told:
                notice(f"{self._store.uri}: the rest of this run is not recorded in MLflow ({reason(error)})")
            self._told = True

    def _steps_of(self, name: str) -> set[int]:
        """Return the steps whose value of a metric was recorded before the run was continued."""
        if name not in self._steps:
            return set()
        if self._steps[name] is None:
            found: list[Any] = []
            self.attempt(lambda: found.extend(self._client.get_metric_history(self.run_id, name)))
            self._steps[name] = {point.step for point in found}
        return self._steps[name] or set()


def _size(path: Path) -> int:
    """Return the bytes of a file or of a folder's files; 0 for what cannot be read."""
    try:
        return sum(one.stat().st_size for one in (path.rglob("*") if path.is_dir() else [path]))
    except OSError:
        return 0


def mlflow_name(name: str) -> str:
    """Return a name of a metric, parameter or tag as MLflow accepts it: other characters become `_`."""

    def accepted(text: str) -> str:
        parts = [re.sub(r"[^\w.\- :]", "_", part) for part in text.split("/")]
        return "/".join(part if part.strip(".") else part.replace(".", "_") or "_" for part in parts)  # no "..", no ""

    return accepted(accepted(name)[:250].rstrip("/"))


def flatten(nested: Mapping[str, Any], separator: str, prefix: str = "") -> dict[str, Any]:
    """Return {"a/b": 1} for {"a": {"b": 1}} and the separator "/"; pydantic models count as mappings."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) or hasattr(value, "model_dump"):
            flat |= flatten(dict(value), separator, f"{prefix}{key}{separator}")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
