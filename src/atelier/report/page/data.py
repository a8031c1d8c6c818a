"""What the page is made of."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from atelier.evaluation.samples import Sample


@dataclass(frozen=True)
class PageData:
    """Everything that a report page shows. What is None, empty or lacks a column drops its part of the page."""

    report: dict[str, Any]  # as metrics/evaluate.json
    scores: pd.DataFrame  # as scoring.score_samples gives them: a row per probe and model
    cases: list[Sample]
    frontier: pd.DataFrame | None  # domain, model, guidance_text, guidance_image, success, preservation, n
    ablations: pd.DataFrame | None  # metrics/ablations.csv
    methods: pd.DataFrame | None  # metrics/methods.csv
    epochs: pd.DataFrame  # metrics/train/epochs.csv
    steps: pd.DataFrame  # metrics/train/steps.csv
    trained: dict[str, Any]  # metrics/train.json
    params: dict[str, Any]  # params.yaml, section → key → value
    digests: dict[str, str]  # what was read → its digest

    @property
    def domains(self) -> dict[str, dict[str, Any]]:
        """The report's domains, in its order."""
        return {name: part for name, part in self.report.items() if isinstance(part, dict) and "baseline" in part}
