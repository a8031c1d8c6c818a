"""Where a store's artifacts go: beside its SQLite file, also after that was moved or copied with its repository.

MLflow keeps the absolute address of the artifacts in the experiment and in each run, and has no call that changes it.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from atelier.common.notices import notice

ARTIFACTS = "mlartifacts"  # the folder's name


def settle(file: Path, experiment: str, location: str) -> None:
    """Compare an experiment's artifact location with the place beside the store; put it right if the store was moved.

    An artifact folder that somebody has chosen stays as it is.

    Args:
        file: the store's SQLite file.
        experiment: the experiment's id.
        location: its artifact location, a path or a URI.

    Raises:
        sqlite3.Error: the store cannot be written.
    """
    place = file.parent / ARTIFACTS
    old = local_path(location)
    if old is None or old == place or _same(old, place) or _same(old.parent / file.name, file):
        return
    if not _is_left_behind(old, file.name):
        if old.name == ARTIFACTS or not old.parent.is_dir():
            notice(
                f"{file}: artifacts go to {old}, as its experiment says, not beside the store; to change that, rename "
                f"the experiment: mlflow experiments rename --experiment-id {experiment} --new-name NAME"
            )
        return
    _move(file, experiment, location, place)
    notice(f"{file}: moved or copied from {old.parent}; artifacts are kept in {place}")


def local_path(location: str) -> Path | None:
    """Return the path of an artifact location, None if it is on a server."""
    parts = urlsplit(location)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path)) if parts.netloc in ("", "localhost") else None
    return Path(location) if location.startswith("/") else None


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _is_left_behind(old: Path, store: str) -> bool:
    """Tell whether an artifact folder belongs to where the store once was.

    That is so where its parent is gone, holds nothing but it (it was made again, after the store was moved), or holds
    another store of the same name: the repository was copied.
    """
    if old.name != ARTIFACTS:
        return False
    if not old.parent.is_dir():
        return True
    beside = {path.name for path in old.parent.iterdir()}
    return beside <= {ARTIFACTS} or store in beside


def _move(file: Path, experiment: str, location: str, place: Path) -> None:
    """Write the new place into the experiment, and into its runs except those whose artifacts are at the old alone."""
    old, new = location.rstrip("/"), place.as_uri()
    with closing(sqlite3.connect(file, timeout=10)) as database, database:
        database.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (new, int(experiment)))
        query = "SELECT run_uuid, artifact_uri FROM runs WHERE experiment_id = ?"
        for run, uri in database.execute(query, (int(experiment),)).fetchall():
            if not (uri or "").startswith(old + "/"):
                continue
            before, after = local_path(uri), local_path(new + uri[len(old) :])
            if not before.is_dir() or after.is_dir():
                database.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (new + uri[len(old) :], run))
