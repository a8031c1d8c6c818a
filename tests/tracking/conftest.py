"""A workspace that has an empty store."""

from pathlib import Path

import pytest
from fixtures_tracking import empty_store  # noqa: F401


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch, empty_store: bytes) -> Path:  # noqa: F811
    """A repository's root; the working directory is a temporary copy of it, as in a DVC experiment."""
    (tmp_path / "mlflow.db").write_bytes(empty_store)
    copy = tmp_path / "copy"
    copy.mkdir()
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for name in ("MLFLOW_TRACKING_URI", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path
