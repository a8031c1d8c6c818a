"""The result of a study in three lines, for a terminal: a line per domain, and what got better or worse."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from atelier.common.errors import UserError
from atelier.common.records import TESTS
from atelier.metrics.registry import key_metrics, metric
from atelier.report.format import figure
from atelier.report.page.answer import verdict, worse_by_prompt

SHOWN = ("clip_directional", "leakage_share", "target_rmse")
REPORT, PAGE = Path("metrics/evaluate.json"), Path("metrics/report/index.html")


def summarise_study(folder: Path) -> list[str]:
    """Return a line per domain with its measures before and after fine-tuning, one on their differences, and the page.

    Args:
        folder: a study's folder: the repository's root, or one that `atelier new` made.

    Raises:
        UserError: the study has no results yet.
    """
    if not (folder / REPORT).is_file():
        raise UserError(f"{folder / REPORT}: no such file; `dvc repro` writes it")
    try:
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except ValueError:
        raise UserError(f"{folder / REPORT}: not JSON; `dvc repro` writes it") from None
    parts = {name: part for name, part in report.items() if isinstance(part, dict) and "finetuned" in part}
    domains = {name: part for name, part in parts.items() if name != TESTS}  # held-out pairs: on the page
    lines = [f"{name.capitalize()} images: {'; '.join(_changes(part))}." for name, part in domains.items()]
    counts = "; ".join(f"{name}: {_count(part)}" for name, part in domains.items())
    page = (folder / PAGE).resolve()
    shown = str(page) if page.is_file() else f"{page} (not here: `dvc checkout` or `dvc repro` brings it back)"
    return [*lines, f"Key measures after fine-tuning, {counts}.", f"Page with every edit: {shown}"]


def _changes(domain: Mapping[str, Any]) -> Iterator[str]:
    """Yield `title before → after` of the measures that a domain has."""
    for one in map(metric, SHOWN):
        means = [domain.get(model, {}).get(one.key) for model in ("baseline", "finetuned")]
        if all(means):
            before, after = (figure(estimate["mean"], one.decimals) for estimate in means)
            yield f"{one.label} {before} → {after}"


def _count(domain: Mapping[str, Any]) -> str:
    """Return how many key metrics are shown to be better or worse, and for which prompts one of them is worse."""
    keys = [one.key for group in key_metrics().values() for one in group if one.key in domain.get("gain", {})]
    found = [verdict(key, domain["gain"][key]) for key in keys]
    text = f"{found.count('better')} of {len(keys)} better, {found.count('worse')} worse"
    prompts = [f"“{prompt}”" for prompt in worse_by_prompt(domain)]
    return f"{text} (worse for {', '.join(prompts)})" if prompts else text
