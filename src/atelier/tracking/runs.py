"""Start, continue and end the runs of stages; find those of earlier ones."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atelier.common.errors import UserError
from atelier.common.files import digest
from atelier.tracking.facts import origin_tags
from atelier.tracking.holder import is_gone, own_tag
from atelier.tracking.record import Run
from atelier.tracking.store import Store, open_store, store_faults
from atelier.tracking.termination import Terminated, raise_on_termination

if TYPE_CHECKING:
    from mlflow.entities import Run as StoredRun

PARENT = "ATELIER_PARENT_RUN"  # in the environment: the id of the run above those of a command's experiments
_HOLDER, _KEY = "holder", "key"  # tags: the process that records a run, and what is resumed under the same key
_MOST = 1000  # runs that are looked at for abandoned ones


@contextmanager
def run(
    stage: str,
    params: Mapping[str, Any],
    reads: Sequence[Path] = (),
    writes: Sequence[Path] = (),
    child_of: Path | None = None,
    resume_key: str | None = None,
    study: str | None = None,
) -> Iterator[Run]:
    """Record a stage while the block runs.

    Once the run has begun no fault of the store is raised. SIGTERM and SIGHUP raise `Terminated` in the block. Runs of
    this host whose process has ended without saying so are closed as KILLED.

    Args:
        stage: name of the stage and of the run.
        params: section name → section (a mapping, or a model of `atelier.config`), logged as `section.key`.
        reads: input files and folders; their digests are logged.
        writes: outputs that exist at the end of the block; later runs find this run by their digests. Where they are
            in studies/NAME/, the run goes to that study's own MLflow experiment.
        child_of: an input that another run wrote. That run becomes the parent of this one or, if it is a child itself,
            its sibling: an evaluation appears below the training whose edits it measures. A run without such an input
            is below the run that PARENT in the environment names (`parents.parent`).
        resume_key: what the block resumes if it was interrupted (`CheckpointStore.folder.name`). The newest run of the
            stage with this key is continued if it was killed or failed.
        study: the study whose MLflow experiment the run goes to; None: the one that `writes` tells.

    Raises:
        UserError: the store cannot be used, or an input does not exist.
    """
    inputs = {path: digest(path) for path in reads}
    parent = digest(child_of) if child_of is not None and child_of.exists() else None  # a hub name is no path
    study = _study_of(writes) if study is None else study
    store = open_store(study=study)
    with raise_on_termination():
        with store_faults(store.uri):
            record = _begin(store, stage, study, parent, resume_key)
        status = "FAILED"
        try:
            record.attempt(_close_abandoned, store)
            record.log_inputs(params, inputs)
            yield record
            record.log_outputs(writes)
            status = "FINISHED"
        except (KeyboardInterrupt, Terminated):
            status = "KILLED"
            raise
        finally:
            record.end(status)


def read_metrics(experiment: str, stage: str, study: str = "") -> dict[str, float]:
    """Return the last values of all metrics of a stage's newest finished run in a DVC experiment.

    Args:
        study: the study whose run it is; "": the root pipeline.

    Raises:
        UserError: there is no such run, or the store cannot be used.
    """
    store = open_store(write=False, study=study)
    query = (
        f"tags.experiment = {_quote(experiment)} AND tags.stage = {_quote(stage)} AND attributes.status = 'FINISHED'"
    )
    with store_faults(store.uri):
        found = store.search(query)
    if not found:
        raise UserError(
            f"experiment {experiment}: no finished {stage} run in MLflow; if DVC restored the stage from its cache, "
            f"remove the experiment and run it again with --force"
        )
    return dict(found[0].data.metrics)


def _study_of(writes: Sequence[Path]) -> str:
    """Return NAME where the outputs are in studies/NAME/, "" elsewhere."""
    parts = writes[0].parts if writes else ()
    return parts[1] if len(parts) > 2 and parts[0] == "studies" else ""


def _begin(store: Store, stage: str, study: str, parent: str | None, key: str | None) -> Run:
    """Continue the interrupted run with this key, or create a run."""
    tags = {"stage": stage, _HOLDER: own_tag(), **_origin()} | ({_KEY: key} if key else {})
    tags |= origin_tags(stage, tags["revision"], tags.get("experiment"), study)
    name = f"{tags['experiment']}/{stage}" if "experiment" in tags else stage
    found = store.search(f"tags.{_KEY} = {_quote(key)} AND tags.stage = {_quote(stage)}") if key else []
    if found and _is_interrupted(found[0]):
        return Run(store, _reopen(store, found[0], name, tags))
    writer = store.writer_of(parent) if parent else None  # no run wrote the base weights
    if writer is not None:
        tags["mlflow.parentRunId"] = writer.data.tags.get("mlflow.parentRunId") or writer.info.run_id
    elif os.environ.get(PARENT):
        tags["mlflow.parentRunId"] = os.environ[PARENT]
    return Run(store, store.call(store.client.create_run, store.experiment, tags=tags, run_name=name))


def _is_interrupted(run: "StoredRun") -> bool:
    ended = run.info.status in ("KILLED", "FAILED")
    return ended or (run.info.status == "RUNNING" and is_gone(run.data.tags.get(_HOLDER, "")))


def _reopen(store: Store, run: "StoredRun", name: str, tags: Mapping[str, str]) -> "StoredRun":
    """Make a run a running one of this process and of the experiment that it is continued in."""
    from mlflow.entities import RunTag

    client, run_id = store.client, run.info.run_id
    store.call(client.log_batch, run_id, tags=[RunTag(key, value) for key, value in tags.items()])
    if "experiment" in run.data.tags and "experiment" not in tags:
        store.call(client.delete_tag, run_id, "experiment")
    store.call(client.update_run, run_id, status="RUNNING", name=name)
    return run


def _close_abandoned(store: Store) -> None:
    """End the runs whose process is gone: killed, or the machine was switched off."""
    for run in store.search("attributes.status = 'RUNNING'", _MOST):
        if is_gone(run.data.tags.get(_HOLDER, "")):
            store.client.set_terminated(run.info.run_id, "KILLED")


def _quote(text: str) -> str:
    """Return a text as a value in an MLflow filter.

    Raises:
        UserError: it holds both kinds of quotation marks, which a filter cannot.
    """
    if "'" in text and '"' in text:
        raise UserError(f"{text}: a name cannot hold both ' and \"")
    return f'"{text}"' if "'" in text else f"'{text}'"


def _origin() -> dict[str, str]:
    """Return the DVC experiment's name, if any, and the revision that it, or the workspace, is based on."""
    name, revision = os.environ.get("DVC_EXP_NAME"), os.environ.get("DVC_EXP_BASELINE_REV")
    if not revision:
        revision = "not in git"
        with suppress(OSError):  # git is not installed
            head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
            revision = head.stdout.strip() if head.returncode == 0 else revision
    return {"revision": revision} | ({"experiment": name} if name else {})
