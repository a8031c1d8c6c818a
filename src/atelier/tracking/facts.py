"""What MLflow shows of a run beside its curves: description, source, data sets, a report as metrics and a table."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

MOST_METRICS = 40  # of a report: more than that cannot be compared on a page
ESTIMATE = ("mean", "ci_lo", "ci_hi", "n", "clusters", "p", "p_holm")  # parts of an estimate: columns of the table

EXPERIMENT_NOTE = (
    "Runs of the pipeline's stages (dvc.yaml). Compare the evaluate runs by the metrics seen/… and unseen/… of the "
    "fine-tuned editor with baseline/… of the base editor; the curves of a training are in its train run."
)
_NOTES = {
    "prepare": "Reads the data set into items with splits.",
    "pair": "Makes training triplets, and probes to evaluate on.",
    "mask": "Makes the zones of triplets and probes.",
    "train": "Fine-tunes the editor. Charts: loss/step, loss/train, loss/validation. The artifacts have a validation "
    "image per epoch and the trained tensors.",
    "generate": "Edits every probe with one editor.",
    "evaluate": "Scores the edits of both editors. measures.json is the table of all measures; the artifacts have the "
    "report page, tables and contact sheets.",
}
_COMMANDS = {  # runs above those of a command's experiments
    "ablations": "The runs of the experiments that `atelier ablations` has run are below. The artifacts compare them.",
    "methods": "The runs of the experiments that `atelier methods` has run are below. The artifacts compare them.",
}


def origin_tags(stage: str, revision: str, experiment: str | None, study: str = "") -> dict[str, str]:
    """Return the tags behind the description, source and version of a run.

    Args:
        stage: the run's stage, also with a variant (`generate@baseline`).
        experiment: the DVC experiment's name, if any.
        study: the study whose stage it is; "": the root pipeline's.
    """
    name = stage.partition("@")[0]
    target = f"studies/{study}/dvc.yaml:{stage}" if study else stage
    of = f"DVC experiment {experiment}" if experiment else "the workspace"
    tags = {
        "mlflow.note.content": f"{_NOTES.get(name, f'Stage {stage}.')} Run by `dvc repro {target}` in {of}.",
        "mlflow.source.name": f"stages/{name}.py" if name in _NOTES else name,
        "mlflow.source.type": "LOCAL",
    }
    if name in _COMMANDS:
        tags |= {"mlflow.note.content": _COMMANDS[name], "mlflow.source.name": f"atelier {name}"}
    user = os.environ.get("USER") or os.environ.get("LOGNAME")
    tags |= {"mlflow.user": user} if user else {}
    return tags | ({"mlflow.source.git.commit": revision} if " " not in revision else {})


def describe_input(path: Path, digest: str) -> "DatasetInput":
    """Return an input as a data set with its digest and, of a parquet file, its columns and number of rows."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    schema, profile = None, {"bytes": path.stat().st_size} if path.is_file() else {}
    if path.suffix == ".parquet":
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile

        try:
            with ParquetFile(path) as file:
                columns = [
                    {"name": one.name, "type": _column_type(str(one.type)), "required": not one.nullable}
                    for one in file.schema_arrow
                ]
                profile |= {"num_rows": file.metadata.num_rows}
            schema = json.dumps({"mlflow_colspec": columns})
        except (ArrowException, OSError):  # the stage itself will say what is wrong with the file
            schema = None
    source = json.dumps({"uri": str(path)})
    one = Dataset(str(path), digest[:36], "local", source, schema, json.dumps(profile))  # at most 36 characters
    return DatasetInput(one, [InputTag("mlflow.data.context", path.parent.name or "input")])


def _column_type(arrow: str) -> str:
    """Return MLflow's name of an Arrow type; lists and records are shown as `string`."""
    names = {"bool": "boolean", "binary": "binary", "float": "float", "double": "double", "int32": "integer"}
    return names.get(arrow, "long" if arrow.startswith(("int", "uint")) else "string")


def key_numbers(report: Mapping[str, Any]) -> dict[str, float]:
    """Return at most `MOST_METRICS` numbers of a nested report as `a/b` → number, those of the upper levels first.

    Of an estimate the mean is taken.
    """
    found = [(keys, parts["mean"]) for keys, parts in _rows(report) if isinstance(parts.get("mean"), int | float)]
    found.sort(key=lambda one: len(one[0]))  # stable: the report's order within a level
    return {"/".join(keys): value for keys, value in found[:MOST_METRICS]}


def as_table(report: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return a nested report as columns: of (the keys above), measure, then the parts of an estimate.

    A plain value is in the column `mean`.
    """
    rows = [(keys, parts) for keys, parts in _rows(report) if not isinstance(parts.get("mean"), str)]
    table: dict[str, list[Any]] = {"of": ["/".join(keys[:-1]) for keys, _ in rows]}
    table["measure"] = [keys[-1] for keys, _ in rows]
    return table | {part: [values.get(part) for _, values in rows] for part in ESTIMATE}


def texts(report: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of a nested report as `a/b` → text, without those that the report has of every metric."""
    return {"/".join(keys): parts["mean"] for keys, parts in _rows(report) if _is_tag(keys[0], parts)}


def _is_tag(first: str, parts: Mapping[str, Any]) -> bool:
    return first != "network_of" and isinstance(parts.get("mean"), str)


def _rows(report: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield the path of keys and the parts of each estimate or plain value."""
    for key, value in report.items():
        keys = (*above, str(key))
        if isinstance(value, Mapping) and "mean" in value:
            yield keys, {part: value[part] for part in ESTIMATE if part in value}
        elif isinstance(value, Mapping):
            yield from _rows(value, keys)
        else:
            yield keys, {"mean": value}
