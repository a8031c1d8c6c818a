"""MLflow runs: parameters, curves, images, data digests and origin of each stage. The only package that imports mlflow.

The store is MLFLOW_TRACKING_URI, by default `mlflow.db` in the repository (DVC_ROOT: in a temporary experiment that is
the main workspace, so that its runs persist). mlflow takes seconds to import, so it is imported when a run starts.

Tracking observes: a store that cannot be used when a run starts is a UserError, but once the run has begun no fault of
the store ends or delays the work. The first one is told in one line, and the rest of the run is not recorded.

Public: `EXPERIMENT`, `NullLogger`, `Run`, `run`, `read_metrics`.
"""

from atelier.tracking.record import NullLogger, Run
from atelier.tracking.runs import read_metrics, run
from atelier.tracking.store import EXPERIMENT

__all__ = ["EXPERIMENT", "NullLogger", "Run", "read_metrics", "run"]
