"""Gather what the report page shows beside the evaluation: curves, ablations, methods, parameters, digests.

All of it comes from declared inputs of the stage `evaluate`, so that the page is a function of them alone.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from atelier.common.errors import UserError
from atelier.common.files import digest
from atelier.config import Params
from atelier.evaluation.evaluate import Evaluation
from atelier.report.comparable import keep_comparable, read_table
from atelier.report.page import PageData


@dataclass(frozen=True)
class ReportInputs:
    """Files that other stages and commands have written."""

    curves: Path  # metrics/train
    trained: Path  # metrics/train.json
    ablations: Path  # metrics/ablations.csv
    methods: Path  # metrics/methods.csv: of both, the page shows the runs of the evaluation's own origin


def gather_page(result: Evaluation, files: ReportInputs, params: Params, inputs: Iterable[Path]) -> PageData:
    """Collect the data of the page.

    Args:
        inputs: the evaluated files; the page shows their digests.

    Raises:
        UserError: a file is missing or cannot be parsed.
    """
    origin = result.report["origin"]
    ablations, remark = keep_comparable(read_table(files.ablations), origin)
    methods, remark_on_methods = keep_comparable(read_table(files.methods), origin)
    return PageData(
        report=result.report,
        scores=result.scores,
        samples=result.samples,
        frontier=result.frontier,
        ablations=ablations,
        methods=methods,
        epochs=_read(files.curves / "epochs.csv", pd.read_csv),
        steps=_read(files.curves / "steps.csv", pd.read_csv),
        trained=_read(files.trained, lambda path: json.loads(path.read_text(encoding="utf-8"))),
        params=params.model_dump(),
        digests={path.as_posix(): digest(path) for path in inputs},
        remarks={"ablations": remark, "methods": remark_on_methods},
    )


def _read(path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
