"""MLflow runs: parameters, curves, images, data digests and origin of each stage. Only it and `export` import mlflow.

The store is MLFLOW_TRACKING_URI, by default `mlflow.db` in the repository (DVC_ROOT: in a temporary experiment that is
the main workspace, so that its runs persist). mlflow takes seconds to import, so it is imported when a run starts.

Tracking observes: a store that cannot be used when a run starts is a UserError, but once the run has begun no fault of
the store ends or delays the work. The first one is told in one line, and the rest of the run is not recorded.

Public: `EXPERIMENT`, `NullLogger`, `Parent`, `Run`, `Store`, `parent`, `run`, `read_metrics`, `locate`, `open_store`,
`store_faults`.
"""

from atelier.tracking.parents import Parent, parent
from atelier.tracking.record import NullLogger, Run
from atelier.tracking.runs import read_metrics, run
from atelier.tracking.store import EXPERIMENT, Store, locate, open_store, store_faults

__all__ = [
    "EXPERIMENT",
    "NullLogger",
    "Parent",
    "Run",
    "Store",
    "locate",
    "open_store",
    "parent",
    "read_metrics",
    "run",
    "store_faults",
]
