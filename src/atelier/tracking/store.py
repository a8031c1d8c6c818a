"""The MLflow store: where it is, how it is opened by several processes at once, and where its artifacts go."""

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from atelier.common.deadlines import call_within
from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.tracking.artifacts import ARTIFACTS, settle
from atelier.tracking.facts import EXPERIMENT_NOTE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as StoredRun
    from sqlalchemy import URL

Given, Out = ParamSpec("Given"), TypeVar("Out")

EXPERIMENT = "atelier"
_LOCK_S = 120.0  # to wait for another process that opens the same store; a new one takes seconds
_BUSY_S = 10  # to wait for another process that writes
# A server that is gone must not stall a training: MLflow's own limits add up to minutes for every call.
_REQUEST_S, _CALL_S = 4, 10.0  # seconds for one request, and for a call with its second try
_LIMITS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(_REQUEST_S),
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
}


@dataclass(frozen=True)
class Store:
    """An open store and the id of one MLflow experiment in it."""

    client: "MlflowClient"
    experiment: str
    uri: str  # without a password
    limit: float | None  # seconds for one call; None: not limited (a database, or limits that the user has set)

    @property
    def remote(self) -> bool:
        """Whether it is a server, which may keep a caller waiting."""
        return self.uri.startswith(("http:", "https:"))

    def call(self, function: Callable[Given, Out], *args: Given.args, **kwargs: Given.kwargs) -> Out:
        """Call a function that uses the client.

        Raises:
            TimeoutError: it takes longer than `limit`.
        """
        return _call(self.limit, function, *args, **kwargs)

    def search(self, query: str, most: int = 1) -> list["StoredRun"]:
        """Return the newest runs that fit an MLflow filter, the newest first."""
        order = ["attributes.start_time DESC"]
        return list(self.call(self.client.search_runs, [self.experiment], query, max_results=most, order_by=order))

    def writer_of(self, digest: str) -> "StoredRun | None":
        """Return the newest run that wrote an output of this digest (`Run.log_outputs`), None if there is none."""
        return next(iter(self.search(f"tags.wrote LIKE '%{digest}%'")), None)

    @contextmanager
    def patience(self, size: int) -> Iterator["Store"]:
        """Yield this store with a limit for a file of `size` bytes; meanwhile a request may take longer too."""
        if self.limit is None:
            yield self
            return
        name = "MLFLOW_HTTP_REQUEST_TIMEOUT"
        os.environ[name] = str(_REQUEST_S + size // 10**7)  # a server passes a large file on before it answers
        try:
            yield replace(self, limit=self.limit + size / 10**6)
        finally:
            os.environ[name] = str(_REQUEST_S)


def open_store(write: bool = True, study: str = "") -> Store:
    """Open the store; create it and the experiment if they do not exist.

    Args:
        study: name of a study, whose runs form an experiment of their own, `atelier/NAME`; "": EXPERIMENT.

    Raises:
        UserError: it cannot be opened, or its experiment was deleted.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
    for name, value in _LIMITS.items():
        os.environ.setdefault(name, value)
    with store_faults(os.environ.get("MLFLOW_TRACKING_URI") or "mlflow.db"):
        uri, file = locate()
    limited = uri.startswith("http") and all(os.environ[name] == value for name, value in _LIMITS.items())
    limit = _CALL_S if limited else None
    with store_faults(uri), _alone(file, write) if file else nullcontext():
        client, experiment = _call(limit, _connect, uri, file, f"{EXPERIMENT}/{study}" if study else EXPERIMENT)
    return Store(client, experiment, shown(uri), limit)


def locate() -> tuple[str, Path | None]:
    """Return the store's URI, and its file if it is an SQLite file.

    A path may hold characters that mean something in a URI: it is quoted, and read back, by SQLAlchemy alone.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    uri = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    if uri and not uri.startswith("sqlite"):
        return uri, None
    try:
        url = make_url(uri) if uri else None
    except (ArgumentError, ValueError) as error:
        raise UserError(f"MLFLOW_TRACKING_URI={uri}: {error}; expected sqlite:////FOLDER/NAME.db") from None
    if url is not None and "?" in uri and not url.query:  # read as a path that ends before it: another file
        raise UserError(f"MLFLOW_TRACKING_URI={uri}: write ? in a path as %3F (and % as %25)")
    if url is not None and not _is_plain_file(url):
        return uri, None
    root = Path(os.environ.get("DVC_ROOT", ".")).resolve()
    file = Path(url.database).resolve() if url is not None else root / "mlflow.db"
    return _file_uri(file), file


def _is_plain_file(url: "URL") -> bool:
    """Tell whether a URL names an SQLite file and nothing else; options of the user's own are not taken apart."""
    path = url.database or ""
    own = url.query or url.host or url.drivername not in ("sqlite", "sqlite+pysqlite")
    return not own and path not in ("", ":memory:") and not path.startswith("file:")


def _file_uri(file: Path) -> str:
    """Return the URI of an SQLite file."""
    from sqlalchemy import URL

    plain = f"sqlite:///{file}"
    quoted = URL.create("sqlite", database=str(file)).render_as_string(hide_password=False)
    # mlflow makes the parent of what follows `sqlite:///`, quoted as it is: a folder `what%3F` beside `what?`
    return plain if quoted == plain else quoted.replace("sqlite:", "sqlite+pysqlite:", 1)


def _client(uri: str) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


def shown(uri: str) -> str:
    """Return a URI as it may be printed: without a password."""
    return re.sub(r"//[^/@]*@", "//***@", uri)


@contextmanager
def store_faults(uri: str) -> Iterator[None]:
    """Turn every fault of a store into a `UserError` that names it.

    Raises:
        UserError: the block raises an exception of any type.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # mlflow, SQLAlchemy, alembic, sqlite3 and requests: each raises classes of its own
        raise UserError(
            f"{shown(uri)}: cannot be used as an MLflow store ({reason(error)}); see MLFLOW_TRACKING_URI"
        ) from None


def reason(error: BaseException) -> str:
    """Return the first line of an error's message, at most 300 characters; its type if there is none."""
    lines = shown(str(error)).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]


def _call(limit: float | None, function: Callable[Given, Out], *args: Given.args, **kwargs: Given.kwargs) -> Out:
    return function(*args, **kwargs) if limit is None else call_within(limit, function, *args, **kwargs)


@contextmanager
def _alone(file: Path, write: bool) -> Iterator[None]:
    """Keep other processes of ours from opening an SQLite file while the block runs: it may create the tables.

    Raises:
        OSError, sqlite3.Error: the file cannot be opened, or, with `write`, not be written.
    """
    from filelock import FileLock

    write = write or not file.exists()
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{file}.lock", timeout=_LOCK_S)
    try:
        lock.acquire()
    except OSError:  # a folder for reading only: what is in it can be read, and is not about to be created
        if write:
            raise
    try:
        if write and (not file.exists() or not file.stat().st_size):
            with atomic_write(file) as new:  # killed in the middle, the tables would be neither absent nor complete
                _client(_file_uri(new)).search_experiments(max_results=1)
        with closing(sqlite3.connect(file, timeout=_BUSY_S)) as database:  # mlflow tries ten times, for 101 seconds
            database.execute("BEGIN IMMEDIATE" if write else "PRAGMA schema_version")
        yield
    finally:
        lock.release()


def _connect(uri: str, file: Path | None, name: str) -> tuple["MlflowClient", str]:
    """Return a client and the id of the experiment of a name, created if it does not exist."""
    from mlflow.exceptions import MlflowException

    client = _client(uri)
    found: Any = client.get_experiment_by_name(name)
    if found is None:
        # By default mlflow puts them into the working directory: lost with a temporary experiment.
        place = (file.parent / ARTIFACTS).as_uri() if file else None
        try:
            return client, client.create_experiment(name, place, {"mlflow.note.content": EXPERIMENT_NOTE})
        except MlflowException:  # another run created it meanwhile; otherwise there is none
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise UserError(
            f"{shown(uri)}: its experiment {name} was deleted; restore it by "
            f"`mlflow experiments restore --experiment-id {found.experiment_id}`, with MLFLOW_TRACKING_URI={shown(uri)}"
        )
    if file:
        settle(file, found.experiment_id, found.artifact_location)
    return client, found.experiment_id
