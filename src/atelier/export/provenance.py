"""Look up in dvc.lock which data and parameters a fine-tuned editor was trained with, and how it scored.

A record is used only if its digests match the files: a lock or report of other weights is ignored.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atelier.common.errors import UserError
from atelier.common.files import read_plain_text
from atelier.config import parse_yaml

LOCK = "dvc.lock"
_LARGEST_LOCK, _MOST_NODES = 4_000_000, 200_000  # bytes; values
SHEET = Path("metrics/sheets/overview.png")
_REPORT = Path("metrics/evaluate.json")
_TRIPLETS, _ITEMS = "data/pairs/triplets.parquet", "data/prepared/items.parquet"
_EDITS = "data/edits/finetuned.parquet"


@dataclass(frozen=True)
class Provenance:
    """Facts about one fine-tuned editor; empty or None where unknown."""

    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # section → key → value, of the training run
    data: Mapping[str, str] = field(default_factory=dict)  # file that training read → its MD5
    report: Mapping[str, Any] | None = None  # metrics/evaluate.json
    sheet: Path | None = None  # metrics/sheets/overview.png
    missing: tuple[str, ...] = ()  # what is unknown, and why


def trace(folder: Path, root: Path) -> Provenance:
    """Look up the folder of a fine-tuned editor in the dvc.lock of the repository `root`, or of the study it is in."""
    study = _study_of(folder, root)
    lock = root / study / LOCK
    try:
        text = read_plain_text(lock, _LARGEST_LOCK) if lock.exists() else "stages: {}"
        stages = parse_yaml(text, LOCK, _MOST_NODES)["stages"]
        return _trace(folder, root / study, {name: _inside(study, stage) for name, stage in stages.items()})
    except (UserError, LookupError, TypeError, AttributeError):  # not YAML, as after a merge, or not as DVC writes it
        return Provenance(missing=(f"{LOCK} is damaged: parameters, data and scores are left out",))


def _study_of(folder: Path, root: Path) -> Path:
    """Return studies/NAME if the folder is in one that has a dvc.lock, else the empty path: the root's pipeline."""
    place = Path(os.path.relpath(folder, root)).parts[:2]
    return Path(*place) if place[:1] == ("studies",) and (root / Path(*place) / LOCK).exists() else Path()


def _inside(study: Path, stage: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stage of a study's dvc.lock with its paths, which start at the root, relative to the study."""
    start = f"{study.as_posix()}/"
    entries = {
        key: [{**entry, "path": entry["path"].removeprefix(start)} for entry in stage.get(key, [])]
        for key in ("deps", "outs")
    }
    params = {path.removeprefix(start): values for path, values in stage.get("params", {}).items()}
    return {**stage, **entries, "params": params}


def _trace(folder: Path, root: Path, stages: Mapping[str, Any]) -> Provenance:
    own = dvc_digest(folder)
    trained = next((stage for stage in stages.values() if own in _outs(stage).values()), None)
    if trained is None:
        return Provenance(missing=(f"{LOCK} does not know these weights: parameters, data and scores are left out",))
    params = {**_params(trained), **_data_params(stages, trained)}
    data = {path: md5 for path, md5 in _deps(trained).items() if path.startswith("data/")}
    generated, evaluated = stages.get("generate@finetuned", {}), stages.get("evaluate", {})
    if own in _deps(generated).values():
        params |= {"generate": _params(generated).get("generate", {})}
    is_own = own in _deps(generated).values() and _outs(generated).get(_EDITS) in _deps(evaluated).values()
    report, sheets = _outs(evaluated).get(str(_REPORT)), _outs(evaluated).get(str(SHEET.parent))
    has_report = is_own and report is not None and report == dvc_digest(root / _REPORT)
    has_sheet = is_own and sheets is not None and sheets == dvc_digest(root / SHEET.parent)
    return Provenance(
        params,
        data,
        json.loads((root / _REPORT).read_text(encoding="utf-8")) if has_report else None,
        root / SHEET if has_sheet else None,
        () if has_report else (f"{_REPORT} is not of these weights: scores are left out",),
    )


def dvc_digest(path: Path) -> str | None:
    """Return the MD5 that DVC records for a file, or `….dir` for a folder; None if the path does not exist.

    `dvc.api` has no function for the hash of a path.
    """
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "md5").hexdigest()
    if not path.is_dir():
        return None
    files = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    entries = [{"md5": dvc_digest(path / name), "relpath": name} for name in files]
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest() + ".dir"


def _outs(stage: Mapping[str, Any]) -> dict[str, str]:
    return {entry["path"]: entry["md5"] for entry in stage.get("outs", [])}


def _deps(stage: Mapping[str, Any]) -> dict[str, str]:
    return {entry["path"]: entry["md5"] for entry in stage.get("deps", [])}


def _params(stage: Mapping[str, Any]) -> dict[str, Any]:
    return stage.get("params", {}).get("params.yaml", {})


def _data_params(stages: Mapping[str, Any], trained: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections `prepare` and `pair`, if those stages made the triplets of the training run."""
    pair, prepare = stages.get("pair", {}), stages.get("prepare", {})
    same_triplets = _outs(pair).get(_TRIPLETS) == _deps(trained).get(_TRIPLETS)
    same_items = _outs(prepare).get(_ITEMS) == _deps(pair).get(_ITEMS)
    return {**_params(pair), **_params(prepare)} if same_triplets and same_items else {}
