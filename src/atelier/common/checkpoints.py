"""Checkpoints of an interrupted run, outside DVC: `$DVC_ROOT/.ckpt/<key>/step-00000100/`, removed on success.

DVC deletes a stage's outputs before it runs, and an output kept across runs would resume under other parameters. The
key is a digest of settings, inputs, torch's version and the code that the result depends on, so that only the same run
finds a checkpoint. Tensors are safetensors and facts are JSON: nothing is unpickled.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import atelier
from atelier.common.files import atomic_write, digest, remove

# The packages that the trainings import: the code in a key. A test compares them with the import graph.
TRAINING = ("common", "images", "masks", "metrics", "models", "sampling", "training")
_TENSORS = "tensors.safetensors"
_FACTS = "facts.json"


@dataclass(frozen=True)
class CheckpointStore:
    """The checkpoints of one run; only the newest is kept."""

    folder: Path

    def save(self, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Replace the last checkpoint by the state after `step` steps. Killed at any point, a complete one remains."""
        newest = self.folder / f"step-{step:08d}"
        with atomic_write(newest) as partial:
            partial.mkdir()
            save_file(_apart(tensors), partial / _TENSORS)
            (partial / _FACTS).write_text(json.dumps(facts))
        for older in self._whole():
            if older != newest:
                remove(older)

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return tensors (on the CPU) and facts of the newest checkpoint, None if there is none."""
        found = self._whole()
        if not found:
            return None
        return load_file(found[-1] / _TENSORS), json.loads((found[-1] / _FACTS).read_text())

    def discard(self) -> None:
        """Remove the checkpoints: the run has succeeded."""
        remove(self.folder)

    def _whole(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("step-*") if path.suffix != ".partial")


def open_store(
    settings: Mapping[str, Any], inputs: Iterable[str | Path], code: Iterable[str] = TRAINING
) -> CheckpointStore:
    """Open the store of the run that these arguments and torch's version identify.

    Args:
        inputs: files or folders, known by their content, or hub names.
        code: files and folders of this package that the result depends on.
    """
    root = Path(os.environ.get("DVC_ROOT", "."))
    package = Path(atelier.__file__).parent
    facts = {
        "settings": settings,
        "inputs": [digest(Path(name)) if Path(name).exists() else str(name) for name in inputs],
        "code": {name: digest(package / name, "*.py") for name in sorted(code)},
        "torch": torch.__version__,
    }
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    return CheckpointStore(root / ".ckpt" / key)


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors contiguous, each with memory of its own, as safetensors requires."""
    found: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        found[name] = tensor.clone() if place in taken else tensor.contiguous()
        taken.add(place)
    return found
