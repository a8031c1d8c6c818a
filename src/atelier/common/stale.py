"""Which checkpoints can still be used: each store's record of its run is compared with the present installation."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import Timeout

from atelier.common.checkpoints import RUN, CheckpointStore, environment, root, workspace
from atelier.common.errors import UserError
from atelier.common.files import digest


@dataclass(frozen=True)
class StoredRun:
    """The checkpoints of an interrupted run."""

    store: CheckpointStore
    size: int  # bytes
    stage: str  # prepare | train, "?" if unknown
    unusable: str  # why no present configuration can use them; "" if one can
    in_use: bool = False  # a process owns them now


def list_stored() -> list[StoredRun]:
    """List the checkpoints of this workspace, by key.

    A run that other parameters would resume (`dvc exp run -S …`) counts as usable.
    """
    folders = sorted(path for path in root().glob("*") if path.is_dir())
    return [_inspect(CheckpointStore(folder)) for folder in folders]


def discard_stored(run: StoredRun) -> bool:
    """Remove a run's checkpoints unless a process owns them; return whether they were removed."""
    try:
        with run.store.lock(wait=False):
            run.store.discard()
    except Timeout:
        return False
    return True


def _inspect(store: CheckpointStore) -> StoredRun:
    size = sum(path.stat().st_size for path in store.folder.rglob("*") if path.is_file())
    try:
        with store.lock(wait=False):
            in_use = False
    except Timeout:
        in_use = True
    try:
        facts = json.loads((store.folder / RUN).read_bytes())
        return StoredRun(store, size, str(facts["stage"]), _why_unusable(facts), in_use)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # written by another version, or damaged
        return StoredRun(store, size, "?", "no readable record of its run", in_use)


def _why_unusable(facts: dict[str, Any]) -> str:
    if facts["torch"] != torch.__version__:
        return f"made with torch {facts['torch']}; this is {torch.__version__}"
    try:
        now = environment(facts["code"])["code"]
    except UserError:
        now = {}
    changed = [name for name, known in facts["code"].items() if now.get(name) != known]
    changed += [name for name, known in facts["scripts"].items() if _digest(workspace() / name, "*.py") != known]
    if changed:
        return f"the code of {', '.join(changed)} has changed"
    for name, known in facts["inputs"].items():
        now_is = _digest(Path(name))
        if now_is != known:
            return f"{name} {'has changed' if now_is else 'is gone'}"
    return ""


def _digest(path: Path, pattern: str = "*") -> str | None:
    return digest(path, pattern) if path.exists() else None
