"""An empty store, and a workspace that has one."""

from pathlib import Path

import pytest
from mlflow import MlflowClient


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> bytes:
    """Content of a store with mlflow's tables and no runs: creating one takes seconds, copying does not."""
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{file}").search_experiments()
    return file.read_bytes()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch, empty_store: bytes) -> Path:
    """A repository's root; the working directory is a temporary copy of it, as in a DVC experiment."""
    (tmp_path / "mlflow.db").write_bytes(empty_store)
    copy = tmp_path / "copy"
    copy.mkdir()
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for name in ("MLFLOW_TRACKING_URI", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path
