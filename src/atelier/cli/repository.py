"""Where commands work: the repository's root, and the study in it that a path or the working directory names."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from atelier.common.errors import UserError, short_repr

PIPELINE, PARAMS = "dvc.yaml", "params.yaml"
STUDIES = "studies"
_NAME = re.compile("[A-Za-z][A-Za-z0-9_-]{0,39}")
_MARKS = (PIPELINE, PARAMS, "stages", "src/atelier")  # what the root has and no study


@dataclass(frozen=True)
class Study:
    """The pipeline that a command works on: the root's, or that of a folder made by `atelier new`."""

    root: Path  # of the repository
    name: str = ""  # of the folder in studies/; "": the root's own

    @property
    def folder(self) -> Path:
        """The study's folder relative to the root, from which every stage runs."""
        return Path(STUDIES) / self.name if self.name else Path()

    def path(self, inside: str) -> str:
        """Return the path, relative to the root, of a file in the study."""
        return (self.folder / inside).as_posix()

    def experiment(self, name: str) -> str:
        """Return the name that a DVC experiment of this study has: those of all pipelines share one list."""
        return f"{self.name}-{name}" if self.name else name


def check_name(name: str) -> None:
    """Refuse a name that no study can have.

    Raises:
        UserError: in one line.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"{short_repr(name)}: expected a name of a letter, then letters, digits, _ or - (at most 40)")


def find_root(start: Path) -> Path:
    """Return the root of the repository that holds a folder.

    Raises:
        UserError: the folder is in no such repository.
    """
    start = Path(os.path.realpath(start))  # `resolve` fails on a loop of links
    for folder in (start, *start.parents):
        if all((folder / mark).exists() for mark in _MARKS):
            return folder
    raise UserError(f"{start}: not in a repository of atelier: no folder above it has {', '.join(_MARKS)}")


def find_study(folder: Path) -> Study:
    """Return the study of a folder: of studies/NAME, or of the root.

    Raises:
        UserError: the folder is neither, or has no such pipeline.
    """
    root, folder = find_root(folder), Path(os.path.realpath(folder))
    study = Study(root, "" if folder == root else folder.name)
    if root / study.folder != folder or not (folder / PARAMS).is_file() or not (folder / PIPELINE).is_file():
        raise UserError(
            f"{folder}: not a study; expected the repository's root or a folder that `atelier new NAME` made"
        )
    return study
