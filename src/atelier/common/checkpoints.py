"""Checkpoints of an interrupted run, outside DVC: `$DVC_ROOT/.ckpt/<key>/step-00000100/`, removed on success.

DVC deletes a stage's outputs before it runs, and an output kept across runs would resume under other parameters. The
key is a digest of what the run computes with, torch's version and the code that the result depends on, so that only the
same run finds a checkpoint. Tensors are safetensors and facts are JSON: nothing is unpickled. What is read is compared
with what was written, and one process at a time owns a run.
"""

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor

import atelier
from atelier.common.files import digest, remove, write_json
from atelier.common.notices import notice
from atelier.common.sealed import DamagedError, check_sealed, set_aside, write_sealed
from atelier.common.tensor_files import read_tensors, write_tensors

# The packages that the trainings import: the code in a key. A test compares them with the import graph.
TRAINING = ("common", "images", "masks", "metrics", "models", "sampling", "training")
RUN = "run.json"  # in a store's folder: what its key was made of
_TENSORS, _FACTS = "tensors.safetensors", "facts.json"
_KEPT = 2  # checkpoints: should the newest be damaged, the run continues from the one before it


@dataclass(frozen=True)
class CheckpointStore:
    """The checkpoints of one run; the newest two are kept."""

    folder: Path
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)  # what the key was made of

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Own the run during the block, and remove its checkpoints when the block ends without an exception.

        An equal run in another process waits until this one has ended or was killed.
        """
        with self.lock():
            if not (self.folder / RUN).exists():
                write_json(self.folder / RUN, self.facts)
            yield
            self.discard()
            self._lock_file.unlink(missing_ok=True)  # a waiting process notices, and makes a new one

    @contextmanager
    def lock(self, wait: bool = True) -> Iterator[None]:
        """Hold the run's lock during the block.

        Raises:
            Timeout: another process holds it, and `wait` is false.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._lock_file)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not wait:
                raise
            notice(f"{self.folder}: another process computes the same; waiting for it to end")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def save(self, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Write the state after `step` steps. Killed at any point, a complete checkpoint remains.

        Raises:
            UserError: a tensor is not finite.
            OSError: the file system refuses, or does not give back what was written.
        """
        newest = self.folder / f"step-{step:08d}"
        with write_sealed(newest) as partial:
            write_tensors(partial / _TENSORS, tensors)
            (partial / _FACTS).write_text(json.dumps({"step": step, **facts}, allow_nan=False))
        try:
            check_sealed(newest)
        except DamagedError as damage:
            raise OSError(errno.EIO, f"reads back otherwise than written: {damage}", str(newest)) from None
        for older in self._steps()[:-_KEPT]:
            remove(older)

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return tensors (on the CPU) and facts (with `step`) of the newest undamaged checkpoint, if any.

        A damaged one is set aside with a notice.
        """
        for folder in reversed(self._steps()):
            try:
                check_sealed(folder)
                return read_tensors(folder / _TENSORS), json.loads((folder / _FACTS).read_text())
            except (DamagedError, ValueError) as damage:  # ValueError: sealed, but no checkpoint
                set_aside(folder, str(damage))
        return None

    def discard(self) -> None:
        """Remove the checkpoints: the run has succeeded."""
        remove(self.folder)

    @property
    def _lock_file(self) -> Path:
        return self.folder.with_suffix(".lock")

    def _steps(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"))


def open_store(
    facts: Mapping[str, Any],
    code: Iterable[str] = TRAINING,
    inputs: Iterable[str | Path] = (),
    scripts: Iterable[Path] = (),
) -> CheckpointStore:
    """Open the store of the run that `facts`, the code and torch's version identify.

    Args:
        facts: what the run computes with, as JSON: settings, and digests of data and models.
        code: files and folders of this package that the result depends on.
        inputs: files and folders that the data was read from; recorded beside the checkpoints, not part of the key.
        scripts: folders at the workspace's top level whose code the result depends on too.
    """
    known = {**facts, **environment(code), "scripts": {path.name: digest(path, "*.py") for path in scripts}}
    key = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]
    files = {str(name): digest(Path(name)) for name in inputs if Path(name).exists()}
    return CheckpointStore(root() / key, known | {"inputs": files})


def workspace() -> Path:
    """Return the repository's folder; in a temporary DVC experiment that of the main workspace."""
    return Path(os.environ.get("DVC_ROOT", "."))


def root() -> Path:
    """Return the folder of all checkpoints."""
    return workspace() / ".ckpt"


def environment(code: Iterable[str]) -> dict[str, Any]:
    """Return what a key holds of this installation: digests of its code, and torch's version."""
    package = Path(atelier.__file__).parent
    return {"code": {name: digest(package / name, "*.py") for name in sorted(code)}, "torch": torch.__version__}
