"""The data of the page, and the tables that its templates lay out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from atelier.evaluation.samples import Sample
from atelier.report.format import interval_of, mean_of


@dataclass(frozen=True)
class PageData:
    """Everything that the page shows. A field that is None, empty or lacks a column drops its part of the page."""

    report: dict[str, Any]  # as metrics/evaluate.json
    scores: pd.DataFrame  # as score.score_samples returns them: a row per probe and model
    samples: list[Sample]
    frontier: pd.DataFrame | None  # domain, model, guidance_text, guidance_image, success, preservation, n
    ablations: pd.DataFrame | None  # metrics/ablations.csv
    methods: pd.DataFrame | None  # metrics/methods.csv
    epochs: pd.DataFrame  # metrics/train/epochs.csv
    steps: pd.DataFrame  # metrics/train/steps.csv
    trained: dict[str, Any]  # metrics/train.json
    params: dict[str, Any]  # params.yaml, section → key → value
    digests: dict[str, str]  # input file → its digest

    @property
    def domains(self) -> dict[str, dict[str, Any]]:
        """The report's domains, in its order."""
        return {name: part for name, part in self.report.items() if isinstance(part, dict) and "baseline" in part}


@dataclass(frozen=True)
class Row:
    """A row of a table: its heading, then its cells (Markup as it is, other text escaped)."""

    label: str
    cells: Sequence[str]
    kind: str = ""  # CSS class: reference, paper, gain, or none
    lead: tuple[str, int] | None = None  # a heading before the row's own, and the number of rows that it spans


@dataclass(frozen=True)
class Table:
    """A table with a caption; its rows come in groups that a line divides."""

    caption: str
    header: Sequence[str]
    groups: Iterable[Sequence[Row]]


def above(text: str, below: str) -> str:
    """Return a cell with a second line in small type, unless that is empty."""
    return Markup("{}<small>{}</small>").format(text, below) if below else text


def with_interval(estimate: Mapping[str, Any] | None, decimals: int, signed: bool = False) -> str:
    """Return a cell with an estimate's mean and its interval below."""
    return above(mean_of(estimate, decimals, signed), interval_of(estimate, decimals, signed))
