"""Gather what the report page shows beside the evaluation: curves, ablations, methods, parameters, digests.

All of it comes from declared inputs of the stage `evaluate`, so that the page is a function of them alone.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from atelier.common.errors import UserError
from atelier.common.files import digest
from atelier.config import Params
from atelier.evaluation.evaluate import Evaluation
from atelier.report.page import PageData


@dataclass(frozen=True)
class Beside:
    """Files that other stages and commands have written."""

    curves: Path  # metrics/train
    trained: Path  # metrics/train.json
    ablations: Path  # metrics/ablations.csv
    methods: Path  # metrics/methods.csv


def gather_page(result: Evaluation, beside: Beside, params: Params, inputs: Iterable[Path]) -> PageData:
    """Collect the data of the page.

    Args:
        inputs: the evaluated files; the page shows their digests.

    Raises:
        UserError: a file is missing or cannot be parsed.
    """
    return PageData(
        report=result.report,
        scores=result.scores,
        samples=result.samples,
        frontier=result.frontier,
        ablations=_read_table(beside.ablations),
        methods=_read_table(beside.methods),
        epochs=_read_table(beside.curves / "epochs.csv"),
        steps=_read_table(beside.curves / "steps.csv"),
        trained=_read_json(beside.trained),
        params=params.model_dump(),
        digests={path.as_posix(): digest(path) for path in inputs},
    )


def _read_table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: no readable table: {str(error).splitlines()[0]}") from None


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: no readable report: {str(error).splitlines()[0]}") from None
