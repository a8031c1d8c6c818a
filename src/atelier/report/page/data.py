"""The data of the page, and the tables that its templates lay out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from markupsafe import Markup

from atelier.evaluation.samples import Sample
from atelier.metrics.definitions import define
from atelier.metrics.registry import METRICS
from atelier.report.format import heading, interval_of, mean_of


@dataclass(frozen=True)
class PageData:
    """Everything that the page shows. A field that is None, empty or lacks a column drops its part of the page."""

    report: dict[str, Any]  # as metrics/evaluate.json
    scores: pd.DataFrame  # as score.score_samples returns them: a row per probe and model
    samples: list[Sample]
    frontier: pd.DataFrame | None  # domain, model, guidance_text, guidance_image, success, preservation, n
    ablations: pd.DataFrame | None  # metrics/ablations.csv: the runs that this one can be compared with
    methods: pd.DataFrame | None  # metrics/methods.csv: likewise
    epochs: pd.DataFrame  # metrics/train/epochs.csv
    steps: pd.DataFrame  # metrics/train/steps.csv
    trained: dict[str, Any]  # metrics/train.json
    params: dict[str, Any]  # params.yaml, section → key → value
    digests: dict[str, str]  # input file → its digest
    remarks: Mapping[str, str] = field(default_factory=dict)  # ablations, methods → a sentence on runs left out, or ""

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


@dataclass(frozen=True)
class Table:
    """A table with a caption; its rows come in groups that a line divides, each with a heading or none."""

    caption: str
    header: Sequence[str]
    groups: Iterable[Sequence[Row]]
    leads: Sequence[str] = ()  # a heading above each group


def above(text: str, below: str) -> str:
    """Return a cell with a second line in small type, unless that is empty."""
    return Markup("{}<small>{}</small>").format(text, below) if below else text


def with_interval(estimate: Mapping[str, Any] | None, decimals: int, signed: bool = False) -> str:
    """Return a cell with an estimate's mean and its interval below."""
    return above(mean_of(estimate, decimals, signed), interval_of(estimate, decimals, signed))


def term(key: str, text: str = "") -> str:
    """Return a metric's name as a button that opens its definition; as text where it has none.

    Args:
        text: the name to show; its heading by default.
    """
    text = text or heading(key)
    if not define(key):
        return text
    button = '<button type="button" class="term" popovertarget="measure-{}">{}</button>'
    return Markup(button).format(key, text)


def with_terms(text: str) -> Markup:
    """Return a text in which every metric's title is a button that opens its definition."""
    titles = {one.title: key for key, one in METRICS.items() if define(key)}
    longest_first = sorted(titles, key=len, reverse=True)
    pieces = re.split(rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?!\w)", text)
    return Markup("").join(term(titles[piece], piece) if piece in titles else piece for piece in pieces)


def definitions() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return what the buttons of `term` open: key, title, and its definition as (heading, text)."""
    return [(key, one.title, told) for key, one in METRICS.items() if (told := define(key))]
